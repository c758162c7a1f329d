"""What is typed to draw text and fonts, up to the files; the drawing itself is tested in tests/lettering."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from ganlab.commands import stylize as command
from ganlab.commands.stylize import main
from ganlab.data.typefaces.font_files import bundled
from tests.lettering.test_lettering import DATA, Copying

SERIF = bundled("DejaVuSerif.ttf")


class Generator:
    """A generator that returns its content image."""

    network, description, device = Copying(), "a copying generator", torch.device("cpu")
    settings: Any = {"data": DATA}
    path = Path("checkpoints/final.safetensors")

    def __init__(self, *sources: str) -> None:
        self.sources = dict.fromkeys(sources or ("content", "style"), (1, 64, 64))

    def latent(self, count: int, seed: int) -> torch.Tensor:
        return torch.zeros(count, 1)


@pytest.fixture(autouse=True)
def _loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "generator_of", lambda *args: Generator())


def test_text_and_sheet_are_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run=x", f"font={SERIF}", "text=Hi", "out=line.png", "height=32"]) == 0
    assert Image.open("line.png").height == 32
    assert main(["run=x", f"font={SERIF}", "mode=alphabet", "characters=ABC", "columns=2", "out=sheet.png"]) == 0
    assert Image.open("sheet.png").size == (128, 128)
    assert "sheet.png" in capsys.readouterr().out
    # A picture that stylize wrote is a style itself.
    assert main(["run=x", "style=line.png", "text=Ok", "out=again.png"]) == 0


def test_a_font_has_the_name_of_its_file(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("vtracer", reason="VTracer comes with the extra fonts")
    from fontTools.ttLib import TTFont

    assert main(["run=x", f"font={SERIF}", "characters=AB", "out=Mine.ttf"]) == 0
    assert TTFont("Mine.ttf")["name"].getDebugName(1) == "Mine"
    assert "2 glyphs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (["text=Hi"], "neither style nor font is typed"),
        (["text=Hi", f"font={SERIF}", "style=a.png"], "both style and font are typed"),
        ([f"font={SERIF}"], "there is nothing to draw"),
        ([f"font={SERIF}", "text=Hi", "mode=alphabet"], "mode=alphabet draws all characters"),
        ([f"font={SERIF}", "text=Hi", "out=a.ttf"], "a font has all characters"),
        ([f"font={SERIF}", "out=a.ttf", "mode=alphabet"], "mode=alphabet draws a picture"),
        ([f"font={SERIF}", "text=Hi", "out=a.gif"], "ends in none of"),
        ([f"font={SERIF}", "text=Hi", "name=A"], "it is of a font"),
        ([f"font={SERIF}", "text=Hi", "character=A"], "it says what pictures show"),
        (["style=a.png", "text=Hi", "glyphs=A"], "they are characters of a font"),
        (["style=[a.png,b.png]", "text=Hi", "character=A"], "1 characters for 2 pictures"),
        (["style=nowhere.png", "text=Hi"], "cannot be read as a picture"),
        (["font=nowhere.ttf", "text=Hi"], "there is no such file"),
        ([f"font={SERIF}", "text=漢"], "has no 漢"),
        ([f"font={SERIF}", "mode=alphabet", "characters=漢"], "the content font has none of them"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(typed: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run=x", *typed]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert "Traceback" not in said


def test_damaged_fonts_and_files_that_exist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.ttf").write_bytes(b"\0\1\0\0 nothing")
    assert main(["run=x", "font=broken.ttf", "text=Hi"]) == 2
    assert "font=broken.ttf: it cannot be read" in capsys.readouterr().err
    (tmp_path / "line.png").write_text("")
    assert main(["run=x", f"font={SERIF}", "text=Hi", "out=line.png"]) == 2
    assert "the file exists already" in capsys.readouterr().err


def test_other_runs_are_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(command, "generator_of", lambda *args: Generator("source"))
    assert main(["run=x", f"font={SERIF}", "text=Hi"]) == 2
    assert "with a content and a style image" in capsys.readouterr().err
