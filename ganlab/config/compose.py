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
from hydra.core.override_parser.types import ChoiceSweep, Glob, Override, QuotedString
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
        self.loader = loader = GlobalHydra.instance().config_loader()
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
        """The overrides, each understood alone, its group's options looked up, typed plugins imported. Raises Refused
        with all problems, those of the values beside them included."""
        problems: list[str] = []
        read: list[Override] = []
        for text in overrides:
            try:
                read += OverridesParser.create(config_loader=self.loader).parse_overrides([text])
            except HydraException as error:
                problems.append(self._unreadable(text, error))
        plugins = [one.value() for one in read if one.key_or_group == "plugins" and not one.is_sweep_override()]
        import_plugins(plugins_in({"plugins": plugins[-1]}) if plugins else [])
        wrong = {one.key_or_group: found for one in read if (found := self._choice_problems(one))}
        if problems or wrong:
            problems += [problem for found in wrong.values() for problem in found]
            good = [one for one in read if one.key_or_group not in wrong]
            raise Refused([*problems, *self._problems_beside(good, list(wrong))])
        return read

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

    def _is_plugins_choice(self, group: str, value: Any) -> bool:
        """Whether a value names a component that has no option file, because a plugin brought it."""
        table = table_of(hints(Settings)[group]) if group in hints(Settings) else None
        return table is not None and value in table and value not in self.options[group]

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

    def _choice_problems(self, override: Override) -> list[str]:
        """What is wrong with the choice of an option, or of several."""
        group, values = override.key_or_group, _values(override)
        if group.startswith("hydra/"):
            known = self.loader.get_group_options(group)
            missing = [value for value in values if isinstance(value, str) and value not in known]
            return [f"{group}={value}: not installed; there are {', '.join(known)}" for value in missing]
        if group not in self.options or override.is_delete():
            return []
        options, several = self.options[group], group in LISTS
        if several and any(isinstance(value, dict) for value in values):
            return [f"{override.input_line}: need a list of names; type {group}=[{next(iter(options), '')}]"]
        if not self.is_group_choice(override):
            return []
        problems = []
        for value in values:
            if value is None and len(values) == 1 and (several or group == RECIPE):
                continue  # none of them
            if isinstance(value, list) and not several:
                problems.append(
                    f"{group}={_listed(value)}: {group} takes one option; several are a sweep, which needs -m"
                )
                continue
            for option in value if isinstance(value, list) else [value]:
                known_name = isinstance(option, str) and (option in options or self._is_plugins_choice(group, option))
                if known_name or isinstance(option, Glob):
                    continue
                name = "null" if option is None else str(option)
                guess = "none" if option is None and "none" in options else nearest(name, options)
                typed, found = (
                    f"{group}=[{one}]" if isinstance(value, list) else f"{group}={one}" for one in (guess, name)
                )
                end = f"did you mean {typed}?" if guess else f"the options are {', '.join(options)}"
                problems.append(f"{found}: no such option; {end}")
        return problems

    def rewrite(self, read: Sequence[Override]) -> list[str]:
        """The overrides as Hydra should get them.

        Values become ``++key=value``, so that unknown keys reach the parse, which knows better what was meant. A
        component that is replaced by another (``init.generator=he``) loses the old one's settings, then takes those
        that were typed, before it or behind it.
        """
        slots = set(_slots(Settings))
        choices: list[str] = []
        components: list[tuple[int, list[str]]] = []
        values: list[str] = []
        for override in read:
            key, text = override.key_or_group, override.input_line or ""
            value = text.partition("=")[2]
            typed = _values(override)
            if override.is_hydra_override():
                choices.append(text)
            elif override.is_delete():
                choices.append(f"{key}=[]" if key in LISTS else text)
            elif self.is_group_choice(override):
                choices += self._rewritten_choice(override, value, typed)
            elif key in self.options and isinstance(typed[0], dict) and len(typed) == 1:
                name = typed[0].get("name")
                choices += [f"{key}={name}"] if name in self.options[key] else []
                values += [f"++{key}.{k}={_encoded(v)}" for k, v in typed[0].items() if not (choices and k == "name")]
            elif key in slots and len(typed) == 1 and isinstance(typed[0], dict):
                settings = [f"++{key}.{k}={_encoded(v)}" for k, v in typed[0].items()]
                components.append((key.count("."), [f"++{key}=null", *settings]))
            elif key in slots and all(isinstance(one, str) for one in typed):
                has_settings = any(other.key_or_group.startswith(f"{key}.") for other in read)
                named = [f"++{key}=null", f"++{key}.name={value}"] if has_settings else [f"++{key}={value}"]
                components.append((key.count("."), named))
            else:
                values.append(f"++{key}={value}")
        # A component before the settings in it, an outer one before an inner one.
        replaced = [text for _, texts in sorted(components, key=lambda one: one[0]) for text in texts]
        return [*choices, *replaced, *values]

    def _rewritten_choice(self, override: Override, value: str, typed: Sequence[Any]) -> list[str]:
        group, text = override.key_or_group, override.input_line or ""
        if group == RECIPE and typed == [None]:
            return []
        if group in LISTS:
            if typed == [None]:
                return [f"{group}=[]"]
            as_lists = [
                f"[{one}]" if isinstance(one, str) else _listed(one) for one in typed if not isinstance(one, Glob)
            ]
            plus = "+" if override.is_add() and not override.is_force_add() else ""
            return [f"{plus}{group}={','.join(as_lists)}"] if as_lists else [text]
        if any(self._is_plugins_choice(group, one) for one in typed):
            return [f"++{group}.name={value}"]
        return [text.lstrip("+")]  # `+norm=…`: the group stands in the defaults list already

    def jobs(self, rewritten: Sequence[str]) -> list[list[str]]:
        """The overrides of each job of a sweep. Raises Refused where they cannot be told: a sweep without an end (an
        interval) needs a sweeper that chooses, and is left out of them then."""
        from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

        parsed = OverridesParser.create(config_loader=self.loader).parse_overrides(list(rewritten))
        endless = [one for one in parsed if one.is_sweep_override() and not one.is_discrete_sweep()]
        if endless and not any(one.key_or_group == "hydra/sweeper" for one in parsed):
            lines = [
                f"{one.input_line}: an interval needs a sweeper that chooses; type hydra/sweeper=…" for one in endless
            ]
            raise Refused(lines)
        countable = [one for one in parsed if not one.is_hydra_override() and one not in endless]
        try:
            (batch,) = BasicSweeper.split_arguments(countable, None)
        except (HydraException, ValueError) as error:
            raise Refused([f"this sweep cannot be told apart into jobs ({error})"]) from None
        if not batch:
            raise Refused(["this sweep has no jobs; one of its ranges is empty"])
        return [list(job) for job in batch]

    # ------------------------------------------------------------------------------------------------------ composing

    def plain(self, rewritten: Sequence[str]) -> dict[str, Any]:
        """The plain values of one job, from its rewritten overrides. Raises Refused, in one line, where Hydra cannot
        compose them. What is typed wins over a recipe, an option typed over the recipe's settings in its group."""
        read = OverridesParser.create().parse_overrides(list(rewritten))
        recipe = next((one for one in read if one.key_or_group == RECIPE), None)
        without_recipe = [one.input_line or "" for one in read if one is not recipe]
        try:
            plain = self._compose(rewritten)
        except Refused as error:
            raise Refused([*error.problems, *(self._problems_in(without_recipe) if recipe else [])]) from None
        without = self._compose(without_recipe) if recipe is not None else plain
        for one in read:
            group = one.key_or_group
            if not self.is_group_choice(one):
                continue
            if group in LISTS:
                if one.value() == [] and not one.is_add() and group in plain:
                    plain[group] = {}  # none at all, not even what a loss or a trick brings along
            elif group in without:
                plain[group] = without[group]
        return self._without_leftovers(plain, [one.key_or_group for one in read])

    def _without_leftovers(self, plain: dict[str, Any], typed: Sequence[str]) -> dict[str, Any]:
        """A plugin's component has no option file; it takes a place in which the default's settings still stand."""
        for group, content in plain.items():
            if (
                group in self.options
                and isinstance(content, dict)
                and self._is_plugins_choice(group, content.get("name"))
            ):
                table = table_of(hints(Settings)[group])
                assert table is not None
                known = {"name", *hints(table[str(content["name"])])}
                plain[group] = {
                    key: value for key, value in content.items() if key in known or f"{group}.{key}" in typed
                }
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
        except RecursionError:
            raise Refused(["a recipe names itself in its defaults list"]) from None
        except (ValueError, TypeError, AssertionError) as error:  # what Hydra does not expect in a file
            raise Refused([f"a recipe or option file cannot be read ({' '.join(str(error).split())})"]) from None
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


def _encoded(value: Any) -> str:
    """A value as Hydra's override grammar reads it."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_encoded(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_encoded, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _listed(names: Sequence[Any]) -> str:
    return f"[{','.join(map(str, names))}]"


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
