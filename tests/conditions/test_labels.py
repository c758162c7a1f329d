from __future__ import annotations

import torch

from ganlab.conditions import CONDITIONS
from ganlab.conditions.image import ImageCondition
from ganlab.types import Wiring

LABELS = {name: condition for name, condition in CONDITIONS.items() if not issubclass(condition, ImageCondition)}
REAL = {"labels": torch.tensor([4, 1, 1])}


def draw() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_reals_keep_their_labels_and_without_a_condition_lose_them() -> None:
    for name, condition in LABELS.items():
        assert condition().real_condition(REAL) == ({} if name == "none" else REAL)


def test_fakes_have_the_reals_labels_in_their_order() -> None:
    told = CONDITIONS["concat"]().fake_condition(7, 10, REAL, draw())["labels"]
    assert told.tolist() == [4, 1, 1, 4, 1, 1, 4]


def test_uniform_labels_have_the_same_chance() -> None:
    told = CONDITIONS["concat"](labels="uniform").fake_condition(50_000, 5, REAL, draw())["labels"]  # type: ignore[call-arg]
    shares = torch.bincount(told, minlength=5) / 50_000
    torch.testing.assert_close(shares, torch.full((5,), 0.2), atol=0.01, rtol=0)


def test_a_grid_has_the_classes_in_order_and_as_many_of_each() -> None:
    assert CONDITIONS["projection"]().grid_condition(6, 3, REAL)["labels"].tolist() == [0, 0, 1, 1, 2, 2]


def test_how_labels_reach_the_networks() -> None:
    wirings = {name: condition().wiring for name, condition in LABELS.items()}
    assert wirings == {
        "none": Wiring(),
        "concat": Wiring("one_hot", "one_hot"),
        "embedding": Wiring("embedding", "plane"),
        "projection": Wiring("none", "projection"),
        "auxiliary": Wiring("one_hot", "class"),
    }
    told = CONDITIONS["projection"](generator="embedding", dim=7)  # type: ignore[call-arg]
    assert told.wiring == Wiring("embedding", "projection", 7)
    assert not told.by_norm
    assert CONDITIONS["projection"](generator="norm").by_norm  # type: ignore[call-arg]
