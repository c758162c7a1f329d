"""Imports a person's own modules, which register their components."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from ganlab.config.outline import known_settings
from ganlab.config.schema import hints, is_mapping, table_of
from ganlab.config_folder import config_folder
from ganlab.errors import Refused

NETWORKS = ("generator", "discriminator")


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


def offer_for_both_networks() -> bool:
    """Makes each component without an option file an option of its group if it is one that each network has:
    ``init=tiny`` chooses it for both, as ``init=he`` does. Hydra reads these options like files, also in a sweep.
    Returns whether there are such components."""
    from hydra.core.config_store import ConfigStore  # a trained generator is loaded without Hydra

    store, any_offered = ConfigStore.instance(), False
    for group, annotation in hints(known_settings()).items():
        if not is_dataclass(annotation) or set(NETWORKS) - set(hints(annotation)):  # type: ignore[arg-type]
            continue
        for name, content in _components(hints(annotation)["generator"]).items():  # type: ignore[arg-type]
            if not (config_folder() / group / f"{name}.yaml").is_file():
                store.store(name=name, node=dict.fromkeys(NETWORKS, content), group=group)
                any_offered = True
    return any_offered


def _components(annotation: Any) -> dict[str, dict[str, Any]]:
    """Returns the plain values that choose each component that a network may have: ``{"name": "he"}`` for an
    initializer or an optimizer, ``{"layer": {"name": "batch"}}`` for a norm. The first of two with one name counts."""
    table = table_of(annotation)
    if table is not None and not is_mapping(annotation):
        return {name: {"name": name} for name in table}
    found: dict[str, dict[str, Any]] = {}
    for field, inner in hints(annotation).items() if is_dataclass(annotation) else ():  # type: ignore[arg-type]
        found = {name: {field: content} for name, content in _components(inner).items()} | found
    return found


def plugins_in(plain: Mapping[str, Any]) -> list[str]:
    """Returns the plugins that a plain configuration names, if they are well formed; otherwise the parse reports
    them."""
    plugins = plain.get("plugins") or []
    return [str(module) for module in plugins] if isinstance(plugins, list) else []
