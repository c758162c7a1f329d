"""Regularizers: additional terms of D's or G's loss."""

from ganlab.regularizers.auxiliary_classifier import AuxiliaryClassifier
from ganlab.regularizers.code_constancy import CodeConstancy
from ganlab.regularizers.consistency import Consistency
from ganlab.regularizers.drift import Drift
from ganlab.regularizers.encoder_classifier import EncoderClassifier
from ganlab.regularizers.feature_matching import FeatureMatching
from ganlab.regularizers.gradient_penalty import GradientPenalty
from ganlab.regularizers.lecam import LeCam
from ganlab.regularizers.orthogonal import OrthogonalRegularizer
from ganlab.regularizers.perceptual import Perceptual
from ganlab.regularizers.r1_r2 import R1, R2
from ganlab.regularizers.reconstruction import Reconstruction
from ganlab.regularizers.weight_penalty import WeightPenalty
from ganlab.table import Table
from ganlab.types import Regularizer

REGULARIZERS = Table[Regularizer](
    "regularizer",
    {
        "gradient_penalty": GradientPenalty,
        "r1": R1,
        "r2": R2,
        "weight_penalty": WeightPenalty,
        "orthogonal": OrthogonalRegularizer,
        "consistency": Consistency,
        "drift": Drift,
        "lecam": LeCam,
        "feature_matching": FeatureMatching,
        "auxiliary_classifier": AuxiliaryClassifier,
        "reconstruction": Reconstruction,
        "perceptual": Perceptual,
        "encoder_classifier": EncoderClassifier,
        "code_constancy": CodeConstancy,
    },
)
