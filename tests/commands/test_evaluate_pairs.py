"""Scores of translated images beside the true ones, with a generator that copies its content."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganlab.commands import evaluate_pairs
from ganlab.commands.evaluate_pairs import PairedScores, score_pairs
from ganlab.data.typefaces.font_files import bundled
from ganlab.evaluation import FEATURES
from ganlab.evaluation.features.classifier import Classifier
from tests.conftest import tiny

UNSEEN = "unseen_fonts_seen_characters"


@pytest.fixture(scope="module")
def fonts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fonts")
    for name in ("DejaVuSerif", "STIXGeneral", "cmr10"):
        shutil.copy(bundled(f"{name}.ttf"), folder)
    return folder


@pytest.fixture
def found(fonts: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, PairedScores]:
    """The images, and the scores of a generator that copies the content."""
    monkeypatch.setattr(evaluate_pairs, "Classifier", partial(Classifier, steps=2))
    settings = tiny(
        data={"name": "glyph_pairs", "root": str(fonts), "characters": list("ABCDEFGHIJKLMN"), "size": 16,
              "unseen_fonts": 1, "unseen_characters": 1},
        condition={"name": "image", "source": ["content", "style"]}, generator={"name": "wnet", "width": 4},
    ).settings  # fmt: skip
    images = settings.data.open()
    copier = SimpleNamespace(
        sources={"content": (1, 16, 16), "style": (1, 16, 16)}, device=torch.device("cpu"),
        latent=lambda count, seed: torch.zeros(count, 1),
        generate=lambda latent, content, style: content.float() / 127.5 - 1,
    )  # fmt: skip

    def lpips(first: Tensor, second: Tensor) -> Tensor:
        return (first - second).abs().amax((1, 2, 3))

    scores = score_pairs(copier, settings, images, "train", FEATURES["pixels"](), 12, 0, lpips)  # type: ignore[arg-type]
    return images, scores


def test_parts_and_columns(found: tuple[Any, PairedScores]) -> None:
    _, scores = found
    assert dict(scores.counts) == {"training": 12, UNSEEN: 12}  # parts of fewer than ten images have no scores
    assert set(scores.judges) == {"font", "character"}
    for columns in scores.parts.values():
        assert list(columns) == ["generator", "copy of content", "copy of nearest font"]
        assert columns["generator"] == columns["copy of content"]
        assert {"l1", "rmse", "psnr", "ssim", "lpips", "fid", "font_accuracy", "character_accuracy"} == set(
            columns["generator"]
        )
    # The font that is nearest to a training font is itself.
    copy = scores.parts["training"]["copy of nearest font"]
    assert (copy["l1"], copy["lpips"]) == (0, 0)
    assert copy["ssim"] == pytest.approx(1)


def test_distances_are_those_to_the_true_glyphs(
    found: tuple[Any, PairedScores], monkeypatch: pytest.MonkeyPatch
) -> None:
    images, scores = found
    every = images.parts[UNSEEN]
    assert len(every) == 13
    gaps = np.abs(images.images[every].astype(float) - images.aligned_images("content", every)).reshape(13, -1)
    # Twelve of the thirteen are compared, so that one is missing in the mean.
    total = 12 * 255 * scores.parts[UNSEEN]["generator"]["l1"]
    without = gaps.mean(1).sum() - gaps.mean(1)
    missing = np.abs(without - total).argmin()
    assert total == pytest.approx(without[missing], rel=1e-5)
    highest = np.delete(gaps.max(1), missing).mean() / 127.5
    assert scores.parts[UNSEEN]["generator"]["lpips"] == pytest.approx(highest, rel=1e-5)


def test_the_file_and_the_table(found: tuple[Any, PairedScores], tmp_path: Path) -> None:
    _, scores = found
    scores.save(tmp_path, step=3)
    plain = json.loads((tmp_path / "pairs.json").read_text())
    assert plain["step"] == 3
    assert plain["images"] == dict(scores.counts)
    assert plain["parts"][UNSEEN]["generator"]["l1"] == scores.parts[UNSEEN]["generator"]["l1"]
    said = scores.text()
    assert "unseen fonts seen characters (12)" in said
    assert "lpips ↓" in said
    assert "The judge of the font is right on" in said
