"""Feature extractors: the networks by whose output images are compared, one in each file."""

from ganlab.evaluation.features.base import Extracted, Features, Opened, Reals, as_images
from ganlab.evaluation.features.classifier import Classifier
from ganlab.evaluation.features.file import File
from ganlab.evaluation.features.inception import Inception
from ganlab.evaluation.features.pixels import Pixels
from ganlab.table import Table

FEATURES = Table[Features](
    "features", {"classifier": Classifier, "inception": Inception, "pixels": Pixels, "file": File}
)

__all__ = ["FEATURES", "Extracted", "Features", "Opened", "Reals", "as_images"]
