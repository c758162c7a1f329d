"""Every option file holds exactly its dataclass's fields, with its defaults."""

from __future__ import annotations

from dataclasses import is_dataclass, replace
from typing import Any

import pytest
import yaml

from ganlab.config.compose import composer, config_folder
from ganlab.config.dump import dump
from ganlab.config.parse import parse
from ganlab.config.schema import hints, is_mapping, table_of
from ganlab.config.settings import Settings
from ganlab.data import SOURCES
from ganlab.errors import Refused

GROUPS = [folder.name for folder in config_folder().iterdir() if folder.is_dir() and folder.name != "hydra"]
OPTIONS = sorted(
    (file.parent.name, file.stem)
    for file in config_folder().glob("*/*.yaml")
    if file.parent.name not in ("experiment", "tricks", "study")
)


def skeleton(plain: Any) -> Any:
    """The keys of a plain tree, values left out."""
    return {key: skeleton(value) for key, value in plain.items()} if isinstance(plain, dict) else None


def content_of(group: str, option: str) -> Any:
    """What a file sets in its own group. One in the package _global_ may set what it brings along, too."""
    text = (config_folder() / group / f"{option}.yaml").read_text()
    content = yaml.safe_load(text)
    content.pop("defaults", None)
    return content[group] if text.startswith("# @package _global_") else content


@pytest.mark.parametrize(("group", "option"), OPTIONS, ids=lambda part: part)
def test_an_option_file_has_all_settings_of_its_component(group: str, option: str) -> None:
    content = content_of(group, option)
    annotation = hints(Settings)[group]
    with composer() as composing:
        override = f"{group}=[{option}]" if group in ("regularizer", "augment") else f"{group}={option}"
        composed = composing.plain([override])
    parsed = getattr(parse(Settings, composed), group)
    full = dump(annotation, parsed)
    assert skeleton(content) == skeleton({key: value for key, value in full.items() if key in content}), "fields differ"
    if not is_mapping(annotation):
        assert set(content) == set(full)


@pytest.mark.parametrize(("group", "option"), OPTIONS, ids=lambda part: part)
def test_an_option_file_has_the_defaults_of_its_components(group: str, option: str) -> None:
    """Each named component in a file, wherever it stands, has the values that its class gives by itself."""
    with composer() as composing:
        override = f"{group}=[{option}]" if group in ("regularizer", "augment") else f"{group}={option}"
        parsed = getattr(parse(Settings, composing.plain([override])), group)

    def check(annotation: Any, value: Any) -> None:
        if is_mapping(annotation):
            assert all(component == type(component)() for component in value.values())
        elif table_of(annotation) is not None and is_dataclass(value):
            assert value == type(value)()
        elif is_dataclass(value):
            for name, hint in hints(type(value)).items():
                check(hint, getattr(value, name))

    if group == "data" and SOURCES.name_of(parsed) != option:
        # What describes one of torchvision's data sets is the file's own.
        for name in ("dataset", "channels", "size", "all_classes", "folder", "split", "options"):
            parsed = replace(parsed, **{name: getattr(type(parsed)(), name)})
    check(hints(Settings)[group], parsed)
    # init=default is PyTorch's scheme; the settings' own default is init=auto.
    if table_of(hints(Settings)[group]) is None and option in ("default", "hard") and group != "init":
        assert parsed == type(parsed)()


def test_the_composed_default_is_the_typed_default() -> None:
    with composer() as composing:
        assert parse(Settings, composing.plain([])) == Settings()


def test_every_table_entry_has_an_option_file() -> None:
    for group, annotation in hints(Settings).items():
        table = table_of(annotation)
        if table is None:
            continue
        folder = config_folder() / group
        if group in ("loss", "data"):  # options that bring regularizers along, or name one of torchvision's data sets
            named = {content_of(group, file.stem)["name"] for file in folder.glob("*.yaml")}
            assert named == set(table)
        else:
            assert {file.stem for file in folder.glob("*.yaml")} == set(table), group


def test_every_group_of_the_design_is_there() -> None:
    groups = (
        "data generator discriminator condition latent init norm loss targets regularizer augment schedule optimizer "
        "constraint averaging tricks divergence diagnosis runtime logging checkpoint evaluation experiment study"
    )
    assert set(groups.split()) == set(GROUPS)


def test_a_sweep_over_options_by_a_pattern() -> None:
    """Hydra's glob(…), in a group of one option and in a list."""
    with composer() as composing:
        for typed, found in (
            ("loss=glob(b*)", [["loss=bce"], ["loss=bce_r1"]]),
            ("loss=glob(w*,exclude=wgan)", [["loss=wgan_gp"]]),
            ("regularizer=glob(r*)", [["regularizer=r1"], ["regularizer=r2"], ["regularizer=reconstruction"]]),
        ):
            assert composing.jobs(composing.rewrite(composing.read([typed]))) == found


@pytest.mark.parametrize("typed", ["{}", "{}=3", "+{}=3", "~{}", "hydra.{}=1", "hydra/launcher={}", "{}/a=b"])
def test_names_that_no_file_can_have(typed: str) -> None:
    """Hydra asks the system for a file of that name, which is an error of its own where it is too long."""
    typed = typed.format("a" * 300)
    with composer() as composing, pytest.raises(Refused) as refused:
        composing.plain(composing.rewrite(composing.read([typed])))
    assert typed[:40] in str(refused.value)
