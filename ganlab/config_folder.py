"""The folder of the configs that come with ganlab."""

from __future__ import annotations

from pathlib import Path


def config_folder() -> Path:
    """Returns the folder of the configs: inside the installed package, or beside the package in a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"
