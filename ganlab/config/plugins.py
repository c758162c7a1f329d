"""Imports a person's own modules, which register their components."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganlab.errors import Refused


def import_plugins(modules: Sequence[str]) -> None:
    """Imports the user's modules, which register their components; the current folder is on the path. Raises Refused
    if one cannot be imported."""
    if modules and "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    for module in modules:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            found = f"it imports {error.name}, which is" if error.name != module else "it is"
            raise Refused([f"plugins=[{module}]: {found} neither in the current folder nor installed"]) from None
        except Exception as error:
            raise Refused([f"plugins=[{module}]: importing it fails ({type(error).__name__}: {error})"]) from error


def plugins_in(plain: Mapping[str, Any]) -> list[str]:
    """Returns the plugins that a plain configuration names, if they are well formed; otherwise the parse reports
    them."""
    plugins = plain.get("plugins") or []
    return [str(module) for module in plugins] if isinstance(plugins, list) else []
