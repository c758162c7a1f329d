"""Data sources, one per file; the cache of decoded images; and the feed that returns batches of them."""

from ganlab.data.arrays import Arrays
from ganlab.data.digit_pairs import DigitPairs
from ganlab.data.digits import Digits
from ganlab.data.fonts import Fonts
from ganlab.data.glyph_pairs import GlyphPairs
from ganlab.data.huggingface import HuggingFace
from ganlab.data.image_folder import ImageFolder
from ganlab.data.image_pairs import ImagePairs
from ganlab.data.lsun import LSUN
from ganlab.data.reading.archives import Tar, Zip
from ganlab.data.source import ImageSet, Source
from ganlab.data.stacked import StackedDigits, StackedMNIST
from ganlab.data.stored import Stored
from ganlab.data.torchvision_sets import TorchvisionSet
from ganlab.data.toys import Grid, Ring, SwissRoll
from ganlab.table import Table

SOURCES = Table[Source](
    "data",
    {
        "digits": Digits,
        "digit_pairs": DigitPairs,
        "image_folder": ImageFolder,
        "image_pairs": ImagePairs,
        "zip": Zip,
        "tar": Tar,
        "torchvision": TorchvisionSet,
        "lsun": LSUN,
        "stacked_mnist": StackedMNIST,
        "stacked_digits": StackedDigits,
        "arrays": Arrays,
        "huggingface": HuggingFace,
        "fonts": Fonts,
        "glyph_pairs": GlyphPairs,
        "ring": Ring,
        "grid": Grid,
        "swiss_roll": SwissRoll,
    },
)

__all__ = ["SOURCES", "ImageSet", "Source", "Stored"]
