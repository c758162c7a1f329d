"""The generated pages of options: every setting is there, with the default that a run has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import Any

import pytest
import yaml

from docs.site import commands, links, options, reference
from docs.site.option_files import as_typed, read
from ganlab.config.choices import LISTS
from ganlab.config.compose import composer
from ganlab.config.describe import describe
from ganlab.config.option_files import SPREAD
from ganlab.config.plain import lookup
from ganlab.config.schema import fields_at, hints, is_mapping, table_of
from ganlab.config.settings import Settings
from ganlab.config_folder import config_folder
from ganlab.losses.wasserstein import Wasserstein
from tests.docs.found import ROOT

GROUPS = [group for group in options.groups() if group not in SPREAD]
DECIDES = options.decisions((ROOT / "docs" / "choosing.md").read_text(encoding="utf-8"))


def both(key: str) -> list[str]:
    """The full keys of a row: that of each network, where a row is for both."""
    return [key.replace("<network>", name) for name in options.NETWORKS] if "<network>" in key else [key]


def test_every_group_has_a_page() -> None:
    folders = {one.name for one in config_folder().iterdir() if one.is_dir() and one.name != "hydra"}
    assert set(options.groups()) == folders
    assert set(GROUPS) <= set(DECIDES), "docs/choosing.md says what each group decides"


@pytest.mark.parametrize("group", GROUPS)
def test_defaults_are_those_of_a_run(group: str) -> None:
    """What the page says of each setting is what Hydra composes, for the first three options of a group."""
    with composer() as composing:
        for option in list(options.files_of(group).values())[:3]:
            typed = f"{group}=[{option.name}]" if group in LISTS else f"{group}={option.name}"
            plain = composing.compose([typed])
            for row in options.rows(group, option):
                for key in both(row.key):
                    found = lookup(plain, key)
                    chosen = found.get("name", found) if isinstance(found, dict) and found else found
                    if isinstance(chosen, dict) or (chosen is None and row.default != "null"):
                        continue  # several components; a setting that the file leaves to the class: see below
                    assert same(as_typed(chosen), row.default), (option.name, key)


def same(one: str, other: str) -> bool:
    return yaml.safe_load(one) == yaml.safe_load(other) or one == other


@pytest.mark.parametrize("group", GROUPS)
def test_every_setting_of_every_option_has_a_row(group: str) -> None:
    for option in options.files_of(group).values():
        keys = {key for row in options.rows(group, option) for key in both(row.key)}
        for key, annotation in expected(group, option.values.get(group, {}) if option.spreads else option.values):
            assert key in keys, option.name
            allows = next(row.allows for row in options.rows(group, option) if key in both(row.key))
            assert allows == describe(annotation)


def expected(group: str, values: Any) -> Iterator[tuple[str, Any]]:
    """The settings of the components that an option names at its top, from their classes."""
    annotation = hints(Settings)[group]
    table = table_of(annotation)
    if table is None:
        return
    chosen = values if is_mapping(annotation) else {"": values}
    for name, settings in chosen.items():
        component = table[name or settings["name"]]
        yield from settings_of(component, ".".join(part for part in (group, name) if part))


def settings_of(kind: Any, key: str) -> Iterator[tuple[str, Any]]:
    """The settings of a dataclass, in place of one that is itself a dataclass those inside of it."""
    for field, inner in hints(kind).items():
        if is_dataclass(inner) and table_of(inner) is None:
            yield from settings_of(inner, f"{key}.{field}")
        else:
            yield f"{key}.{field}", inner


def test_a_row_is_taken_from_both_sources(tmp_path: Any) -> None:
    file = tmp_path / "odd.yaml"
    file.write_text("# A head.\nname: wasserstein # Somebody 1999,\n             # and others\n")
    option = read(file)
    assert option.head == ("A head.",)
    assert option.comments == {("name",): "Somebody 1999, and others"}
    assert hints(Wasserstein).keys() == {row.key.removeprefix("loss.") for row in options.rows("loss", option)}


def test_pages_name_every_option_and_setting() -> None:
    page = options.page("optimizer", "the optimizer")
    assert "## sgd" in page
    assert "| `optimizer.<network>.momentum` |" in page
    assert "or a schedule `{start: …, end: …}`" in page  # braces that are no code would be attributes of the cell
    index = options.run_page()
    for group in options.groups():
        for name in options.files_of(group):
            assert f"[{name}]({group}.md#{options.anchor(name)})" in index
    assert "| `batch_size` | a whole number at least 1 | `64` |" in index


@pytest.mark.parametrize("group", options.groups())
def test_cells_end_with_no_braces_and_columns_have_names(group: str) -> None:
    for line in options.page(group, "").split("\n"):
        if line.startswith("|"):
            assert not re.search(r"\}\s*\|", re.sub(r"`[^`]*`", "", line)), line
            assert "| |" not in line or not re.match(r"\| (setting|sets|name) ", line), line


def test_a_page_that_a_comment_names_is_a_link() -> None:
    assert "the time is in [Train on your own images](../own-images.md)" in options.page("experiment", "")


def test_recipes_list_what_they_set() -> None:
    page = options.page("experiment", "")
    section = page[page.index("## ring") :]
    section = section[: section.index("\n## ", 5) if "\n## " in section[5:] else None]
    for text in (
        "`data=ring`",
        "`tricks=[ema, linear_decay]`",
        "`steps=3000`",
        "`regularizer.gradient_penalty.weight=0.1`",
    ):
        assert text.replace(", ", ",") in section or text in section
    assert "    python train.py experiment=ring" in section


def test_every_key_on_a_page_is_a_setting() -> None:
    for group in GROUPS:
        for option in options.files_of(group).values():
            for row in options.rows(group, option):
                for key in both(row.key):
                    known = list(fields_at(Settings, key.split("."))) or is_mapping(hints(Settings)[group])
                    assert known, key


@pytest.mark.parametrize(
    ("link", "source", "leads"),
    [
        ("../configs/init", "docs/choosing.md", "options/init.md"),
        ("../configs/loss/wgan_gp.yaml", "docs/x.md", "options/loss.md#wgan_gp"),
        ("../ganlab/layer.py", "docs/extending.md", "reference/interfaces.md#ganlab.layer"),
        ("../benchmarks/README.md#the-jobs-of-a-sweep", "docs/sweeps.md", "benchmarks.md#the-jobs-of-a-sweep"),
        ("docs/scores.md#baselines", "README.md", "scores.md#baselines"),
        ("../tests/changed.py", "docs/x.md", None),
    ],
)  # fmt: skip
def test_links_out_of_the_folder_lead_to_pages(link: str, source: str, leads: str | None) -> None:
    assert links.target_of(link, source, {"scores.md"}) == leads
    text = links.rewritten(f"see [it]({link})", source, "studies/one.md", {"scores.md"})
    assert text == (f"see [it](../{leads})" if leads else "see it")


def test_links_in_code_stay() -> None:
    text = "    [a](../configs/init)\n```\n[a](../configs/init)\n```"
    assert links.rewritten(text, "docs/x.md", "x.md", set()) == text


def test_the_reference_has_every_component() -> None:
    modules = {name for area in reference.AREAS for name in reference.modules_of(area)}
    tables = [table_of(annotation) for annotation in hints(Settings).values()]
    components = {component.__module__ for table in tables if table is not None for component in table.values()}
    own = {name for name in components if name.startswith("ganlab.")}  # other tests register plugins in the tables
    assert own
    assert own <= modules
    for name in modules:
        assert re.fullmatch(r"ganlab(\.\w+)+", name)


def test_the_page_of_commands_has_their_help() -> None:
    page = commands.page()
    assert "## ganlab report" in page
    assert "threshold" in page
