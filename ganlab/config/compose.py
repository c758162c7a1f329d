"""Composes typed overrides to plain values with Hydra, and reports problems before Hydra does.

Hydra reports one problem at a time and does not recognize unknown keys in files. Therefore every override is checked
before it is passed to Hydra (``overrides``), and every job of a sweep is composed before the first one runs.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ganlab.config.option_files import yaml_problem
from ganlab.config.overrides import LISTS, RECIPE, TRICKS, Overrides, slot_tables
from ganlab.config.parse import parse
from ganlab.config.paths import is_path_key, read_path, to_type
from ganlab.config.plain import assign, leaves, lookup
from ganlab.config.schema import hints, table_of
from ganlab.config.settings import Settings
from ganlab.errors import BAD_VALUE, Refused, UserError, in_one_line, nearest

T = TypeVar("T")

CONFIG_NAME = "train"
LONGEST_KEY = 200  # bytes; a file has a name of at most 255 on most systems


def config_folder() -> Path:
    """Returns the folder of the configs: inside the installed package, or beside the package in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


@contextmanager
def composer(own_folder: str | None = None) -> Iterator[Composer]:
    """Returns a context with a ``Composer`` for ganlab's configs; the configs in ``own_folder`` (Hydra's
    ``--config-dir``) take precedence over them."""
    with initialize_config_dir(str(config_folder()), version_base="1.3", job_name="train"):
        yield Composer(own_folder)
    GlobalHydra.instance().clear()


class Composer(Overrides):
    """Reads overrides and composes plain values. Hydra must be initialized, as it is in ``composer`` and in a job."""

    def __init__(self, own_folder: str | None = None) -> None:
        self.loader = loader = GlobalHydra.instance().config_loader()
        if own_folder is not None:
            folder = Path(own_folder).expanduser().resolve()
            if not folder.is_dir():
                raise UserError(f"--config-dir {own_folder}: there is no such folder")
            loader.config_search_path.prepend("command-line", f"file://{folder}")  # type: ignore[attr-defined]
            loader.repository.initialize_sources(loader.config_search_path)  # type: ignore[attr-defined]
        self.options = {group: loader.get_group_options(group) for group in loader.list_groups("") if group != "hydra"}

    def read(self, overrides: Sequence[str]) -> list[Override]:
        """Parses each override, checks that the options which it names exist, and imports typed plugins. Raises
        Refused with all problems, including those of the values that were typed with them."""
        problems: list[str] = []
        read: list[Override] = []
        for text in map(read_path, overrides):
            if (
                len(text.partition("=")[0].encode(errors="replace")) > LONGEST_KEY
            ):  # Hydra searches for a file with this name
                problems.append(f"{text[:40]}…: no setting has a name of {len(text.partition('=')[0]):,} letters")
                continue
            try:
                read += OverridesParser.create(config_loader=self.loader).parse_overrides([text])
            except (HydraException, ValueError, RecursionError) as error:  # ValueError: a number of 5,000 digits
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
        """Returns the problems of the overrides ``good``, which were typed together with options that do not exist,
        in ``bad_groups``."""
        if "hydra/sweeper" in bad_groups:  # intervals need the sweeper that does not exist
            good = [one for one in good if not one.is_sweep_override() or one.is_discrete_sweep()]
        jobs = self.jobs(self.rewrite(good))[:32]
        problems = [problem for job in jobs for problem in self._problems_in(job)]
        # The settings of an option that does not exist are not known.
        return [one for one in problems if not one.startswith(tuple(f"{group}." for group in bad_groups))]

    def plain(self, rewritten: Sequence[str]) -> dict[str, Any]:
        """Returns the plain values of one job, from its rewritten overrides. Typed values take precedence over those
        of a recipe; a typed option also replaces the recipe's settings in its group. Raises Refused, with one line,
        if Hydra cannot compose them."""
        read = OverridesParser.create().parse_overrides(list(rewritten))
        recipe = next((one for one in read if one.key_or_group == RECIPE), None)
        own = [one for one in read if one.key_or_group not in (RECIPE, TRICKS)]
        try:
            plain = self._compose(rewritten)
        except Refused as error:
            without_recipe = [one.input_line or "" for one in read if one is not recipe]
            raise Refused([*error.problems, *(self._problems_in(without_recipe) if recipe else [])]) from None
        chosen = self._chosen(rewritten)
        _refuse_terms_named_twice(chosen)
        tricks = [option for group, option, _ in chosen if group == TRICKS]
        self._refuse_contradictions(tricks)
        if recipe is not None:
            self._take_away_what_is_replaced(plain, read, own, chosen, tricks)
        for one in own:
            if one.key_or_group in LISTS and self.is_group_choice(one) and one.value() == [] and not one.is_add():
                # An empty list also removes what a loss or trick adds, but not a plugin's, which a list cannot name.
                named = {other.key_or_group for other in own}
                group = one.key_or_group
                plain[group] = {name: value for name, value in plain[group].items() if f"{group}.{name}" in named}
        if tricks:
            self._keep_what_tricks_set(plain, own, tricks)
        typed = [one.key_or_group for one in read]
        self._leave_out_what_a_recipe_replaces(plain, str(recipe.value()) if recipe else None, typed)
        return self._without_leftovers(plain, typed, {group: option for group, option, _ in chosen})

    def _chosen(self, rewritten: Sequence[str]) -> list[tuple[str, str, str]]:
        """Returns group, option and parent (``loss/wgan_gp``) of every option file that is composed."""
        defaults = self.loader.compute_defaults_list(CONFIG_NAME, list(rewritten), RunMode.RUN).defaults
        paths = [((one.config_path or "").partition("/"), one.parent or "") for one in defaults]
        return [(group, option, parent) for (group, _, option), parent in paths if option]

    def _take_away_what_is_replaced(
        self,
        plain: dict[str, Any],
        read: Sequence[Override],
        own: Sequence[Override],
        chosen: Sequence[tuple[str, str, str]],
        tricks: Sequence[str],
    ) -> None:
        """Removes the values of a recipe that belong to options which are no longer chosen: another option was typed,
        or the loss or trick that selected the recipe's option was replaced. The recipe's tricks stay unless others
        are typed."""
        recipe = [one.input_line or "" for one in read if one.key_or_group == RECIPE]
        before = {(group, option) for group, option, _ in self._chosen(recipe)}
        now = {(group, option) for group, option, _ in chosen}
        without = self._compose([*(one.input_line or "" for one in own), f"{TRICKS}=[{','.join(tricks)}]"])
        typed = [one.key_or_group for one in read]
        for group, option in before - now:
            if group not in LISTS:
                plain[group] = without[group]
            elif group in plain and not any(key.startswith(f"{group}.{option}") for key in typed):
                plain[group].pop(option, None)
        for one in own:
            if self.is_group_choice(one) and one.key_or_group not in LISTS and one.key_or_group in without:
                plain[one.key_or_group] = without[one.key_or_group]

    def _leave_out_what_a_recipe_replaces(
        self, plain: dict[str, Any], recipe: str | None, typed: Sequence[str]
    ) -> None:
        """Removes the settings of a component that the recipe's own text replaces by another one: Hydra merges
        both."""
        written = self._text_of(f"{RECIPE}/{recipe}") if recipe else {}
        for key, table in slot_tables(Settings) if written else ():
            ours, content = lookup(written, key), lookup(plain, key)
            name = ours.get("name") if isinstance(ours, dict) else None
            if isinstance(name, str) and name in table and isinstance(content, dict) and content.get("name") == name:
                known = {"name", *hints(table[name]), *ours}
                kept = {field: value for field, value in content.items() if field in known or f"{key}.{field}" in typed}
                assign(plain, key, kept)

    def _text_of(self, path: str) -> dict[str, Any]:
        """Returns the content of an option file without its defaults list."""
        found = self.loader.repository.load_config(path)  # type: ignore[attr-defined]
        text = OmegaConf.to_container(found.config, resolve=False) if found is not None else {}
        return {str(key): value for key, value in text.items()} if isinstance(text, dict) else {}

    def _refuse_contradictions(self, tricks: Sequence[str]) -> None:
        """Raises Refused if two tricks set the same key to different values: the last one would take effect without a
        message."""
        claims: dict[str, tuple[str, Any]] = {}
        problems: dict[tuple[str, str], str] = {}
        for trick in tricks:
            found = self.loader.repository.load_config(f"{TRICKS}/{trick}")  # type: ignore[attr-defined]
            overridden = [one for one in found.defaults_list or () if getattr(one, "override", False)]
            own: dict[str, Any] = {one.group.lstrip("/"): one.value for one in overridden}
            for name, value in self._text_of(f"{TRICKS}/{trick}").items():
                own |= dict(leaves(value, name))
            for key, value in own.items():
                other, theirs = claims.setdefault(key, (trick, value))
                if theirs != value:
                    both = f"tricks=[{other},{trick}] both set {key}; leave one of them out"
                    problems.setdefault((other, trick), both)
        if problems:
            raise Refused(problems.values())

    def _keep_what_tricks_set(self, plain: dict[str, Any], own: Sequence[Override], tricks: Sequence[str]) -> None:
        """Applies the settings of tricks, such as a learning-rate decay, to a component that was typed for one
        network (``optimizer.generator=sgd``) and has replaced another with its settings. This includes only settings
        that the new component has and that were not typed."""
        slots = dict(slot_tables(Settings))
        replaced = list(
            dict.fromkeys(one.key_or_group for one in own if one.key_or_group in slots and one.is_force_add())
        )
        if not replaced:
            return
        typed = [one.key_or_group for one in own]
        others = [one.input_line or "" for one in own if not one.key_or_group.startswith(tuple(replaced))]
        before, after = self._compose(others), self._compose([*others, f"{TRICKS}=[{','.join(tricks)}]"])
        for key in replaced:
            old, new = (dict(leaves(lookup(tree, key), key)) for tree in (before, after))
            component = lookup(plain, key)
            name = component if isinstance(component, str) else (component or {}).get("name")
            if not isinstance(name, str) or name not in slots[key]:
                continue  # the parse reports the problem
            known = hints(slots[key][name])
            for leaf, value in new.items():
                field = leaf.removeprefix(f"{key}.").split(".")[0]
                if field in known and old.get(leaf, leaf) != value and not any(one.startswith(leaf) for one in typed):
                    assign(plain, leaf, value)

    def _without_leftovers(
        self, plain: dict[str, Any], typed: Sequence[str], options: Mapping[str, str]
    ) -> dict[str, Any]:
        """Removes the settings of the default option (by group in ``options``) from the settings of a plugin's
        component, which has no option file and is composed over them."""
        for group, content in plain.items():
            if (
                group in self.options
                and isinstance(content, dict)
                and self._is_plugins_choice(group, content.get("name"))
            ):
                table = table_of(hints(Settings)[group])
                assert table is not None
                known = {"name", *hints(table[str(content["name"])])}
                default = self._text_of(f"{group}/{options[group]}") if group in options else {}
                plain[group] = {
                    key: value
                    for key, value in content.items()
                    if f"{group}.{key}" in typed
                    or key == "name"
                    or (key in known and (key not in default or value != default[key]))
                }
        return plain

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

    def _of_hydra(self, read: Sequence[Override], find: Callable[[DictConfig], T]) -> T:
        """Returns the result of ``find`` for Hydra's own settings. Raises Refused if Hydra cannot compose them."""
        fixed = self.rewrite([one for one in read if not one.is_sweep_override()])
        try:
            return find(hydra_compose(CONFIG_NAME, fixed, return_hydra_config=True).hydra)
        except (HydraException, OmegaConfBaseException, yaml.YAMLError) as error:
            raise Refused([self._explain(error)]) from None

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
        except (*BAD_VALUE, AssertionError, OSError) as error:  # errors in a file that Hydra does not catch
            raise Refused([f"a recipe or option file cannot be read ({in_one_line(error)})"]) from None
        assert isinstance(plain, dict)
        return {str(key): value for key, value in plain.items()}

    def _explain(self, error: Exception) -> str:
        """Returns Hydra's message as one sentence."""
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        if isinstance(cause, yaml.YAMLError) and (problem := yaml_problem(cause)):
            return problem
        text = " ".join(str(error).split()) or " ".join(str(cause).split())
        if missing := re.match(r"In '(.+?)': Could not (?:find|load) '(.+?)'", text):
            group, _, option = missing[2].rpartition("/")
            guess = nearest(option, self.options.get(group, []))
            end = f"; did you mean {group}={guess}?" if guess else ""
            # Hydra names the primary file as the source of an override in a recipe or trick.
            file = "a recipe or trick" if missing[1] == CONFIG_NAME else f"{missing[1]}.yaml"
            return f"{file} names {group}={option}: no such option{end}"
        if override := re.match(r"In '(.+?)': Could not override '(.+?)'", text):
            guess = nearest(override[2].lstrip("/"), self.options)
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
            return f"~{deleted[1]}: there is no such setting to take away"
        return text.split(" See https")[0]


def _refuse_terms_named_twice(chosen: Sequence[tuple[str, str, str]]) -> None:
    """Raises Refused if a regularizer is chosen twice: Hydra would merge both, and the values of the option file
    would replace those of the loss, condition or trick that adds the regularizer."""
    listed: list[str] = []
    brought: dict[str, list[str]] = {}
    for group, regularizer, parent in chosen:
        if group == "regularizer":
            if parent == CONFIG_NAME:
                listed.append(regularizer)
            else:
                brought.setdefault(regularizer, []).append(parent.replace("/", "=", 1))
    problems = []
    for regularizer in dict.fromkeys([*listed, *brought]):
        by = list(dict.fromkeys(brought.get(regularizer, [])))
        if regularizer in listed and by:
            others = ",".join(other for other in listed if other != regularizer)
            instead = f"type regularizer=[{others}]" if others else "leave it out"
            problems.append(
                f"regularizer=[{','.join(listed)}] with {by[0]}, which adds {regularizer} already; {instead}, and "
                f"type regularizer.{regularizer}.weight=… for another weight"
            )
        elif listed.count(regularizer) > 1:
            once = ",".join(dict.fromkeys(listed))
            problems.append(f"regularizer=[{','.join(listed)}] names {regularizer} twice; type regularizer=[{once}]")
        elif len(by) > 1:
            problems.append(f"{by[0]} and {by[1]} both bring {regularizer} along; leave one of them out")
    if problems:
        raise Refused(problems)


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


def _leaves(node: Any, key: str) -> Iterator[str]:
    """Yields the full keys of the values in a composed configuration, unresolved."""
    if isinstance(node, DictConfig) and not node._is_none() and not node._is_missing():
        for name in node:
            yield from _leaves(node._get_node(name), f"{key}.{name!s}")
    else:
        yield key
