"""A plugin's component is chosen for both networks by its name, as one with an option file is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hydra.core.config_store import ConfigStore

from ganlab.config.compose import composer
from ganlab.config.parse import parse
from ganlab.config.settings import Settings
from ganlab.errors import Refused
from ganlab.initializers import INITIALIZERS
from ganlab.initializers.normal import NormalInitializer
from ganlab.networks import NORMS, PARAMETRIZATIONS
from ganlab.networks.norms import LayerNorm
from ganlab.networks.parametrizations import Spectral
from ganlab.training.optimizers import OPTIMIZERS, SGD


@dataclass(frozen=True)
class TinyNormal(NormalInitializer):
    depth: int = 10


@dataclass(frozen=True)
class TinyNorm(LayerNorm):
    pass


@dataclass(frozen=True)
class TinyWeight(Spectral):
    pass


@dataclass(frozen=True)
class TinyOptimizer(SGD):
    pass


TABLES = {"tiny": (INITIALIZERS, TinyNormal), "tiny_norm": (NORMS, TinyNorm), "tiny_weight": (PARAMETRIZATIONS, TinyWeight), "tiny_optimizer": (OPTIMIZERS, TinyOptimizer)}  # fmt: skip


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    for name, (table, component) in TABLES.items():
        table.register(name)(component)
    yield
    for name, (table, _) in TABLES.items():
        del table._components[name]
        for group in ("init", "norm", "optimizer"):
            ConfigStore.instance().repo.get(group, {}).pop(f"{name}.yaml", None)


def typed(*overrides: str) -> Settings:
    with composer() as composing:
        return parse(Settings, composing.plain(composing.rewrite(composing.read(overrides))))


@pytest.mark.parametrize(
    ("overrides", "generator", "discriminator"),
    [
        (["init=tiny"], TinyNormal(), TinyNormal()),
        (["init=tiny", "init.generator.depth=20"], TinyNormal(depth=20), TinyNormal()),
        (["init.discriminator.depth=3", "init=tiny"], TinyNormal(), TinyNormal(depth=3)),
        (["init=tiny", "init.discriminator=auto"], TinyNormal(), "auto"),
        (["init.generator=tiny"], TinyNormal(), "auto"),
    ],
)
def test_an_initializer(overrides: list[str], generator: object, discriminator: object) -> None:
    found = typed(*overrides).init
    assert (found.generator, found.discriminator) == (generator, discriminator)


def test_the_other_groups_of_both_networks() -> None:
    norm = typed("norm=tiny_norm").norm
    assert (norm.generator.layer, norm.discriminator.layer) == (TinyNorm(), TinyNorm())
    norm = typed("norm=tiny_weight").norm
    assert (norm.generator.weight, norm.discriminator.weight) == (TinyWeight(), TinyWeight())
    optimizer = typed("optimizer=tiny_optimizer", "optimizer.generator.lr=0.3").optimizer
    assert isinstance(optimizer.discriminator, TinyOptimizer)
    assert optimizer.generator.lr == 0.3


def test_a_sweep_over_it() -> None:
    with composer() as composing:
        jobs = composing.jobs(composing.rewrite(composing.read(["init=he,tiny", "seed=0,1"])))
        found = [parse(Settings, composing.plain(job)).init.generator for job in jobs]
    assert [type(one).__name__ for one in found] == ["He", "He", "TinyNormal", "TinyNormal"]


def test_a_misspelt_one() -> None:
    with pytest.raises(Refused, match=r"init=tinny: no such option; did you mean init=tiny\?"):
        typed("init=tinny")
