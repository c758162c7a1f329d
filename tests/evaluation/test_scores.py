"""All scores from one pass, each as its own function gives it, and what each number means."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganlab.errors import UserError
from ganlab.evaluation.features import Classifier, Pixels, Reals, as_images
from ganlab.evaluation.frechet import Moments, frechet_distance
from ganlab.evaluation.manifold import manifold_scores
from ganlab.evaluation.scores import Centres, Evaluator

CPU = torch.device("cpu")


def images(count: int, seed: int = 0, level: int = 256) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, level, (count, 4, 4, 1)).astype(np.uint8)


def batches(pixels: np.ndarray, size: int = 7) -> Iterator[Tensor]:
    return (as_images(pixels[start : start + size], CPU) for start in range(0, len(pixels), size))


def evaluator(real: np.ndarray, **more: Any) -> Evaluator:
    return Evaluator(Reals(real, fingerprint="here"), Pixels(), CPU, Path("nowhere"), **more)


def test_the_scores_are_those_of_the_features() -> None:
    real, fake = images(60), images(50, seed=1, level=200)
    scored = evaluator(real).score(batches(fake))
    ours, theirs = (as_images(pixels, CPU).flatten(1) for pixels in (real, fake))
    assert scored.values["fid"] == pytest.approx(frechet_distance(Moments.of(ours), Moments.of(theirs)), rel=1e-5)
    assert {"kid", "kid_std", "precision", "recall", "density", "coverage", "memorised"} <= set(scored.values)
    assert "inception_score" not in scored.values  # pixels tell no classes
    assert "modes" not in scored.values


def test_all_pairs_are_compared_at_equal_numbers() -> None:
    """Precision and the like depend on how many of each there are."""
    real, fake = images(60), images(40, seed=1)
    scored = evaluator(real).score(batches(fake), seed=3)
    assert scored.fingerprint["compared"] == 40
    alone = evaluator(real[:40]).score(batches(fake), seed=3)
    ours, theirs = (as_images(pixels, CPU).flatten(1) for pixels in (real[:40], fake))
    assert alone.values["recall"] == manifold_scores(ours, theirs).recall


def test_samples_are_rounded_as_pictures_are() -> None:
    """What is between two of 256 levels cannot be seen, and no score may see it; points of the plane are no pictures."""
    real, fake = images(60), images(50, seed=1)
    between = [batch + 0.4 / 127.5 for batch in batches(fake)]
    assert evaluator(real).score(between).values == evaluator(real).score(batches(fake)).values
    points = np.random.default_rng(0).uniform(-1, 1, (60, 1, 1, 2)).astype(np.float32)
    exact = evaluator(points).score(batches(points[:50] * 0.9))
    moved = evaluator(points).score([batch + 0.4 / 127.5 for batch in batches(points[:50] * 0.9)])
    assert exact.values["fid"] != moved.values["fid"]


def test_copies_are_found_in_the_training_images_only() -> None:
    real = images(60)
    copies = evaluator(real).score(batches(real[:30])).values
    assert copies["memorised"] == copies["closer"] == 1
    assert evaluator(real).score(batches(images(60, seed=1))).values["closer"] < 0.2  # 0.05 is expected
    assert "memorised" not in evaluator(real, split="held_out").score(batches(real[:30])).values


def test_modes_of_points() -> None:
    means = torch.tensor([[0.5, 0.5], [-0.5, -0.5], [0.5, -0.5]])
    near = (means[:2].repeat(20, 1) + 0.001).numpy().reshape(-1, 1, 1, 2).astype(np.float32)
    found = evaluator(near, centres=Centres(means, 0.01)).score(batches(near))
    assert (found.values["modes"], found.values["good_share"]) == (2, 1)


def test_classes_of_samples(tmp_path: Path) -> None:
    from ganlab.data.digits import Digits

    opened = Digits(size=16).open()
    real = Reals(opened.images, opened.labels, opened.classes, opened.rows, opened.fingerprint)
    assert opened.labels is not None
    asked = Evaluator(real, Classifier(steps=120), CPU, tmp_path)
    everything = asked.score(real.batches(256, CPU))
    assert everything.values["modes"] == 10
    assert everything.values["class_entropy"] == pytest.approx(np.log(10), abs=0.02)
    assert everything.values["reverse_kl"] < 0.01
    assert everything.histogram is not None
    assert sum(everything.histogram) == 1797
    threes = Reals(opened.images, rows=np.flatnonzero(opened.labels == 3))
    one = asked.score(threes.batches(256, CPU))
    assert one.values["modes"] <= 4
    assert one.values["reverse_kl"] > 1.5
    assert one.values["inception_score"] < everything.values["inception_score"]
    assert one.values["fid"] > everything.values["fid"]
    # as a judge would expect: other reals, half of the classes, one picture, noise
    half = Reals(opened.images, rows=np.flatnonzero(opened.labels < 5))
    same = Reals(opened.images, rows=np.full(500, 7))
    noise = (torch.rand(100, 1, 16, 16, generator=torch.Generator().manual_seed(i)) * 2 - 1 for i in range(5))
    fids = [asked.score(fakes).values["fid"] for fakes in (half.batches(256, CPU), same.batches(256, CPU), noise)]
    assert everything.values["fid"] < fids[0] < min(fids[1:])


def test_a_fingerprint_tells_what_does_not_compare() -> None:
    real, fake = images(60), images(50, seed=1)
    base = evaluator(real).score(batches(fake), weights="average")
    assert evaluator(real).score(batches(images(50, seed=2)), weights="average").id == base.id  # other samples compare
    others = [
        evaluator(real).score(batches(fake), weights="network"),
        evaluator(real).score(batches(fake[:40]), weights="average"),
        evaluator(real[:50]).score(batches(fake), weights="average"),
        evaluator(real, split="held_out").score(batches(fake), weights="average"),
        Evaluator(Reals(real, fingerprint="other"), Pixels(), CPU, Path("nowhere")).score(
            batches(fake), weights="average"
        ),
        Evaluator(Reals(real, fingerprint="here"), Pixels(side=2), CPU, Path("nowhere")).score(
            batches(fake), weights="average"
        ),
    ]
    assert base.id not in {other.id for other in others}
    row = base.row()
    assert [row["fingerprint"][key] for key in ("weights", "batch_norm", "dtype")] == [
        "average", "running statistics", "float32",
    ]  # fmt: skip
    assert not {"weights", "batch_norm", "dtype"} & evaluator(real).score(batches(fake)).fingerprint.keys()  # nobody's
    assert base.id == "pixels-5662"  # which tables of earlier scores have
    assert row["scores"]["fid"] == base.values["fid"]


def test_too_few_samples_or_broken_ones_are_one_sentence() -> None:
    with pytest.raises(UserError, match="at least 10 samples"):
        evaluator(images(60)).score(batches(images(9)))
    with pytest.raises(UserError, match="NaN or infinity"):
        evaluator(images(60)).score([torch.full((20, 1, 4, 4), float("nan"))])


def test_the_nearest_reals_are_images() -> None:
    real = images(60)
    nearest, distances = evaluator(real).nearest(as_images(real[5:8], CPU))
    assert torch.equal(nearest, as_images(real[5:8], CPU))
    assert distances.tolist() == [0, 0, 0]
