"""Sentences for the errors of Hydra, OmegaConf and the YAML parser."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from hydra import compose as hydra_compose
from omegaconf import DictConfig

from ganlab.config.option_files import yaml_problem
from ganlab.config.paths import is_path_key, to_type
from ganlab.errors import nearest

CONFIG_NAME = "train"
"""The primary file of the configs."""


def explained(error: Exception, options: Mapping[str, Sequence[str]]) -> str:
    """Returns the message of Hydra, OmegaConf or the YAML parser as one sentence. ``options`` are those of each
    group."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(cause, yaml.YAMLError) and (problem := yaml_problem(cause)):
        return problem
    text = " ".join(str(error).split()) or " ".join(str(cause).split())
    if missing := re.match(r"In '(.+?)': Could not (?:find|load) '(.+?)'", text):
        group, _, option = missing[2].rpartition("/")
        guess = nearest(option, options.get(group, []))
        end = f"; did you mean {group}={guess}?" if guess else ""
        # Hydra names the primary file as the source of an override in a recipe or trick.
        file = "a recipe or trick" if missing[1] == CONFIG_NAME else f"{missing[1]}.yaml"
        return f"{file} names {group}={option}: no such option{end}"
    if override := re.match(r"In '(.+?)': Could not override '(.+?)'", text):
        guess = nearest(override[2].lstrip("/"), options)
        end = f"; did you mean {guess}?" if guess else ""
        return f"{override[1]}.yaml overrides {override[2]}: no such group{end}"
    if key := re.match(r"Interpolation key '(.+?)' not found.*?full_key: (\S+)", text):
        path = f"; a path that is named so: {to_type(key[2], f'${{{key[1]}}}')}" if is_path_key(key[2]) else ""
        return f"{key[2]}: ${{{key[1]}}} names no setting{path}"
    if hydra_key := re.match(r"Could not override '(hydra\..+?)'", text):
        known = list(_leaves(hydra_compose(CONFIG_NAME, [], return_hydra_config=True).hydra, "hydra"))
        guess = nearest(hydra_key[1], known)
        return f"{hydra_key[1]}: no such setting" + (f"; did you mean {guess}?" if guess else " of Hydra")
    if deleted := re.match(r"Could not delete from config\. '(.+?)' does not exist", text):
        return f"~{deleted[1]}: there is no such setting to remove"
    return text.split(" See https")[0]


def _leaves(node: Any, key: str) -> Iterator[str]:
    """Yields the full keys of the values in a composed configuration, unresolved."""
    if isinstance(node, DictConfig) and not node._is_none() and not node._is_missing():
        for name in node:
            yield from _leaves(node._get_node(name), f"{key}.{name!s}")
    else:
        yield key
