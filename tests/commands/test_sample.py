"""Pictures as a person asks for them, in an empty folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import ganlab
from ganlab.commands.sample import main
from ganlab.monitor import animation
from ganlab.monitor.grid import grid

CHECKOUT = Path(__file__).resolve().parents[2]
LABELLED: dict[str, Any] = {"condition": "concat"}
EMA: dict[str, Any] = {"averaging": {"name": "ema", "decay": 0.5}}
RING: dict[str, Any] = {
    "data": {"name": "ring", "limit": 64},
    "generator": {"name": "mlp", "hidden": [8]},
    "discriminator": {"name": "mlp", "hidden": [8]},
}


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sample(run: Path, *words: str) -> Path:
    """The picture that the command made, by name; it is the only one."""
    before = {path for path in Path().rglob("*") if path.is_file()}
    assert main([f"run={run}", *words]) == 0
    (made,) = {path for path in Path().rglob("*") if path.is_file()} - before
    return made


def cells(picture: Image.Image | Path, side: int = 16) -> np.ndarray:
    """The images (rows, columns, side, side) in an enlarged grid of grey ones, which is in the lower right corner."""
    opened = Image.open(picture) if isinstance(picture, Path) else picture
    pixels = np.asarray(opened.convert("L"))
    ink = (pixels < 200).any(axis=0).nonzero()[0]
    factor = (pixels.shape[1] - 1 - int(ink[-1])) // 2  # the white at the right is two pixels, enlarged
    rows, columns = ((length // factor - 2) // (side + 2) for length in pixels.shape)  # a margin is less than an image
    height, width = (factor * (number * (side + 2) + 2) for number in (rows, columns))
    pixels = pixels[-height:, -width:]
    assert (
        pixels.reshape(height // factor, factor, width // factor, factor) == pixels[::factor, None, ::factor, None]
    ).all()
    pixels = pixels[::factor, ::factor]
    inner = pixels[2:, 2:].reshape(rows, side + 2, columns, side + 2)[:, :side, :, :side]
    return inner.transpose(0, 2, 1, 3)


def close(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(abs(one.astype(int) - other.astype(int)).max() <= 1)


# ------------------------------------------------------------------------------------------------------- one by one


def test_a_grid_shows_what_load_samples(trained_run: Callable[..., Path]) -> None:
    run = trained_run()
    shown = cells(sample(run, "n=12", "seed=5", "columns=4", "out=a.png"))
    assert shown.shape == (3, 4, 16, 16)
    assert close(shown.reshape(12, 16, 16), ganlab.load(run).sample(12, seed=5)[:, 0].numpy())
    assert cells(sample(run, "out=b.png")).shape == (8, 8, 16, 16)
    assert close(cells(Path("a.png")), cells(sample(run, "n=12", "seed=5", "columns=4", "batch_size=5", "out=c.png")))
    assert not close(cells(Path("a.png")), cells(sample(run, "n=12", "seed=6", "columns=4", "out=d.png")))
    assert Image.open(sample(run, "out=e.jpg")).format == "JPEG"


def test_classes_have_columns_of_their_own_in_a_grid(trained_run: Callable[..., Path]) -> None:
    run = trained_run(**LABELLED)
    assert cells(sample(run, "n=20", "out=a.png")).shape == (2, 10, 16, 16)
    shown = cells(sample(run, "n=6", "labels=[7,2]", "out=b.png"))
    expected = ganlab.load(run).sample(6, labels=[7, 2])[:, 0].numpy()
    assert close(shown, expected.reshape(3, 2, 16, 16))
    assert cells(sample(run, "n=9", "labels=4", "out=c.png")).shape == (3, 3, 16, 16)


def test_classes_are_rows_and_latents_are_columns(
    trained_run: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained_run(**LABELLED)
    shown = cells(sample(run, "mode=classes", "n=3", "seed=2", "out=a.png"))
    assert "Rows: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9" in capsys.readouterr().out
    generator = ganlab.load(run)
    latent = generator.latent(3, seed=2)
    for row in range(10):
        assert close(shown[row], grid_pixels(generator.generate(latent, row)))
    some = cells(sample(run, "mode=classes", "n=3", "seed=2", "labels=[8,1]", "out=b.png"))
    assert close(some, shown[[8, 1]])


def grid_pixels(images: torch.Tensor) -> np.ndarray:
    return cells(Image.fromarray(grid(images, columns=len(images)).permute(1, 2, 0).numpy()))[0]


def test_an_interpolation_goes_from_one_latent_to_the_next(trained_run: Callable[..., Path]) -> None:
    run = trained_run()
    shown = cells(sample(run, "mode=interpolate", "n=3", "steps=5", "out=a.png"))
    assert shown.shape == (3, 5, 16, 16)
    generator = ganlab.load(run)
    latent = generator.latent(6)
    for row in range(3):
        start, end = latent[2 * row : 2 * row + 1], latent[2 * row + 1 : 2 * row + 2]
        way = torch.cat([generator.between(start, end, share) for share in (0, 0.25, 0.5, 0.75, 1)])
        assert close(shown[row], grid_pixels(generator.generate(way)))
    fewer = cells(sample(run, "mode=interpolate", "n=2", "steps=5", "batch_size=1", "out=b.png"))
    assert close(fewer, shown[:2])


def test_a_walk_ends_where_it_began(trained_run: Callable[..., Path]) -> None:
    run = trained_run(**LABELLED)
    shown = cells(sample(run, "mode=walk", "n=2", "stops=3", "steps=2", "out=a.png"))
    assert shown.shape == (2, 6, 16, 16)
    generator = ganlab.load(run)
    latent = generator.latent(6)
    for row in range(2):
        stops = latent[3 * row : 3 * row + 3]
        way = torch.stack([stops, generator.between(stops, stops.roll(-1, 0), 0.5)], dim=1).flatten(0, 1)
        assert close(shown[row], grid_pixels(generator.generate(way, row)))  # one class a row


def test_moving_pictures(trained_run: Callable[..., Path]) -> None:
    run = trained_run()
    film = Image.open(sample(run, "mode=walk", "n=4", "stops=2", "steps=3", "rate=10", "out=a.gif"))
    strip = cells(sample(run, "mode=walk", "n=4", "stops=2", "steps=3", "out=a.png"))
    assert (film.format, film.n_frames, film.info["duration"], film.info["loop"]) == ("GIF", 6, 100, 0)
    for number in range(6):
        film.seek(number)
        factor = film.size[0] // 38
        assert film.size == (38 * factor, 38 * factor)
        assert factor == 14  # 38 pixels would be tiny on a screen
        frame = film.convert("L").resize((38, 38), Image.Resampling.NEAREST)
        assert close(cells(frame).reshape(4, 16, 16), strip[:, number])
    there_and_back = Image.open(sample(run, "mode=interpolate", "n=4", "steps=4", "out=b.gif"))
    assert there_and_back.n_frames == 6
    named = sample(run, "mode=walk", "n=4", "stops=2", "steps=2", "columns=4", "out=.")
    assert named.suffix == ".gif"
    assert Image.open(named).size == (74 * 7, 20 * 7)


def test_a_gif_of_colours(tmp_path: Path) -> None:
    frames = [torch.zeros(3, 8, 8, dtype=torch.uint8) for _ in range(3)]
    for channel, frame in enumerate(frames):
        frame[channel] = 200
    animation.save(frames, tmp_path / "a.gif", 1000)
    film = Image.open(tmp_path / "a.gif")
    assert film.info["duration"] == 20  # the shortest that viewers do not take for another
    for channel in range(3):
        film.seek(channel)
        assert np.asarray(film.convert("RGB"))[4, 4].tolist() == [200 * (channel == one) for one in range(3)]


@pytest.mark.skipif(animation._ffmpeg() is None, reason="needs ffmpeg")
def test_mp4(trained_run: Callable[..., Path]) -> None:
    film = sample(trained_run(), "mode=walk", "n=3", "stops=2", "steps=3", "out=a.mp4")
    assert film.read_bytes()[4:8] == b"ftyp"
    if find_spec("imageio_ffmpeg") is not None:
        import imageio_ffmpeg

        frames, seconds = imageio_ffmpeg.count_frames_and_secs(str(film))
        assert (frames, round(seconds, 2)) == (6, 0.3)
        reader = imageio_ffmpeg.read_frames(str(film))
        width, height = next(reader)["size"]
        assert (width % 2, height % 2) == (0, 0)


@pytest.mark.skipif(animation._ffmpeg() is None, reason="needs ffmpeg")
def test_an_mp4_of_odd_sides(tmp_path: Path) -> None:
    """H.264 as players show it has even sides only: a white line is added."""
    animation.save([torch.zeros(3, 33, 65, dtype=torch.uint8)] * 2, tmp_path / "odd.mp4", 5)
    assert (tmp_path / "odd.mp4").stat().st_size > 500


def test_without_ffmpeg_it_says_what_to_type(
    trained_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(animation, "_ffmpeg", lambda: None)
    assert main([f"run={trained_run()}", "mode=walk", "out=folder/a.mp4"]) == 2
    assert "pip install imageio-ffmpeg" in capsys.readouterr().err
    assert not Path("folder").exists()


def test_files_are_one_png_each_in_a_folder_a_class(trained_run: Callable[..., Path], empty_folder: Path) -> None:
    run = trained_run()
    assert main([f"run={run}", "mode=files", "n=5", "batch_size=2", "out=plain"]) == 0
    assert sorted(path.name for path in Path("plain").iterdir()) == [f"{number:05d}.png" for number in range(5)]
    expected = ganlab.load(run).sample(5)[:, 0].numpy()
    for number in range(5):
        opened = Image.open(f"plain/{number:05d}.png")
        assert (opened.mode, opened.size) == ("L", (16, 16))
        assert close(np.asarray(opened), expected[number])
    assert main([f"run={trained_run(**LABELLED)}", "mode=files", "n=12", "out=labelled"]) == 0
    assert sorted(str(path) for path in Path("labelled").rglob("1*.png")) == []
    assert sorted(str(path) for path in Path("labelled").rglob("*.png"))[:3] == [
        "labelled/0/00000.png", "labelled/0/00010.png", "labelled/1/00001.png",
    ]  # fmt: skip
    from ganlab.data.image_folder import ImageFolder

    read_back = ImageFolder(root="labelled", size=16, color="grey").open(empty_folder / "cache")
    assert (len(read_back), read_back.classes) == (12, tuple(map(str, range(10))))


def test_points_of_the_plane(trained_run: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    run = trained_run(**RING)
    picture = np.asarray(Image.open(sample(run, "n=200", "out=a.png")).convert("RGB")).astype(int)
    orange = (picture[..., 0] - picture[..., 2] > 60).sum()
    blue = (picture[..., 2] - picture[..., 0] > 60).sum()
    assert orange > 30
    assert blue == 0  # no reals: their data is not looked at
    for mode in ("files", "interpolate", "classes", "walk"):
        assert main([f"run={run}", f"mode={mode}"]) == 2
        assert "mode=grid shows them" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------------ where it goes


def test_its_own_names_are_in_the_runs_samples_and_never_taken_twice(
    trained_run: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained_run(**EMA)
    names = []
    for words in (["n=4"], ["n=4"], ["n=4"], ["n=4", "weights=network", "seed=3"], ["n=4", "mode=files"]):
        assert main([f"run={run}", *words]) == 0
        names.append(Path(capsys.readouterr().out.splitlines()[-1]))
    assert {path.parent for path in names} == {run / "samples"}
    assert [path.name for path in names] == [
        "grid-0000002-average-seed-0.png", "grid-0000002-average-seed-0+2.png", "grid-0000002-average-seed-0+3.png",
        "grid-0000002-network-seed-3.png", "files-0000002-average-seed-0",
    ]  # fmt: skip
    assert all(path.exists() for path in names)
    assert sample(run / "checkpoints" / "final.safetensors", "n=4") == Path("grid-0000002-average-seed-0.png")
    assert sample(run, "n=4", "out=some/folder").parent == Path("some/folder")
    assert len(list(Path("some/folder").iterdir())) == 1


def test_what_is_there_is_not_overwritten(trained_run: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    run = trained_run()
    Path("a.png").write_text("mine")
    assert main([f"run={run}", "out=a.png"]) == 2
    Path("full").mkdir()
    Path("full/a.png").write_text("mine")
    assert main([f"run={run}", "mode=files", "out=full"]) == 2
    assert capsys.readouterr().err.count("type another") == 2
    assert Path("a.png").read_text() == "mine"
    assert [path.name for path in Path("full").iterdir()] == ["a.png"]


# ----------------------------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["mode=gird"], "mode=gird: no such option; did you mean mode=grid?"),
        (["seeds=3"], "seeds: no such setting; did you mean seed?"),
        (["n=0"], "n: found 0, need a whole number at least 1"),
        (["out=a.gif"], "out=a.gif: mode=grid makes .png, .jpg, .jpeg, .webp; type a name that ends so"),
        (["out=a.txt", "mode=walk"], "makes .png, .jpg, .jpeg, .webp, .gif, .mp4"),
        (["mode=classes"], "mode=classes: this generator was trained without classes"),
        (["labels=[0]"], "labels: this generator was trained without classes"),
        (["labels=[0]", "mode=walk"], "labels: this generator was trained without classes"),
        (["steps=3"], "steps: mode=grid does not use it, interpolate and walk do; leave it out"),
        (["columns=3", "mode=classes"], "columns: mode=classes does not use it, grid and interpolate and walk do"),
        (["stops=3", "mode=interpolate"], "stops: mode=interpolate does not use it"),
        (["steps=1", "mode=interpolate"], "steps=1: the two ends are two pictures already"),
        (["rate=3", "mode=interpolate"], "rate: it is of moving pictures"),
        (["columns=3", "mode=interpolate"], "columns: a strip has as many as there are steps"),
        (["truncation=-1"], "truncation: found -1, need a number above 0"),
        (["weights=average"], "does not hold an average; type weights=network"),
        (["device=gpu"], "device: found 'gpu'"),
        (["out=file/a.png"], "it cannot be written there"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(
    words: list[str], sentence: str, trained_run: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("file").touch()
    assert main([f"run={trained_run()}", *words]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert [path.name for path in Path().rglob("*")] == ["file"]


def test_a_mistake_leaves_no_folder(trained_run: Callable[..., Path]) -> None:
    for words in (["labels=[0]"], ["mode=walk", "labels=[0]"], ["mode=interpolate", "steps=1"], ["truncation=0"]):
        assert main([f"run={trained_run()}", "out=new/a.png", *words]) == 2
    assert main([f"run={trained_run()}", "mode=files", "labels=[0]", "out=new"]) == 2
    assert not Path("new").exists()


def test_no_such_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run=nowhere"]) == 2
    assert capsys.readouterr().err == "nowhere: there is no such run folder or file\n"
    assert main(["run=latest"]) == 2
    assert "latest: no run under outputs/" in capsys.readouterr().err
    assert main(["n=3"]) == 2
    assert capsys.readouterr().err == "run: missing, need a path\n"


def test_the_script_is_the_command(trained_run: Callable[..., Path]) -> None:
    script = [sys.executable, str(CHECKOUT / "scripts" / "sample.py")]
    helped = subprocess.run([*script, "--help"], capture_output=True, text=True, check=True).stdout
    assert "sample.py run=RUN mode=interpolate" in helped
    assert "truncation=" in helped
    subprocess.run([*script, f"run={trained_run()}", "n=4", "out=a.png"], capture_output=True, check=True)
    assert cells(Path("a.png")).shape == (2, 2, 16, 16)
