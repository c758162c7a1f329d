"""Names of the previous version: they work, each warns once, and a plugin written with them trains."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
import torch

import ganlab
from ganlab import deprecated
from ganlab.commands.launch.training_run import train
from ganlab.conditions.labels import ProjectionCondition
from ganlab.run_folder import RunFolder
from ganlab.table import Table
from ganlab.training.observer import Observer
from ganlab.types import Condition, Latent
from tests.conftest import tiny

FIXTURES = Path(__file__).resolve().parent / "fixtures"
CHOSEN = {
    "init": {"generator": "before_init", "discriminator": "before_init"},
    "loss": "before_loss",
    "regularizer": {"before_term": {}},
    "augment": {"before_augment": {}},
    "condition": "before_condition",
    "latent": "before_latent",
    "discriminator": "before_discriminator",
}


@pytest.fixture(autouse=True)
def _nothing_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deprecated, "_warned", set())


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ModuleType, list[str]]]:
    """The plugin, and what was warned of when it was imported; its components are gone afterwards."""
    from ganlab import augment, conditions, initializers, latents, losses, networks, regularizers

    homes = (augment, conditions, initializers, latents, losses, networks, regularizers)
    tables = [table for module in homes for table in vars(module).values() if isinstance(table, Table)]
    for table in tables:
        monkeypatch.setattr(table, "_components", dict(table._components))
    monkeypatch.syspath_prepend(str(FIXTURES))
    monkeypatch.delitem(sys.modules, "plugin_before", raising=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        module = importlib.import_module("plugin_before")
    yield module, [str(one.message) for one in caught if one.category is FutureWarning]
    monkeypatch.delitem(sys.modules, "plugin_before", raising=False)


def test_a_plugin_written_for_the_previous_version_trains(
    plugin: tuple[ModuleType, list[str]], tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    train(tiny(**CHOSEN, steps=4), RunFolder(tmp_path))
    generator = ganlab.load(tmp_path)
    assert generator.sample(4, seed=0).isfinite().all()
    messages = [str(one.message) for one in recwarn if one.category is FutureWarning]
    at_import = " ".join(plugin[1])
    for old in (
        "Judgement",
        "Augment",
        "Blank",
        "AUGMENTS",
        "Count",
        "Whole",
        "Conditioning.of_real",
        "Latent.between",
    ):
        assert f"{old} is now" in at_import, old
    for module in ("ganlab.draws", "ganlab.streams", "ganlab.derivatives"):
        assert f"{module} is now" in " ".join([at_import, *messages]), module
    for old in ATTRIBUTES_READ:
        assert sum(message.startswith(f"{old} is now") for message in messages) == 1, old
    assert "Update.seen_real is now Update.augmented_real; the old name works in this version only" in messages


ATTRIBUTES_READ = (
    "Update.seen_real", "Update.seen_fake", "Update.judged_real", "Update.judged_fake", "Update.see", "Update.draw",
    "UninitializedNetwork.respond",
)  # fmt: skip


def test_a_warning_points_to_the_plugins_line() -> None:
    with pytest.warns(FutureWarning) as caught:
        from ganlab.types import Judgement  # noqa: F401
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from ganlab.types import Judgement as again  # noqa: F401


def test_all_old_names_are_the_new_things() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module, renamed in deprecated.NAMES.items():
            found = importlib.import_module(module)
            for old, new in renamed.items():
                assert getattr(found, old) is getattr(found, new)
        from ganlab import draws, random_numbers, random_streams, streams

        assert draws.normal is random_numbers.normal
        assert streams.derive is random_streams.derive
    with pytest.raises(AttributeError, match=r"module .ganlab\.types. has no attribute .Nothing."):
        importlib.import_module("ganlab.types").Nothing  # noqa: B018


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_old_and_new_methods_meet_in_one_family() -> None:
    """A parent with either name, a child with the other: each calls the nearest of both."""

    @dataclass(frozen=True)
    class Old(ProjectionCondition):
        def of_real(self, condition: Condition) -> Condition:
            return {**super().of_real(condition), "old": torch.ones(1)}

    @dataclass(frozen=True)
    class New(Old):
        def real_condition(self, condition: Condition) -> Condition:
            return {**super().real_condition(condition), "new": torch.ones(1)}

    labels = {"labels": torch.zeros(1, dtype=torch.long)}
    for call in (New().real_condition, New().of_real):
        assert set(call(labels)) == {"labels", "old", "new"}
    assert set(Old().real_condition(labels)) == {"labels", "old"}
    assert "old" not in ProjectionCondition().real_condition(labels)

    class Watching(Observer):
        steps: int = 0

        def returned(self, step: int) -> None:
            Watching.steps = step

    Watching().rolled_back(7)
    assert Watching.steps == 7

    @dataclass(frozen=True)
    class Line(Latent):
        dim: int = 1

    assert Line().between(torch.zeros(1, 1), torch.ones(1, 1), 0.25).item() == 0.25
