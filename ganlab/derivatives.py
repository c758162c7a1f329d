"""Deprecated: the names of this module are in ``ganlab.input_gradient``."""

from ganlab import deprecated
from ganlab import input_gradient as _now

__getattr__ = deprecated.moved(__name__, _now)
