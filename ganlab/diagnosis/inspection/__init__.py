"""Measures an initialization without training: signals and gradients by layer, and figures of both networks."""

from ganlab.diagnosis.inspection.figure import Combination
from ganlab.diagnosis.inspection.inspect import inspect
from ganlab.diagnosis.inspection.inspector import Inspector
from ganlab.diagnosis.inspection.judgement import judge
from ganlab.diagnosis.inspection.report import Inspections
from ganlab.diagnosis.inspection.results import Inspection, LayerResult, Logits, NetworkResult, PathPoint, Spectrum

__all__ = [
    "Combination",
    "Inspection",
    "Inspections",
    "Inspector",
    "LayerResult",
    "Logits",
    "NetworkResult",
    "PathPoint",
    "Spectrum",
    "inspect",
    "judge",
]
