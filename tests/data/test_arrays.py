"""Images saved with NumPy: every shape and type that is taken, and what is said of the others."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganlab.config import configure
from ganlab.config.build import build_discriminator, build_generator
from ganlab.data import arrays
from ganlab.data.arrays import Arrays
from ganlab.data.reading import numpy_files
from ganlab.errors import UserError
from ganlab.evaluation import Scoring
from ganlab.evaluation.features import Pixels
from ganlab.types import Batch

DRAW = np.random.default_rng(0)
GREY = DRAW.integers(0, 256, (5, 6, 7), dtype=np.uint8)
COLOUR = DRAW.integers(0, 256, (5, 6, 7, 3), dtype=np.uint8)


def saved(path: Path, array: Any = None, **named: Any) -> str:
    """The name of a file that NumPy has written: one array, or those named."""
    if named:
        np.savez(path.with_suffix(".npz"), **named)
        return str(path.with_suffix(".npz"))
    np.save(path.with_suffix(".npy"), array)
    return str(path.with_suffix(".npy"))


def refusal(**settings: Any) -> str:
    with pytest.raises(UserError) as raised:
        Arrays(**settings).open()
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (GREY, GREY[..., None]),
        (GREY[..., None], GREY[..., None]),
        (GREY[:, None], GREY[..., None]),
        (COLOUR, COLOUR),
        (COLOUR.transpose(0, 3, 1, 2), COLOUR),
        (np.asfortranarray(COLOUR), COLOUR),
    ],
    ids=["NHW", "NHW1", "N1HW", "NHW3", "N3HW", "fortran"],
)
def test_every_shape_is_read(array: np.ndarray, expected: np.ndarray, tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "packed.npz", data=array)
    for root in (saved(tmp_path / "x", array), saved(tmp_path / "y", arr_0=array), str(tmp_path / "packed.npz")):
        source = Arrays(root=root)
        opened = source.open()
        np.testing.assert_array_equal(opened.images, expected)
        assert opened.image_shape == source.image_shape == (expected.shape[3], 6, 7)
        assert opened.labels is None
        assert opened.notes == ()


FRACTIONS = np.linspace(0, 1, 2 * 4 * 5).reshape(2, 4, 5)


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", ">f4"])
def test_fractions(kind: str, tmp_path: Path) -> None:
    shades = np.rint(255 * FRACTIONS.astype(kind).astype(np.float64))[..., None]
    assert shades.max() == 255
    opened = Arrays(root=saved(tmp_path / "unit", FRACTIONS.astype(kind))).open()
    np.testing.assert_array_equal(opened.images, shades)
    around_zero = Arrays(root=saved(tmp_path / "signed", (2 * FRACTIONS - 1).astype(kind))).open()
    np.testing.assert_allclose(around_zero.images, shades, atol=1)
    assert [around_zero.images.min(), around_zero.images.max()] == [0, 255]
    slightly = np.where(FRACTIONS == 0, -0.0005, FRACTIONS)  # a resampling's rounding makes no image signed
    np.testing.assert_array_equal(
        Arrays(root=saved(tmp_path / "slightly", slightly)).open().images, np.rint(255 * FRACTIONS)[..., None]
    )


def test_sixteen_bits_and_one(tmp_path: Path) -> None:
    deep = GREY.astype(np.uint16) * 257 + 100  # nearer to that shade than to the next one
    np.testing.assert_array_equal(Arrays(root=saved(tmp_path / "deep", deep)).open().images[..., 0], GREY)
    opened = Arrays(root=saved(tmp_path / "one", GREY > 127)).open()
    np.testing.assert_array_equal(opened.images[..., 0], np.where(GREY > 127, 255, 0))


def test_the_range_is_that_of_all_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "PART", 20)  # one image
    late = FRACTIONS.astype(np.float32)
    late[-1, -1, -1] = 3.5
    assert "go from 0 to 3.5, which is no usual range" in refusal(root=saved(tmp_path / "x", late))
    late[-1, -1, -1] = -1
    opened = Arrays(root=saved(tmp_path / "x", late)).open()
    assert opened.images[0, 0, 0, 0] == 128  # zero is grey now
    assert "numbers from -1 to 0.9744 were read as signed: -1 is black, 1 is white" in opened.notes[0]
    late[-1, -1, -1] = np.nan
    assert "nan" in refusal(root=saved(tmp_path / "x", late))


def test_size_colour_crop_and_background(tmp_path: Path) -> None:
    root = saved(tmp_path / "x", COLOUR)
    source = Arrays(root=root, size=(3, 4), color="grey", crop="stretch")
    opened = source.open()
    assert source.image_shape == opened.image_shape == (1, 3, 4)
    for image, original in zip(opened.images, COLOUR, strict=True):
        again = Image.fromarray(original).convert("L").resize((4, 3), Image.Resampling.LANCZOS)
        np.testing.assert_array_equal(image[..., 0], np.asarray(again))
    wide = np.concatenate([COLOUR, COLOUR[:, :, :1]], 2)  # 6×8
    middle = Arrays(root=saved(tmp_path / "wide", wide), size=6).open()
    np.testing.assert_array_equal(middle.images, wide[:, :, 1:7])
    grey = Arrays(root=saved(tmp_path / "g", GREY), color="rgb").open()
    np.testing.assert_array_equal(grey.images, np.repeat(GREY[..., None], 3, 3))
    assert Arrays(root=root, flip=True).open().flip
    clear = np.zeros((2, 8, 8, 4), np.uint8)
    clear[1, ..., 0] = clear[1, ..., 3] = 255  # the second can be seen, and is red
    for number, array in enumerate((clear, clear.transpose(0, 3, 1, 2))):
        root = saved(tmp_path / f"clear{number}", array)
        assert Arrays(root=root).image_shape == (3, 8, 8)
        assert Arrays(root=root).open().images.mean((1, 2)).tolist() == [[255] * 3, [255, 0, 0]]
        assert Arrays(root=root, background="black").open().images[0].max() == 0


@pytest.mark.parametrize(
    ("shape", "read_as", "image_shape"),
    [
        ((2, 3, 4, 4), "(N, C, H, W)", (3, 4, 4)),  # the squarer
        ((2, 4, 4, 3), "(N, H, W, C)", (3, 4, 4)),
        ((2, 3, 32, 3), "(N, H, W, C)", (3, 3, 32)),  # neither: the last, as image files have them
        ((2, 1, 9, 3), "(N, C, H, W)", (1, 9, 3)),
    ],
)
def test_what_may_mean_two_things_is_said(shape: Any, read_as: str, image_shape: Any, tmp_path: Path) -> None:
    array = DRAW.integers(0, 256, shape, dtype=np.uint8)
    array[..., -1] = 255 if shape[-1] == 4 else array[..., -1]
    opened = Arrays(root=saved(tmp_path / "x", array)).open()
    assert opened.image_shape == image_shape
    assert read_as in opened.notes[0]


@pytest.mark.parametrize("channels", [2, 5, 13])
@pytest.mark.parametrize("first", [False, True])
def test_any_number_of_channels(channels: int, first: bool, tmp_path: Path) -> None:
    array = DRAW.integers(0, 256, (3, 16, 14, channels), dtype=np.uint8)
    root = saved(tmp_path / "x", array.transpose(0, 3, 1, 2) if first else array)
    source = Arrays(root=root)
    opened = source.open()
    assert opened.image_shape == source.image_shape == (channels, 16, 14)
    np.testing.assert_array_equal(opened.images, array)
    assert opened.notes[0].startswith(f"the images have {channels} channels; pictures show ")
    small = Arrays(root=root, size=(8, 7)).open().images
    for channel in range(channels):  # each by itself
        one = Image.fromarray(array[0, ..., channel]).resize((7, 8), Image.Resampling.LANCZOS)
        np.testing.assert_array_equal(small[0, ..., channel], np.asarray(one))
    assert f"have {channels} channels, which are no colours; type data.color=null" in refusal(root=root, color="grey")


def test_networks_take_any_number_of_channels_and_scores_take_pixels(tmp_path: Path) -> None:
    root = saved(tmp_path / "x", DRAW.random((64, 16, 16, 13), np.float32))
    settings = configure({"data": {"name": "arrays", "root": root}, "evaluation": "scores"}).settings
    assert isinstance(settings.evaluation, Scoring)
    assert isinstance(settings.evaluation.features, Pixels)
    assert build_generator(settings)(torch.zeros(2, 100), {}).images.shape == (2, 13, 16, 16)
    assert build_discriminator(settings)(Batch(torch.zeros(2, 13, 16, 16))).logits.shape == (2,)


# ---------------------------------------------------------------------------------------------------- keys, labels


@pytest.mark.parametrize(
    ("keys", "images", "labels"),
    [
        ({"x_train": "images", "y_train": "labels", "x_test": "others", "y_test": "wrong"}, None, None),
        ({"train_images": "images", "train_labels": "labels", "test_images": "others", "test_labels": "wrong"}, None, None),
        ({"x": "images", "y": "labels"}, None, None),
        ({"data": "images", "targets": "labels"}, None, None),
        ({"arr_0": "images", "arr_1": "labels"}, None, None),
        ({"pictures": "images", "labels": "labels", "names": "wrong"}, None, None),
        ({"images": "images", "labels": "labels", "x": "others", "y": "wrong"}, None, None),
        ({"x_train": "others", "y_train": "wrong", "x_test": "images", "y_test": "labels"}, "x_test", None),
        ({"x": "others", "pictures": "images", "kinds": "labels"}, "pictures", "kinds"),
    ],
)  # fmt: skip
def test_which_arrays_are_taken(keys: dict[str, str], images: str | None, labels: str | None, tmp_path: Path) -> None:
    made = {"images": GREY, "others": 255 - GREY, "labels": np.array([7, 3, 3, 11, 7]), "wrong": np.arange(5)}
    root = saved(tmp_path / "x", **{key: made[what] for key, what in keys.items()})
    source = Arrays(root=root, images=images, labels=labels)
    opened = source.open()
    np.testing.assert_array_equal(opened.images[..., 0], GREY)
    assert opened.labels is not None
    assert opened.labels.tolist() == [1, 0, 0, 2, 1]
    assert opened.labels.dtype == np.int64
    assert opened.classes == ("3", "7", "11")
    assert source.class_count == 3
    some = Arrays(root=root, images=images, labels=labels, classes=(11, "3")).open()
    np.testing.assert_array_equal(some.images[..., 0], GREY[[1, 2, 3]])
    assert some.labels is not None
    assert some.labels.tolist() == [1, 1, 0]


def test_labels_beside_one_array(tmp_path: Path) -> None:
    root = saved(tmp_path / "x", GREY)
    labels = saved(tmp_path / "y", np.array([[2], [1], [2], [1], [1]], np.uint8))
    source = Arrays(root=root, labels=labels)
    opened = source.open()
    assert opened.labels is not None
    assert opened.labels.tolist() == [1, 0, 1, 0, 0]
    before = source.stamp()
    saved(tmp_path / "y", np.array([2, 1, 2, 1, 2]))
    assert source.stamp() != before
    again = source.open()
    assert again.labels is not None
    assert again.labels.tolist() == [1, 0, 1, 0, 1]
    assert Arrays(root=root).class_count == 0
    assert "beside a .npy file" in refusal(root=root, labels=saved(tmp_path / "z", y=GREY))
    assert "data.labels=nowhere.npy: there is no such file" in refusal(root=root, labels="nowhere.npy")
    alike = Arrays(root=root, labels=saved(tmp_path / "y", np.ones(5, int)))
    assert alike.class_count == 0
    assert alike.open().labels is None


def test_what_lies_beside_images_by_chance_is_not_taken_for_labels(tmp_path: Path) -> None:
    opened = Arrays(root=saved(tmp_path / "x", x=GREY, y=np.linspace(0, 1, 5))).open()
    assert opened.labels is None
    assert opened.notes[0] == "y was not taken for labels: numbers of type float64, where classes are whole numbers"
    short = Arrays(root=saved(tmp_path / "z", x=GREY, y=np.arange(4)))
    assert short.class_count == 0
    assert "5 images have (5,) labels" in short.open().notes[0]


# ------------------------------------------------------------------------------------------------------ without reading


def test_shape_and_classes_are_known_from_headers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = saved(tmp_path / "x", images=COLOUR, labels=np.array([0, 1, 1, 0, 1]))
    read: list[str] = []
    whole = numpy_files.array
    monkeypatch.setattr(numpy_files, "array", lambda root, changed, key: read.append(key) or whole(root, changed, key))
    source = Arrays(root=root)
    source.check()
    assert source.image_shape == (3, 6, 7)
    assert read == []
    assert source.class_count == 2
    assert read == ["labels"]
    assert Arrays(root="nowhere.npz", size=8, color="rgb").image_shape == (3, 8, 8)
    assert Arrays(root="nowhere.npz").class_count == 0


def test_a_large_array_is_not_read_into_memory(tmp_path: Path) -> None:
    for root in (saved(tmp_path / "x", COLOUR), saved(tmp_path / "y", images=COLOUR, labels=np.arange(5))):
        key = "images" if root.endswith("npz") else ""
        array = numpy_files.array(*numpy_files.version(root), key)
        assert isinstance(array, np.memmap)
        np.testing.assert_array_equal(array, COLOUR)


def test_other_processes_read_the_same(tmp_path: Path) -> None:
    many = DRAW.random((300, 8, 8))
    root = saved(tmp_path / "x", many)
    source = Arrays(root=root, size=16)
    assert not source.listing().in_memory
    assert Arrays(root=root).listing().in_memory  # nothing to do but to copy
    np.savez_compressed(tmp_path / "packed.npz", x=many)
    assert Arrays(root=str(tmp_path / "packed.npz"), size=16).listing().in_memory  # each process would unpack it
    expected = [
        np.asarray(Image.fromarray(np.rint(255 * one).astype(np.uint8)).resize((16, 16), Image.Resampling.BILINEAR))
        for one in many
    ]
    np.testing.assert_array_equal(source.open().images[..., 0], expected)


# ----------------------------------------------------------------------------------------------------- what is refused


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("trapped"),))


def test_nothing_pickled_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trap = np.array([Trap()] * 5, dtype=object)
    assert "pickled Python objects" in refusal(root=saved(tmp_path / "x", trap))
    assert "pickled Python objects" in refusal(root=saved(tmp_path / "x", images=trap))
    assert "pickled Python objects" in refusal(root=saved(tmp_path / "x", images=GREY, kinds=trap), labels="kinds")
    beside = Arrays(root=saved(tmp_path / "x", images=GREY, labels=trap, data=np.array({"made": "today"}))).open()
    assert "labels was not taken for labels: pickled" in beside.notes[0]
    assert not Path("trapped").exists()
    np.load(saved(tmp_path / "x", trap), allow_pickle=True)
    assert Path("trapped").exists()  # it is one


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((5, 784), np.uint8), "the array is 5×784, and images are (N, H, W), (N, H, W, C) or (N, C, H, W)"),
        (np.zeros((5, 6, 6, 7), np.uint8), "neither its second nor its last dimension has 1, 3 or 4 channels"),
        (np.zeros((5, 6, 3), np.uint8), "looks like one image"),
        (np.zeros((0, 6, 7), np.uint8), "there are no images in it"),
        (np.uint8(3), "the array is a single number"),
        (np.zeros((5, 6, 7), np.complex64), "values of type complex64"),
        (np.zeros((5, 6, 7), np.int64), "go from 0 to 0, which is no usual range"),
        (np.full((5, 6, 7), 12.5), "go from 12.5 to 12.5, which is no usual range"),
        (np.full((5, 6, 7), np.inf), "go from inf to inf, and images have finite numbers"),
    ],
)
def test_arrays_that_are_no_images(array: np.ndarray, sentence: str, tmp_path: Path) -> None:
    assert sentence in refusal(root=saved(tmp_path / "x", array))
    assert sentence in refusal(root=saved(tmp_path / "x", images=array))


def test_keys_that_are_not_there(tmp_path: Path) -> None:
    root = saved(tmp_path / "x", pictures=GREY, others=GREY, kinds=np.arange(5), hot=np.eye(5, dtype=int))
    assert "which of its arrays are the images? pictures (5×6×7), others (5×6×7), kinds (5)" in refusal(root=root)
    assert "did you mean data.images=pictures?" in refusal(root=root, images="picture")
    assert "no such array in" in refusal(root=root, images="q")
    assert "there are pictures (5×6×7)" in refusal(root=root, images="q")
    assert "did you mean data.labels=kinds?" in refusal(root=root, images="others", labels="kind")
    assert "argmax(1)" in refusal(root=root, images="others", labels="hot")
    assert "the array is 5×784" in refusal(root=saved(tmp_path / "y", a=np.zeros((5, 784))), images="a")
    flat = saved(tmp_path / "y", a=np.zeros((5, 784)), b=np.arange(5))
    assert "none of its arrays has the shape of images: a (5×784), b (5)" in refusal(root=flat)
    assert "without keys" in refusal(root=saved(tmp_path / "z", GREY), images="images")


def test_files_that_are_none_of_numpys(tmp_path: Path) -> None:
    assert "there is no such file" in refusal(root=str(tmp_path / "nowhere.npz"))
    assert "it is a folder; type data=image_folder" in refusal(root=str(tmp_path))
    (tmp_path / "x.npy").write_bytes(b"pickle or text")
    assert "not a whole .npy or .npz file" in refusal(root=str(tmp_path / "x.npy"))
    whole = Path(saved(tmp_path / "y", GREY)).read_bytes()
    (tmp_path / "y.npy").write_bytes(whole[:-10])
    assert "10 bytes are missing at its end" in refusal(root=str(tmp_path / "y.npy"))
    (tmp_path / "y.npy").write_bytes(whole[:20])
    assert "not a whole" in refusal(root=str(tmp_path / "y.npy"))
    packed = Path(saved(tmp_path / "z", images=GREY)).read_bytes()
    (tmp_path / "z.npz").write_bytes(packed[: len(packed) // 2])
    assert "not a whole" in refusal(root=str(tmp_path / "z.npz"))
    with zipfile.ZipFile(tmp_path / "empty.npz", "w") as archive:
        archive.writestr("readme.txt", "none")
    assert "there is no array in it" in refusal(root=str(tmp_path / "empty.npz"))
    np.savez_compressed(tmp_path / "damaged.npz", images=COLOUR)
    damaged = bytearray((tmp_path / "damaged.npz").read_bytes())
    damaged[300:320] = bytes(20)
    (tmp_path / "damaged.npz").write_bytes(damaged)
    assert "not a whole" in refusal(root=str(tmp_path / "damaged.npz"))


def test_a_header_that_promises_too_much(tmp_path: Path) -> None:
    """Nothing is made room for that the file does not hold."""
    header = io.BytesIO()
    np.lib.format.write_array_header_2_0(header, {"descr": "|u1", "fortran_order": False, "shape": (10**9, 64, 64)})
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", header.getvalue() + bytes(100))
    assert "4,095,999,999,900 bytes are missing" in refusal(root=str(tmp_path / "x.npz"))
