"""From what a person types to plain values: Hydra composes, and what it would say late or not at all is said first.

This is the only module that knows Hydra's composition. Hydra reports one problem at a time and knows nothing of unknown
keys in files, so every override is looked at here before Hydra sees it, and every job of a sweep is composed before the
first one runs.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ganlab.config.parse import hints, is_mapping, keys, parse, table_of
from ganlab.config.settings import Settings
from ganlab.errors import Refused, UserError, nearest

CONFIG_NAME = "train"
LISTS = ("tricks", "regularizer", "augment")  # groups of which several options may be chosen
RECIPE = "experiment"


def config_folder() -> Path:
    """The folder of the configs: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


@contextmanager
def composer(own_folder: str | None = None) -> Iterator[Composer]:
    """A ``Composer`` over ganlab's configs, and before them those in ``own_folder`` (Hydra's ``--config-dir``)."""
    with initialize_config_dir(str(config_folder()), version_base="1.3", job_name="train"):
        yield Composer(own_folder)
    GlobalHydra.instance().clear()


class Composer:
    """Reads overrides and composes plain values. Needs Hydra to be initialized, as it is in ``composer`` or in a
    job."""

    def __init__(self, own_folder: str | None = None) -> None:
        loader = GlobalHydra.instance().config_loader()
        if own_folder is not None:
            folder = Path(own_folder).resolve()
            if not folder.is_dir():
                raise UserError(f"--config-dir {own_folder}: there is no such folder")
            loader.config_search_path.prepend("command-line", f"file://{folder}")  # type: ignore[attr-defined]
            loader.repository.initialize_sources(loader.config_search_path)  # type: ignore[attr-defined]
        self.options = {group: loader.get_group_options(group) for group in loader.list_groups("") if group != "hydra"}

    @property
    def suggestions(self) -> dict[str, str]:
        """What to type for a word that is an option's name where a setting's was expected."""
        return {
            option: f"{group}=[{option}]" if group in LISTS else f"{group}={option}"
            for group in ("loss", "regularizer", "augment", RECIPE, "tricks")
            for option in self.options.get(group, [])
        }

    # ------------------------------------------------------------------------------------------------------ overrides

    def read(self, overrides: Sequence[str]) -> list[Override]:
        """The overrides, each understood alone, its group's options looked up. Raises Refused with all problems, those
        of the values beside them included."""
        problems: list[str] = []
        good: list[Override] = []
        bad: list[Override] = []
        for text in overrides:
            try:
                override = OverridesParser.create().parse_overrides([text])[0]
            except HydraException as error:
                problems.append(self._unreadable(text, error))
                continue
            unknown = self._unknown_options(override) if self.is_group_choice(override) else []
            problems += unknown
            (bad if unknown else good).append(override)
        if problems:
            raise Refused([*problems, *self._problems_beside(good, [one.key_or_group for one in bad])])
        return good

    def _problems_beside(self, good: Sequence[Override], bad_groups: Sequence[str]) -> list[str]:
        """What is wrong with the values that were typed beside a choice that does not exist, that choice left out."""
        jobs = self.jobs(self.rewrite(good))[:32]
        problems = [problem for job in jobs for problem in self._problems_in(job)]
        # Settings of an option that could not be chosen cannot be known either.
        return [one for one in problems if not one.startswith(tuple(f"{group}." for group in bad_groups))]

    def is_group_choice(self, override: Override) -> bool:
        """Whether an override chooses an option (``norm=spectral``) rather than setting a value."""
        values = _values(override)
        return override.key_or_group in self.options and not any(isinstance(value, dict) for value in values)

    def _unreadable(self, text: str, error: HydraException) -> str:
        if "=" not in text:
            known = [*self.options, *keys(Settings)]
            name = text.lstrip("+~-")
            guess = name if name in known else nearest(name, known) or self.suggestions.get(name)
            hint = (
                f"; did you mean {guess if guess and '=' in guess else f'{guess}=…'}?" if guess else ", such as seed=1"
            )
            return f"{text}: need KEY=VALUE{hint}"
        reason = str(error).splitlines()[0].removeprefix("LexerNoViableAltException: ")
        return f"{text}: cannot be read as KEY=VALUE ({reason}); values with spaces or signs need quotes: 'KEY=\"…\"'"

    def _unknown_options(self, override: Override) -> list[str]:
        group = override.key_or_group
        options = self.options[group]
        problems = []
        for value in _values(override):
            for option in value if isinstance(value, list) else [value]:
                if option is None or str(option) in options:
                    continue
                guess = nearest(str(option), options)
                typed = f"{group}=[{guess}]" if isinstance(value, list) else f"{group}={guess}"
                found = f"{group}=[{option}]" if isinstance(value, list) else f"{group}={option}"
                end = f"did you mean {typed}?" if guess else f"there are {', '.join(options)}"
                problems.append(f"{found}: no such option; {end}")
        return problems

    def rewrite(self, read: Sequence[Override]) -> list[str]:
        """The overrides as Hydra should get them.

        Values become ``++key=value``, so that unknown keys reach the parse, which knows better what was meant. A
        component that is replaced by another (``init.generator=he``) loses the old one's settings before it takes new
        ones.
        """
        slots = set(_slots(Settings))
        rewritten: list[str] = []
        for override in read:
            key, text = override.key_or_group, override.input_line or ""
            if override.is_hydra_override() or override.is_delete() or self.is_group_choice(override):
                # `+norm=…` of a group that stands in the defaults list already: the person means norm=…
                plus = text.startswith("+") and key in self.options and key not in LISTS
                rewritten.append(text.lstrip("+") if plus else text)
                continue
            value = text.partition("=")[2]
            values = _values(override)
            has_settings = any(other.key_or_group.startswith(f"{key}.") for other in read)
            if key in slots and len(values) == 1 and isinstance(values[0], dict):
                rewritten += [f"++{key}=null", *(f"++{key}.{k}={json.dumps(v)}" for k, v in values[0].items())]
            elif key in slots and has_settings and all(isinstance(one, str) for one in values):
                rewritten += [f"++{key}=null", f"++{key}.name={value}"]
            else:
                rewritten.append(f"++{key}={value}")
        return rewritten

    def jobs(self, rewritten: Sequence[str]) -> list[list[str]]:
        """The overrides of each job of a sweep. Sweeps without an end (an Optuna interval) are left out of them."""
        from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

        loader = GlobalHydra.instance().config_loader()
        parsed = OverridesParser.create(config_loader=loader).parse_overrides(list(rewritten))
        countable = [
            one
            for one in parsed
            if not one.is_hydra_override() and (not one.is_sweep_override() or one.is_discrete_sweep())
        ]
        (batch,) = BasicSweeper.split_arguments(countable, None)
        return [list(job) for job in batch]

    # ------------------------------------------------------------------------------------------------------ composing

    def plain(self, rewritten: Sequence[str]) -> dict[str, Any]:
        """The plain values of one job, from its rewritten overrides. Raises Refused, in one line, where Hydra cannot
        compose them. What is typed wins over a recipe, an option typed over the recipe's settings in its group."""
        read = OverridesParser.create().parse_overrides(list(rewritten))
        recipe = next((one for one in read if one.key_or_group == RECIPE and one.value() is not None), None)
        without_recipe = [one.input_line or "" for one in read if one is not recipe]
        try:
            plain = self._compose(rewritten)
        except Refused as error:
            raise Refused([*error.problems, *(self._problems_in(without_recipe) if recipe else [])]) from None
        if recipe is not None:
            without = self._compose(without_recipe)
            for one in read:
                if self.is_group_choice(one) and one.key_or_group in without and one.key_or_group not in LISTS:
                    plain[one.key_or_group] = without[one.key_or_group]
        return plain

    def _problems_in(self, rewritten: Sequence[str]) -> list[str]:
        try:
            parse(Settings, self._compose(rewritten), self.suggestions)
        except Refused as error:
            return error.problems
        return []

    def _compose(self, rewritten: Sequence[str]) -> dict[str, Any]:
        try:
            composed = hydra_compose(CONFIG_NAME, list(rewritten))
            plain = OmegaConf.to_container(composed, resolve=True)
        except (HydraException, OmegaConfBaseException, yaml.YAMLError) as error:
            raise Refused([self._explain(error)]) from None
        assert isinstance(plain, dict)
        return {str(key): value for key, value in plain.items()}

    def _explain(self, error: Exception) -> str:
        """Hydra's message as one sentence."""
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        if isinstance(cause, yaml.MarkedYAMLError) and cause.problem_mark is not None:
            mark = cause.problem_mark
            return f"{mark.name}, line {mark.line + 1}: not YAML ({cause.problem})"
        text = " ".join(str(error).split()) or " ".join(str(cause).split())
        if missing := re.match(r"In '(.+?)': Could not (?:find|load) '(.+?)'", text):
            group, _, option = missing[2].rpartition("/")
            guess = nearest(option, self.options.get(group, []))
            end = f"; did you mean {group}={guess}?" if guess else ""
            # Hydra blames the primary file for what a recipe or a trick overrides.
            file = "a recipe or trick" if missing[1] == CONFIG_NAME else f"{missing[1]}.yaml"
            return f"{file} names {group}={option}: no such option{end}"
        if override := re.match(r"In '(.+?)': Could not override '(.+?)'", text):
            guess = nearest(override[2].lstrip("/"), self.options)
            end = f"; did you mean {guess}?" if guess else ""
            return f"{override[1]}.yaml overrides {override[2]}: no such group{end}"
        if key := re.match(r"Interpolation key '(.+?)' not found.*?full_key: (\S+)", text):
            return f"{key[2]}: ${{{key[1]}}} names no setting"
        if hydra_key := re.match(r"Could not override '(hydra\..+?)'", text):
            known = list(_leaves(hydra_compose(CONFIG_NAME, [], return_hydra_config=True).hydra, "hydra"))
            guess = nearest(hydra_key[1], known)
            return f"{hydra_key[1]}: no such setting" + (f"; did you mean {guess}?" if guess else " of Hydra")
        if deleted := re.match(r"Could not delete from config\. '(.+?)' does not exist", text):
            return f"~{deleted[1]}: there is no such setting to take away"
        return text.split(" See https")[0]


def import_plugins(modules: Sequence[str]) -> None:
    """Imports a person's own modules, which register their components; the current folder is on the path. Raises
    Refused where one cannot be imported."""
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
    """The plugins that a plain configuration names, if they are well formed; the parse tells where they are not."""
    plugins = plain.get("plugins") or []
    return [str(module) for module in plugins] if isinstance(plugins, list) else []


def _leaves(node: Any, key: str) -> Iterator[str]:
    """The full keys of the values in a composed configuration, unresolved."""
    if isinstance(node, DictConfig) and not node._is_none() and not node._is_missing():
        for name in node:
            yield from _leaves(node._get_node(name), f"{key}.{name!s}")
    else:
        yield key


def _values(override: Override) -> list[Any]:
    """The value of an override, or all of a sweep's."""
    value = override._value
    elements = value.list if isinstance(value, ChoiceSweep) else [value]
    return [_unquoted(element) for element in elements]


def _unquoted(element: Any) -> Any:
    if isinstance(element, QuotedString):
        return element.text
    if isinstance(element, list):
        return [_unquoted(item) for item in element]
    if isinstance(element, dict):
        return {_unquoted(key): _unquoted(value) for key, value in element.items()}
    return element


def _slots(kind: type, prefix: str = "") -> Iterator[str]:
    """The full keys that hold a named component."""
    for name, annotation in hints(kind).items():
        full = f"{prefix}{name}"
        table = table_of(annotation)
        if table is not None and not is_mapping(annotation):
            yield full
            for component in table.values():
                yield from _slots(component, f"{full}.")
        elif is_dataclass(annotation):
            yield from _slots(annotation, f"{full}.")  # type: ignore[arg-type]
