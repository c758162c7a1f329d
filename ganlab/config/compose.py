"""Composes typed overrides to plain values with Hydra, and reports problems before Hydra does.

Hydra reports one problem at a time and does not recognize unknown keys in files. Therefore every override is checked
before it is passed to Hydra (``overrides``), and every job of a sweep is composed before the first one runs.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from string import Template
from typing import Any, TypeVar

import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.singleton import Singleton
from hydra.errors import HydraException
from hydra.version import VersionBase
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from ganlab.config.choices import LISTS, RECIPE, TRICKS
from ganlab.config.composition import Composition
from ganlab.config.explain import CONFIG_NAME, explained
from ganlab.config.outline import known_settings
from ganlab.config.parse import parse
from ganlab.config.paths import read_path
from ganlab.config.plugins import import_plugins, offer_for_both_networks, plugins_in
from ganlab.config.recipes import (
    keep_settings_of_tricks,
    refuse_contradicting_tricks,
    refuse_regularizers_named_twice,
    remove_replaced_options,
    remove_replaced_settings,
    without_settings_of_default,
)
from ganlab.config_folder import config_folder
from ganlab.errors import Refused, UserError

T = TypeVar("T")

LONGEST_KEY = 200  # bytes; a file has a name of at most 255 on most systems


@contextmanager
def composer(own_folder: str | None = None) -> Iterator[Composer]:
    """Returns a context with a ``Composer`` for ganlab's configs; the configs in ``own_folder`` (Hydra's
    ``--config-dir``) take precedence over them."""
    with _hydra_set_aside(), initialize_config_dir(str(config_folder()), version_base="1.3", job_name="train"):
        yield Composer(own_folder)


@contextmanager
def _hydra_set_aside() -> Iterator[None]:
    """Returns a context without the Hydra of the caller, which is there again at the end: a script or a notebook may
    use Hydra for its own configs."""
    instances: dict[Any, Any] = Singleton._instances
    before = {kind: instances.pop(kind) for kind in (GlobalHydra, VersionBase) if kind in instances}
    try:
        yield
    finally:
        for kind in (GlobalHydra, VersionBase):
            instances.pop(kind, None)
        instances.update(before)


class Composer(Composition):
    """Reads overrides and composes plain values. Hydra must be initialized, as it is in ``composer`` and in a job."""

    def __init__(self, own_folder: str | None = None) -> None:
        self.loader = loader = GlobalHydra.instance().config_loader()
        if own_folder is not None:
            folder = Path(own_folder).expanduser().resolve()
            if not folder.is_dir():
                raise UserError(f"--config-dir {own_folder}: there is no such folder")
            loader.config_search_path.prepend("command-line", f"file://{folder}")  # type: ignore[attr-defined]
            loader.repository.initialize_sources(loader.config_search_path)  # type: ignore[attr-defined]
        self.options = self._options()
        self._last: dict[tuple[str, ...], dict[str, Any]] = {}  # the last result of ``plain``, by its overrides

    def _options(self) -> dict[str, list[str]]:
        # The loader's own methods would copy all of its configurations for each group.
        repository = self.loader.repository  # type: ignore[attr-defined]
        groups = repository.get_group_options("", ObjectType.GROUP)
        return {group: repository.get_group_options(group) for group in groups if group != "hydra"}

    def hydra_options(self) -> dict[str, list[str]]:
        """Returns the options of Hydra's own groups, such as ``hydra/sweeper``."""
        repository = self.loader.repository  # type: ignore[attr-defined]
        groups = [f"hydra/{name}" for name in repository.get_group_options("hydra", ObjectType.GROUP)]
        return {group: repository.get_group_options(group) for group in groups}

    def help(self) -> str:
        """Returns the help that ``hydra.help`` describes, with the default configuration. Hydra's own function makes
        the same text, but copies all configurations for each group."""
        composed = hydra_compose(CONFIG_NAME, [], return_hydra_config=True)
        template = Template(composed.hydra.help.template)
        with open_dict(composed):
            del composed["hydra"]
        groups = "".join(f"{group}: {', '.join(names)}\n" for group, names in sorted(self.options.items()) if names)
        return template.safe_substitute(APP_CONFIG_GROUPS=groups, CONFIG=OmegaConf.to_yaml(composed))

    def read(self, overrides: Sequence[str]) -> list[Override]:
        """Parses each override, checks that the options which it names exist, and imports typed plugins. Raises
        Refused with all problems, including those of the values that were typed with them."""
        problems: list[str] = []
        read: list[Override] = []
        for text in map(read_path, overrides):
            name = text.partition("=")[0]
            if len(name.encode(errors="replace")) > LONGEST_KEY:  # Hydra searches for a file with this name
                problems.append(f"{text[:40]}…: no setting has a name of {len(name):,} letters")
                continue
            try:
                read += OverridesParser.create(config_loader=self.loader).parse_overrides([text])
            except (HydraException, ValueError, RecursionError) as error:  # ValueError: a number of 5,000 digits
                problems.append(self.unreadable(text, error))
        plugins = [one.value() for one in read if one.key_or_group == "plugins" and not one.is_sweep_override()]
        import_plugins(plugins_in({"plugins": plugins[-1]}) if plugins else [])
        if offer_for_both_networks() or plugins:
            self.options = self._options()
        wrong = {one.key_or_group: found for one in read if (found := self.choice_problems(one))}
        if problems or wrong:
            problems += [problem for found in wrong.values() for problem in found]
            good = [one for one in read if one.key_or_group not in wrong]
            raise Refused([*problems, *self._problems_beside(good, list(wrong))])
        return read

    def _problems_beside(self, good: Sequence[Override], bad_groups: Sequence[str]) -> list[str]:
        """Returns the problems of the overrides ``good``, which were typed together with options that do not exist,
        in ``bad_groups``."""
        if "hydra/sweeper" in bad_groups:  # intervals need the sweeper that does not exist
            good = [one for one in good if not one.is_sweep_override() or one.is_discrete_sweep()]
        jobs = self.jobs(self.rewrite(good))[:32]
        problems = [problem for job in jobs for problem in self._problems_in(job)]
        if {RECIPE, TRICKS} & set(bad_groups):  # which may choose the options that have these settings
            problems = [one for one in problems if " has no such setting, " not in one]
        # The settings of an option that does not exist are not known.
        return [one for one in problems if not one.startswith(tuple(f"{group}." for group in bad_groups))]

    def plain(self, rewritten: Sequence[str]) -> dict[str, Any]:
        """Returns the plain values of one job, from its rewritten overrides. Typed values take precedence over those
        of a recipe; a typed option also replaces the recipe's settings in its group. Raises Refused, with one line,
        if Hydra cannot compose them."""
        key = tuple(rewritten)
        if key not in self._last:
            self._last = {key: self._plain(rewritten)}
        return copy.deepcopy(self._last[key])

    def _plain(self, rewritten: Sequence[str]) -> dict[str, Any]:
        read = OverridesParser.create().parse_overrides(list(rewritten))
        recipe = next((one for one in read if one.key_or_group == RECIPE), None)
        own = [one for one in read if one.key_or_group not in (RECIPE, TRICKS)]
        try:
            plain, chosen = self.composed(rewritten)
        except Refused as error:
            without_recipe = [one.input_line or "" for one in read if one is not recipe]
            raise Refused([*error.problems, *(self._problems_in(without_recipe) if recipe else [])]) from None
        refuse_regularizers_named_twice(chosen)
        tricks = [option for group, option, _ in chosen if group == TRICKS]
        refuse_contradicting_tricks(self, tricks)
        if recipe is not None:
            remove_replaced_options(self, plain, read, own, chosen, tricks)
        self._empty_lists(plain, own)
        if tricks:
            keep_settings_of_tricks(self, plain, own, tricks)
        typed = [one.key_or_group for one in read]
        remove_replaced_settings(self, plain, str(recipe.value()) if recipe else None, typed)
        return without_settings_of_default(self, plain, typed, {group: option for group, option, _ in chosen})

    def _empty_lists(self, plain: dict[str, Any], own: Sequence[Override]) -> None:
        """Removes what a loss or a trick adds to a list that was typed as empty, but not a plugin's component, which a
        list cannot name."""
        named = {one.key_or_group for one in own}
        for one in own:
            group = one.key_or_group
            if group in LISTS and self.is_group_choice(one) and one.value() == [] and not one.is_add():
                added = plain.get(group) or {}
                plain[group] = {name: value for name, value in added.items() if f"{group}.{name}" in named}

    def run_folder(self, read: Sequence[Override]) -> str:
        """Returns ``hydra.run.dir`` with its ``${…}`` resolved. Raises Refused if that is impossible."""
        return str(self._of_hydra(read, lambda hydra: hydra.run.dir))

    def sweeper(self, read: Sequence[Override]) -> tuple[str, dict[str, Any]]:
        """Returns the name of the chosen sweeper and its plain settings. Raises Refused."""

        def found(hydra: DictConfig) -> tuple[str, dict[str, Any]]:
            settings = OmegaConf.to_container(hydra.sweeper, resolve=False, enum_to_str=True)
            plain = {str(key): value for key, value in settings.items()} if isinstance(settings, dict) else {}
            return str(hydra.runtime.choices["hydra/sweeper"]), plain

        return self._of_hydra(read, found)

    def hydra_plugins(self, read: Sequence[Override]) -> tuple[str, str, bool]:
        """Returns the names of the chosen sweeper and launcher, and whether there are callbacks. Raises Refused."""

        def found(hydra: DictConfig) -> tuple[str, str, bool]:
            chosen = hydra.runtime.choices
            return str(chosen["hydra/sweeper"]), str(chosen["hydra/launcher"]), bool(hydra.callbacks)

        return self._of_hydra(read, found)

    def sweep_of_hydra(self, read: Sequence[Override]) -> tuple[str, dict[str, Any]]:
        """Returns ``hydra.mode`` (RUN, MULTIRUN, or nothing) and ``hydra.sweeper.params``. Raises Refused."""

        def found(hydra: DictConfig) -> tuple[str, dict[str, Any]]:
            params = OmegaConf.to_container(hydra.sweeper, resolve=True, enum_to_str=True)
            plain = (params.get("params") or {}) if isinstance(params, dict) else {}
            mode = hydra.get("mode")
            return ("" if mode is None else getattr(mode, "name", str(mode))), {str(k): v for k, v in plain.items()}

        return self._of_hydra(read, found)

    def sweep_folder(self, read: Sequence[Override]) -> str:
        """Returns ``hydra.sweep.dir`` with its ``${…}`` resolved. Raises Refused if that is impossible."""
        return str(self._of_hydra(read, lambda hydra: hydra.sweep.dir))

    def sweep_subdir(self, read: Sequence[Override]) -> str:
        """Returns ``hydra.sweep.subdir`` of one job, with its ``${…}`` resolved. Raises Refused."""
        return str(self._of_hydra(read, lambda hydra: hydra.sweep.subdir))

    def _of_hydra(self, read: Sequence[Override], find: Callable[[DictConfig], T]) -> T:
        """Returns the result of ``find`` for Hydra's own settings. Raises Refused if Hydra cannot compose them."""
        fixed = self.rewrite([one for one in read if not one.is_sweep_override()])
        try:
            return find(hydra_compose(CONFIG_NAME, fixed, return_hydra_config=True).hydra)
        except (HydraException, OmegaConfBaseException, yaml.YAMLError) as error:
            raise Refused([explained(error, self.options)]) from None

    def _problems_in(self, rewritten: Sequence[str]) -> list[str]:
        try:
            parse(known_settings(), self.compose(rewritten), self.suggestions)
        except Refused as error:
            return error.problems
        return []
