"""Pages of all options and settings, made from the dataclasses and from the files in ``configs/``.

Nothing on these pages is written by hand: names, ranges and defaults are those that a run is parsed with, and comments
are those of the option files.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from docs.site.option_files import OptionFile, as_typed, leaves, read
from ganlab.config.choices import LISTS
from ganlab.config.describe import describe
from ganlab.config.option_files import SPREAD
from ganlab.config.schema import hints, is_mapping, join, slot_tables, table_of
from ganlab.config.settings import Settings
from ganlab.config_folder import config_folder
from ganlab.monitor import OBSERVERS
from ganlab.table import Table

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = ("generator", "discriminator")
CODE = re.compile(r"(`[^`]*`|(?<![\w`])[a-z_]+(?:\.[\w<>]+)*=(?:\{[^{}`]*\}|[^\s;,)]*[^\s;,.:)])|\{[^{}`]*\})")
"""Code in a comment: what is marked as such, a setting with its value, and a value in braces. Braces at the end of a
cell would otherwise be the cell's attributes, and not be shown."""


@dataclass(frozen=True)
class Row:
    """One setting: its full key, the values that it allows, its default, and what the option file says of it."""

    key: str
    allows: str
    default: str
    comment: str = ""


def groups() -> list[str]:
    """Returns the groups of options, in the order in which `ganlab train --help` and a configuration have them."""
    folders = {one.name for one in config_folder().iterdir() if one.is_dir() and one.name != "hydra"}
    return [*(name for name in hints(Settings) if name in folders), *(one for one in SPREAD if one in folders)]


def files_of(group: str) -> dict[str, OptionFile]:
    """Returns the option files of a group, those first that stand first in its table of components."""
    found = {path.stem: read(path) for path in sorted((config_folder() / group).glob("*.yaml"))}
    first = [name for name in _default_of(group).split(",") if name in found]
    return {name: found[name] for name in [*first, *(one for one in found if one not in first)]}


def page(group: str, decides: str) -> str:
    """Returns the page of a group; ``decides`` are the words of docs/choosing.md on it."""
    options = files_of(group)
    listed = group in LISTS
    typed = f"'{group}=[{next(iter(options))}]'" if listed else f"{group}={next(iter(options))}"
    default = f"`{_default_of(group)}`" if _default_of(group) else "none"
    lines = [
        f"# {group}",
        "",
        *([f"{decides[0].upper()}{decides[1:]}.", ""] if decides else []),
        f"    python train.py {typed}",
        "",
        f"{'Several may be chosen. ' if listed else ''}The default is {default}. This page is made "
        f"from the files in [`configs/{group}/`](../../configs/{group}) and from the classes that read them.",
        "",
    ]
    if group not in SPREAD and (said := _about(group)):
        lines += [said, ""]
    for option in options.values():
        lines += spread_section(group, option) if option.spreads and group in SPREAD else section(group, option)
    lines += _values(group)
    return "\n".join(lines).rstrip() + "\n"


def section(group: str, option: OptionFile) -> list[str]:
    """Returns the part of a page on one option: what it is, its settings, and its source."""
    inside = _inside(group, option)
    lines = [f"## {option.name}", "", *_head(option)]
    notes = [option.comments[keys] for keys in _name_keys(option) if keys in option.comments]
    lines += [_prose(_sentence(notes[0])), ""] if notes else []
    for component in _components(group, inside):
        lines += [line for part in _doc(component) for line in (part, "")]
    if option.defaults:
        lines += [f"Built from {', '.join(f'`{one}`' for one, _ in option.defaults)}.", ""]
    if option.spreads:
        others = {key: value for key, value in option.values.items() if key != group}
        for keys, value in leaves(others):
            lines += [f"It also sets `{'.'.join(keys)}={as_typed(value)}`.", ""]
    return [*lines, *_table(rows(group, option))]


def spread_section(group: str, option: OptionFile) -> list[str]:
    """Returns the part of a page on a recipe, trick or study, which sets values of many groups."""
    lines = [f"## {option.name}", "", *_head(option)]
    if group == "tricks":
        lines += [f"    python train.py 'tricks=[{option.name}]'", ""]
    values = option.values.get("hydra", {}).get("sweeper", {}).get("params") if group == "study" else option.values
    at = ("hydra", "sweeper", "params") if group == "study" else ()
    cells = [[f"`{_cell(_as_list(one))}`", _words(said)] for one, said in option.defaults]
    for keys, value in leaves(values or {}):
        said = next((option.comments[full] for full in (at + keys,) if full in option.comments), "")
        cells.append([f"`{_cell('.'.join(keys))}={_cell(as_typed(value))}`", _words(said)])
    return [*lines, "| sets | meaning |", "|---|---|", *(f"| {one} | {said} |" for one, said in cells), ""]


def rows(group: str, option: OptionFile) -> list[Row]:
    """Returns the settings of an option. Settings that are equal for both networks are one row."""
    found = _merged(list(_rows(hints(Settings)[group], _inside(group, option), group, (), _said(group, option))))
    chosen = [group]
    if table_of(hints(Settings)[group]) is None:  # condition.generator, however, is a setting of a component
        chosen += [f"{group}.<network>", *(f"{group}.{network}" for network in NETWORKS)]
    return [one for one in found if one.key not in chosen]  # what is chosen is the heading


def run_page() -> str:
    """Returns the page that lists the groups, and the settings of a run that belong to no group."""
    train = read(config_folder() / "train.yaml")
    own = [name for name, annotation in hints(Settings).items() if name in train.values]
    lines = [
        "# All options and settings",
        "",
        "    python train.py GROUP=OPTION KEY=VALUE …",
        "",
        "These pages are made from the dataclasses that a run is parsed with and from the files in "
        "[`configs/`](../../configs). A number in a range may be a [schedule](../schedules.md) where the page says so.",
        "",
        "## Groups",
        "",
        "| group | options |",
        "|---|---|",
    ]
    for group in groups():
        names = ", ".join(f"[{name}]({group}.md#{anchor(name)})" for name in files_of(group))
        lines.append(f"| [`{group}`]({group}.md) | {names} |")
    said = {keys[0]: text for keys, text in train.comments.items() if len(keys) == 1}
    table = [
        Row(name, describe(hints(Settings)[name]), as_typed(train.values[name]), said.get(name, "")) for name in own
    ]
    return "\n".join([*lines, "", "## Settings of the run", "", *_table(table)])


def decisions(choosing: str) -> dict[str, str]:
    """Returns what each group decides, in the words of the table in docs/choosing.md."""
    found = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", choosing, flags=re.MULTILINE)
    return {group: re.sub(r"\]\((\w)", r"](../\1", text.strip()) for group, text in found}


def anchor(heading: str) -> str:
    """Returns the anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _default_of(group: str) -> str:
    chosen = dict(one.split("=", 1) for one, _ in read(config_folder() / "train.yaml").defaults if "=" in one)
    return "" if chosen.get(group) in ("None", "null", None) else chosen[group].strip("[]")


def _about(group: str) -> str:
    """Returns the docstring of the settings of a group that is no slot of one component, such as ``init``."""
    kind = hints(Settings)[group]
    return "\n\n".join(_doc(kind)) if is_dataclass(kind) else ""


def _inside(group: str, option: OptionFile) -> Any:
    """Returns the values of an option below its group; none of a spreading option's other groups."""
    return option.values.get(group, {}) if option.spreads else option.values


def _said(group: str, option: OptionFile) -> Mapping[tuple[str, ...], str]:
    if not option.spreads:
        return option.comments
    return {keys[1:]: text for keys, text in option.comments.items() if keys[0] == group}


def _rows(annotation: Any, value: Any, key: str, at: tuple[str, ...], said: Mapping[Any, str]) -> Iterator[Row]:
    """Yields the settings below ``key``, whose value in the option file is ``value``, at the path ``at``."""
    table = table_of(annotation)
    if table is not None and is_mapping(annotation):
        for name, inner in (value or {}).items():
            yield from _of_component(table[name], inner or {}, join(key, name), (*at, name), said)
        return
    if table is not None:
        name = value.get("name") if isinstance(value, dict) else value
        inner = value if isinstance(value, dict) else {}
        component = table.get(str(name))
        if at or component is None:
            comment = said.get((*at, "name"), "") if isinstance(value, dict) else ""
            yield Row(key, describe(annotation), as_typed(name), said.get(at, "") or comment)
        if component is not None:
            yield from _of_component(component, inner, key, at, said)
        return
    if is_dataclass(annotation):
        yield from _of_component(annotation, value if isinstance(value, dict) else {}, key, at, said)
        return
    yield Row(key, describe(annotation), as_typed(value), said.get(at, ""))


def _of_component(component: Any, values: Mapping[str, Any], key: str, at: Any, said: Any) -> Iterator[Row]:
    defaults = {one.name: one for one in fields(component)}
    for name, annotation in hints(component).items():
        value = values[name] if name in values else _plain_default(defaults[name], annotation)
        yield from _rows(annotation, value, join(key, name), (*at, name), said)


def _plain_default(one: Any, annotation: Any) -> Any:
    """Returns the default of a field as an option file would have it."""
    value = one.default if one.default is not MISSING else "…"
    if one.default_factory is not MISSING:
        value = one.default_factory()
    table = table_of(annotation)
    if table is not None and is_mapping(annotation):
        return {name: {} for name in value}
    if table is not None and is_dataclass(value):
        return {"name": table.name_of(value)}
    return value if not is_dataclass(value) else {}


def _merged(found: list[Row]) -> list[Row]:
    """Returns the rows with one for both networks where these are equal in all but their key and their comment."""
    parts = {network: [one for one in found if f".{network}" in one.key] for network in NETWORKS}
    alike = [
        [(one.key.replace(f".{network}", ".<network>", 1), one.allows, one.default) for one in parts[network]]
        for network in NETWORKS
    ]
    if not alike[0] or alike[0] != alike[1]:
        return found
    both = [
        Row(key, allows, default, one.comment or two.comment)
        for (key, allows, default), one, two in zip(alike[0], *parts.values(), strict=True)
    ]
    return [*(one for one in found if not any(one in part for part in parts.values())), *both]


def _as_list(choice: str) -> str:
    """Returns a choice, in brackets where several may be chosen."""
    group, _, name = choice.partition("=")
    return f"{group}=[{name.strip('[]')}]" if group in LISTS else choice


def _table(found: list[Row]) -> list[str]:
    if not found:
        return ["It has no settings.", ""]
    lines = ["| setting | values | default | meaning |", "|---|---|---|---|"]
    cells = ((f"`{one.key}`", _allows(one.allows), f"`{_cell(one.default)}`", _words(one.comment)) for one in found)
    lines += [f"| {' | '.join(row)} |" for row in cells]
    return [*lines, ""]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _allows(text: str) -> str:
    """Returns what a setting allows, for a cell of a table, where braces at the end would be the cell's attributes."""
    return re.sub(r"\{[^{}]*\}", r"`\g<0>`", _cell(text))


def _words(text: str) -> str:
    """Returns a comment as Markdown for a cell of a table."""
    return _cell(_prose(text)) if text else ""


def _name_keys(option: OptionFile) -> list[tuple[str, ...]]:
    """Returns the paths at which the comment of a whole option may stand: beside its name."""
    own = [("name",), (option.name,)]
    return [*own, *((network, "name") for network in NETWORKS), *((one, "name") for one in option.values)]


def _head(option: OptionFile) -> list[str]:
    """Returns the text at the head of a file, with the commands in it as code."""
    text, lines = "", []
    for line in option.head:
        if line.startswith("  "):
            lines += [_prose(text), ""] if text else []
            text = ""
            lines += [f"    {line.strip()}"]
        elif not line.strip():
            lines += [_prose(text), ""] if text else ([""] if lines and lines[-1] else [])
            text = ""
        else:
            text += f"{line} "
    lines += [_prose(text)] if text else []
    return [*lines, ""] if lines else []


def _prose(text: str) -> str:
    """Returns text with settings in it, such as norm.<network>.weight=spectral, as code, and with pages as links."""
    parts = CODE.split(text.strip())
    for place, part in enumerate(parts):
        if place % 2 == 0:
            parts[place] = re.sub(r"docs/([\w-]+)\.md", _link, re.sub(r"([*_<])", r"\\\1", part))
        elif not part.startswith("`"):
            parts[place] = f"`{part}`"
    return "".join(parts)


def _link(page: re.Match[str]) -> str:
    title = (ROOT / page[0]).read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
    return f"[{title.partition(':')[0]}](../{page[1]}.md)"


def _sentence(text: str) -> str:
    text = text.strip()
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _components(group: str, values: Any) -> list[type]:
    """Returns the components that an option chooses, without those that stand for nothing."""
    found: list[type] = []
    for key, table in _slots(group):
        node = values
        for part in key:
            node = node.get(part) if isinstance(node, dict) else None
        name = node.get("name") if isinstance(node, dict) else node
        if isinstance(name, str) and name in table and table[name] not in found and (name != "none" or not key):
            found.append(table[name])
    annotation = hints(Settings)[group]
    if is_mapping(annotation) and isinstance(values, dict):
        table_ = table_of(annotation)
        found += [table_[name] for name in values if table_ and name in table_]
    return found


def _slots(group: str) -> Iterator[tuple[tuple[str, ...], Table[Any]]]:
    annotation = hints(Settings)[group]
    table = table_of(annotation)
    if table is not None and not is_mapping(annotation):
        yield (), table
    elif is_dataclass(annotation):
        for key, one in slot_tables(annotation):  # type: ignore[arg-type]
            parts = tuple(key.split("."))
            if len(parts) <= (2 if group == "norm" else 1):
                yield parts, one


def _doc(component: Any) -> list[str]:
    """Returns the docstring of a class as Markdown, a paragraph each."""
    said = component.__doc__ or ""
    if said.startswith(f"{component.__name__}("):  # what the dataclass makes where there is none
        return []
    text = re.sub(r"``([^`]+)``", r"`\1`", inspect.cleandoc(said))
    return [part.replace("\n", " ") if not part.startswith(" ") else part for part in text.split("\n\n")]


def _values(group: str) -> list[str]:
    """Returns the tables of the components that settings of a group choose and that have no option files."""
    if group in SPREAD:
        return []
    seen: dict[int, tuple[Table[Any], list[str]]] = {}
    for key, table in slot_tables(Settings):
        if key.split(".")[0] == group and key != group and not _has_files(group, table):
            seen.setdefault(id(table), (table, []))[1].append(key)
    if group == "logging":
        seen[id(OBSERVERS)] = (OBSERVERS, ["logging.observers"])
    lines: list[str] = []
    for table, keys in seen.values():
        names = sorted({re.sub(r"\.(generator|discriminator)(?=\.|$)", ".<network>", key, count=1) for key in keys})
        lines += [f"## Values of {' and '.join(f'`{name}`' for name in names)}", ""]
        lines += ["| name | meaning | settings |", "|---|---|---|"]
        for name, component in table.items():
            lines.append(f"| `{name}` | {_cell(' '.join(_doc(component)))} | {_cell(_inline(component))} |")
        lines.append("")
    return lines


def _has_files(group: str, table: Table[Any]) -> bool:
    return group == "init" or set(table) <= set(files_of(group))


def _inline(component: Any) -> str:
    """Returns the settings of a component, each with its values and its default, as text."""
    found = []
    for one in fields(component):
        annotation = hints(component)[one.name]
        default = _plain_default(one, annotation)
        shown = default.get("name", "{}") if isinstance(default, dict) else default
        found.append(f"`{one.name}={as_typed(shown)}`: {_allows(describe(annotation))}")
    return "; ".join(found)
