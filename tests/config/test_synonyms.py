"""Other names lead to what exists, and to one thing."""

from __future__ import annotations

from ganlab.config.compose import config_folder
from ganlab.config.schema import keys
from ganlab.config.settings import Settings
from ganlab.config.synonyms import SYNONYMS, also_called, by_other_name, meant


def test_every_synonym_is_of_something() -> None:
    options = {file.stem for file in config_folder().glob("*/*.yaml")}
    settings = {part for full in keys(Settings) for part in (full, full.rpartition(".")[2])}
    values = {"silu", "leaky_relu", "transposed", "pixel_shuffle", "stddev", "discrimination", "weight"}
    assert set(SYNONYMS) <= options | settings | values


def test_no_synonym_hides_the_name_of_another_option_of_its_group() -> None:
    for folder in config_folder().iterdir():
        options = {file.stem for file in folder.glob("*.yaml")} if folder.is_dir() else set()
        for option in options:
            assert not set(SYNONYMS.get(option, ())) & options - {"r1"}


def test_which_one_is_meant() -> None:
    assert by_other_name("Kaiming-Normal", ["he", "xavier"]) == "he"
    assert by_other_name("he", ["he"]) is None
    assert also_called("acgan", ["acgan_cifar10"]) == "acgan_cifar10"
    assert meant("kaimin", ["he", "xavier"]) == "he"
    assert meant("xyz", ["he", "xavier"]) is None
