"""A trained run is judged: what is printed, kept and refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from ganlab.commands import train
from ganlab.commands.evaluate import main
from tests.conftest import TINY_OVERRIDES


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was scored while it trained, with classes and held-out images."""
    run = tmp_path_factory.mktemp("runs") / "digits"
    words = ["evaluation=scores", "evaluation.every=1", "evaluation.images=20", "evaluation.features=pixels"]
    more = ["condition=projection", "data.held_out=14", "tricks=[ema]", f"hydra.run.dir={run}"]
    assert train.main([*TINY_OVERRIDES, *words, *more]) == 0
    return run


def rows(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "scores.jsonl").read_text().splitlines()]


def test_scores_are_printed_with_what_they_mean_and_kept(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, before_best = len(rows(trained)), min(row["scores"]["fid"] for row in rows(trained))
    assert main([f"run={trained}", "n=40", "features=pixels"]) == 0
    said = capsys.readouterr().out
    assert "40 samples against 50 train images; features: pixels" in said
    assert "scored while training (pixels-" in said
    assert f"): best FID {before_best:.4g} at step " in said
    assert "best.safetensors" in said
    row = rows(trained)[-1]
    assert len(rows(trained)) == before + 1
    assert row["fingerprint"]["weights"] == "average"
    assert (row["step"], row["checkpoint"]) == (2, "final.safetensors")
    for name in ("fid", "kid", "precision", "recall", "density", "coverage", "memorised"):
        assert name in row["scores"]
        assert f"\n{name} " in said
    picture = next(trained.glob("samples/nearest-train-pixels*.png"))
    assert Image.open(picture).width > 300


def test_the_same_seed_gives_the_same_scores(trained: Path) -> None:
    for seed in (0, 0, 1):
        assert main([f"run={trained}", "n=40", "features=pixels", f"seed={seed}", "batch_size=7"]) == 0
    one, same, other = (row["scores"]["fid"] for row in rows(trained)[-3:])
    assert one == pytest.approx(same, rel=1e-6)
    assert one != other


def test_a_run_is_scored_again_with_the_features_that_scored_it(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([f"run={trained}", "n=40"]) == 0  # its data has labels: auto would be a classifier
    assert "features: pixels" in capsys.readouterr().out


def test_a_program_that_scored_a_run_is_run_only_if_it_is_typed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = tmp_path / "features.pt"
    torch.jit.trace(torch.nn.Flatten(), torch.zeros(2, 1, 16, 16)).save(network)  # type: ignore[no-untyped-call]
    words = ["evaluation=scores", "evaluation.images=20", "evaluation.features.name=file"]
    words += [f"evaluation.features.path={network}", f"hydra.run.dir={tmp_path / 'run'}"]
    assert train.main([*TINY_OVERRIDES, *words]) == 0
    capsys.readouterr()
    assert main([f"run={tmp_path / 'run'}", "n=20"]) == 2
    typed = f"features.name=file features.path={network}"
    assert typed in capsys.readouterr().err
    assert main([f"run={tmp_path / 'run'}", "n=20", *typed.split()]) == 0


def test_a_spread_of_one_subset_is_not_stated(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"run={trained}", "n=50", "features=pixels"]) == 0  # as many samples as real images
    said = capsys.readouterr().out
    assert re.search(r"^kid +[-0-9.e]+$", said, re.MULTILINE)
    assert "kid_std" not in rows(trained)[-1]["scores"]


def test_another_part_and_another_checkpoint(trained: Path) -> None:
    assert (
        main([f"run={trained}", "n=20", "features=pixels", "split=held_out", "checkpoint=best", "weights=network"]) == 0
    )
    row = rows(trained)[-1]
    assert (row["fingerprint"]["split"], row["fingerprint"]["reals"]) == ("held_out", 14)
    assert row["checkpoint"] == "best.safetensors"
    assert row["fingerprint"]["weights"] == "network"
    assert "memorised" not in row["scores"]


def test_baselines_stand_in_the_order_that_a_judge_would_expect(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([f"run={trained}", "n=40", "features=pixels", "baselines=true"]) == 0
    said = capsys.readouterr().out
    header = next(line for line in said.splitlines() if "real, other half" in line)
    for column in ("generator", "real, other half", "half the classes", "one image", "noise"):
        assert column in header
    fids = next(line for line in said.splitlines() if line.startswith("fid")).split()
    floor, half, one, noise = (float(number.replace(",", "")) for number in fids[2:])
    assert floor < noise
    assert half < one


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (["run=nowhere"], "nowhere: there is no such folder"),
        (["run={run}", "split=test"], "split=test: this data set has no parts"),
        (["run={run}", "split=tset"], "did you mean split=test?"),
        (["run={run}", "features=clasifier"], "did you mean features=classifier?"),
        (
            ["run={run}", "features.name=file", "features.path=nothing.pt"],
            "features.path=nothing.pt: there is no such file",
        ),
        (["run={run}", "n=5"], "n: found 5, need a whole number at least 10"),
        (["run={run}", "images=100"], "images: no such setting"),
        (["run={run}", "checkpoint=1000"], "checkpoint=1000"),
    ],
)
def test_mistakes_are_one_sentence(
    typed: list[str], sentence: str, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = len(rows(trained))
    assert main([word.format(run=trained) for word in typed]) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert len(rows(trained)) == before


def test_points_are_scored_by_their_modes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["data=ring", "data.limit=200", "generator=mlp", "discriminator=mlp", "generator.hidden=[8]"]
    more = ["discriminator.hidden=[8]", "batch_size=8", "steps=2", "logging.samples=8", f"hydra.run.dir={tmp_path}"]
    assert train.main([*words, *more]) == 0
    capsys.readouterr()
    assert main([f"run={tmp_path}", "n=50"]) == 0
    said = capsys.readouterr().out
    assert "features: pixels" in said
    assert "\nmodes " in said
    assert "good_share" in said
    assert not list(tmp_path.glob("samples/nearest*"))


def test_a_recorded_score_is_refused_before_training_where_it_cannot_be_made(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "x.png")
    words = ["data=image_folder", f"data.root={tmp_path}", "evaluation=scores", "evaluation.features=classifier"]
    assert train.main([*TINY_OVERRIDES, *words, "data.limit=1", "batch_size=1"]) == 2
    assert "evaluation.features=classifier: these images have no classes" in capsys.readouterr().err


def test_the_settings_of_the_data_may_have_changed(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"run={trained}", "n=20", "data.rot=x"]) == 2
    assert "data.rot: digits has no such setting" in capsys.readouterr().err
    assert main([f"run={trained}", "n=20", "features=pixels", "data.limit=32"]) == 0
    assert rows(trained)[-1]["fingerprint"]["reals"] < 32
