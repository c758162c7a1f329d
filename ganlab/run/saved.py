"""The settings of a run, as its folder has them."""

from __future__ import annotations

from typing import Any


class SavedSettings(dict[str, Any]):
    """The plain configuration of a run, as its folder has it. Somebody else may have written it: trained again, it
    imports no modules and runs no programs that are not typed too."""
