"""Pictures are translated one by one, whatever their shape."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganlab.commands import translate as command
from ganlab.commands.translate import main, picture_files, read_picture
from ganlab.errors import UserError


def generator(shape: tuple[int, int, int], **other: tuple[int, int, int]) -> Any:
    """Returns a generator that inverts its source."""
    return SimpleNamespace(
        sources={"source": shape, **other},
        latent=lambda n, seed: torch.zeros(n, 1),
        description="an inverting generator",
        generate=lambda latent, source: -(source.float() / 127.5 - 1),
    )


@pytest.fixture
def inverting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "generator_of", lambda *args: generator((1, 8, 8)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "pictures"
    (pictures / "more").mkdir(parents=True)
    for number, name in enumerate(("a.png", "more/b.png", "a.bmp")):
        Image.fromarray(np.full((8, 8), 50 * number, np.uint8)).save(pictures / name)
    (pictures / "broken.png").write_text("no picture")
    (pictures / "notes.txt").write_text("no picture")
    return pictures


@pytest.mark.usefixtures("inverting")
def test_each_picture_has_a_result_with_its_name(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run=x", f"images={folder}", f"out={tmp_path}/out", "batch_size=2"]) == 0
    found = {str(one.relative_to(tmp_path / "out")) for one in (tmp_path / "out").rglob("*.png")}
    assert found == {"a.png", "a+2.png", "more/b.png"}
    assert (np.asarray(Image.open(tmp_path / "out" / "more" / "b.png")) == 205).all()
    said = capsys.readouterr().out
    assert "3 pictures" in said
    assert "skipped:" in said
    assert "broken.png" in said


@pytest.mark.usefixtures("inverting")
def test_source_and_result_stand_side_by_side(folder: Path, tmp_path: Path) -> None:
    assert main(["run=x", f"images={folder}/more/b.png", f"out={tmp_path}/out", "beside=true"]) == 0
    both = np.asarray(Image.open(tmp_path / "out" / "b.png"))
    assert both.shape == (8, 16)
    assert (both[:, :8] == 50).all()
    assert (both[:, 8:] == 205).all()


def test_a_picture_is_cropped_in_the_middle(tmp_path: Path) -> None:
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = (10, 100, 200)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    found = read_picture(tmp_path / "wide.png", (3, 10, 10))
    assert found.shape == (3, 10, 10)
    assert found.dtype == torch.uint8
    assert found[:, 5, 5].tolist() == [10, 100, 200]
    assert read_picture(tmp_path / "wide.png", (1, 4, 4)).shape == (1, 4, 4)


@pytest.mark.usefixtures("inverting")
def test_what_cannot_be_done_is_refused(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_text("")
    assert main(["run=x", f"images={folder}", f"out={tmp_path}/full"]) == 2
    assert "it is not empty" in capsys.readouterr().err
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match="there is no picture"):
        picture_files(str(tmp_path / "none"))
    with pytest.raises(UserError, match="no such file or folder"):
        picture_files(str(tmp_path / "nowhere"))
    assert main(["run=x", f"images={folder}/broken.png", f"out={tmp_path}/out"]) == 2
    assert "could be read" in capsys.readouterr().err


@pytest.mark.parametrize("sources", [{}, {"source": (1, 8, 8), "style": (1, 8, 8)}])
def test_other_generators_are_refused(
    sources: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        command, "generator_of", lambda *args: SimpleNamespace(sources=sources, latent=lambda n, seed: None)
    )
    assert main(["run=x", f"images={folder}", f"out={tmp_path}/out"]) == 2
    assert ("stylize" if sources else "sample.py") in capsys.readouterr().err
