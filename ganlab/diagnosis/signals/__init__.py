"""Signals of a training: numbers at log points that show what goes wrong. Each family's docstring has the meaning,
unit, range and source of its signals."""

from ganlab.diagnosis.signals.classes import Classify
from ganlab.diagnosis.signals.family import Subject
from ganlab.diagnosis.signals.logits import UpdateLogits
from ganlab.diagnosis.signals.signals import Signals

__all__ = ["Classify", "Signals", "Subject", "UpdateLogits"]
