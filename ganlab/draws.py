"""Deprecated: the names of this module are in ``ganlab.random_numbers``."""

from ganlab import deprecated
from ganlab import random_numbers as _now

__getattr__ = deprecated.moved(__name__, _now)
