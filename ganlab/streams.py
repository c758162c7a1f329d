"""Deprecated: the names of this module are in ``ganlab.random_streams``."""

from ganlab import deprecated
from ganlab import random_streams as _now

__getattr__ = deprecated.moved(__name__, _now)
