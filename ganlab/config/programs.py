"""Refuses programs that a saved configuration names: a program is run only if it was typed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import Override

from ganlab.config.plain import lookup
from ganlab.config.plugins import plugins_in
from ganlab.errors import Refused

TYPED = ("evaluation", "evaluation.features", "evaluation.features.path")


def refuse_saved_programs(saved: Mapping[str, Any], read: Sequence[Override]) -> None:
    """Raises Refused if the configuration of a run to be resumed evaluates samples with a program (``features=file``:
    TorchScript, or an exported one) and no other features were typed."""
    if problems := _saved_programs(saved, {one.key_or_group for one in read}):
        raise Refused(problems)


def refuse_saved_code(saved: Mapping[str, Any], typed: Collection[str]) -> None:
    """Raises Refused if a saved configuration that is trained again names a program or modules, and the keys that were
    ``typed`` with it do not."""
    problems = _saved_programs(saved, typed)
    if (plugins := plugins_in(saved)) and "plugins" not in typed:
        problems.append(
            f"saved config.yaml: plugins=[{','.join(plugins)}] names modules, which would be imported; give "
            f"plugins={plugins} too if you trust them, or plugins=[]"
        )
    if problems:
        raise Refused(problems)


def _saved_programs(saved: Mapping[str, Any], typed: Collection[str]) -> list[str]:
    """Returns a sentence on a program of the saved configuration, if it is not typed."""
    if not names_program(saved) or any(key in TYPED for key in typed):
        return []
    path = (lookup(saved, "evaluation.features.path")) or "features.pt"
    return [
        f"saved config.yaml: evaluation.features.path={path} names a program, which would be run; type that too if "
        "you trust it, or evaluation=none"
    ]


def names_program(saved: Mapping[str, Any]) -> bool:
    """Whether a configuration evaluates samples with a program."""
    features = lookup(saved, "evaluation.features")
    return (features.get("name") if isinstance(features, dict) else features) == "file"
