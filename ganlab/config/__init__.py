"""Configuration: converts plain values to typed settings, and reports all problems at once.

The names are imported when they are used: commands that only parse a few settings of their own need no PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganlab.config.configuration import CannotCombine, Configuration, configure
    from ganlab.config.settings import Settings

__all__ = ["CannotCombine", "Configuration", "Settings", "configure"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from ganlab.config import configuration

        return getattr(configuration, name)
    raise AttributeError(f"module 'ganlab.config' has no attribute '{name}'")
