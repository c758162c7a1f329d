"""Whatever is done to the bytes of a file: images, a note that names what cannot be read, or one sentence."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ganlab import loading, tree_file
from ganlab.data.arrays import Arrays
from ganlab.data.image_folder import ImageFolder
from ganlab.data.reading import numpy_files
from ganlab.data.reading.archives import Tar, Zip
from ganlab.data.source import ImageSet
from ganlab.data.stored import Stored
from ganlab.initializers import weight_files
from tests import strangers
from tests.conftest import tiny
from tests.fuzz import LEAVES, long, quick, refusal

# ----------------------------------------------------------------------------------------------------------- the changes


@st.composite
def damages(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """Some bytes changed, most of them where headers are; some taken away, doubled or put in; an end cut off."""
    steps = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["set", "set", "set", "word", "cut", "double", "insert", "end"]),
                st.floats(0, 1),
                st.booleans(),
                st.integers(0, 255),
                st.sampled_from([b"\xff" * 4, b"\xff" * 8, b"\x00" * 4, b"\x7f\xff\xff\xff", b"\x00\x00\x00\x80", b"9" * 12]),
                st.integers(1, 64),
            ),
            min_size=1,
            max_size=6,
        )
    )  # fmt: skip

    def damage(whole: bytes) -> bytes:
        data = bytearray(whole)
        for kind, share, early, byte, word, length in steps:
            place = int(share * (min(len(data), 256) if early else len(data)))
            if kind == "set" and place < len(data):
                data[place] = byte
            elif kind == "word":
                data[place : place + len(word)] = word
            elif kind == "cut":
                del data[place : place + length]
            elif kind == "double":
                data[place:place] = data[place : place + length]
            elif kind == "insert":
                data[place:place] = bytes([byte]) * length
            elif kind == "end":
                del data[place:]
        return bytes(data)

    return damage


# ---------------------------------------------------------------------------------------------------------------- images


def image(format: str, mode: str, **options: Any) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (12, 12, 4), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(file, format, **options)
    return file.getvalue()


IMAGES: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: image("JPEG", "RGB", exif=Image.Exif()),
    "progressive": lambda: image("JPEG", "L", progressive=True),
    "png": lambda: image("PNG", "RGBA"),
    "palette": lambda: image("PNG", "P"),
    "gif": lambda: image("GIF", "P"),
    "bmp": lambda: image("BMP", "RGB"),
    "tiff": lambda: image("TIFF", "RGB"),
    "deflated": lambda: image("TIFF", "RGB", compression="tiff_adobe_deflate"),
    "fax": lambda: image("TIFF", "1", compression="group4"),
    "webp": lambda: image("WEBP", "RGBA"),
    "ppm": lambda: image("PPM", "RGB"),
}
image_of = lru_cache(lambda kind: IMAGES[kind]())


def open_or_refuse(source: Stored, folder: str) -> ImageSet | None:
    """The images; None where one sentence refused them. Their pixels are in range, and each has a label."""
    told = refusal(lambda: source.open(Path(folder, "cache")))
    if told is not None:
        assert told
        assert "\n" not in told
        return None
    found = source.open(Path(folder, "cache"))
    assert found.images.dtype == np.uint8
    assert found.image_shape == source.image_shape
    assert found.labels is None or (len(found.labels) == len(found.images) and found.labels.max() < len(found.classes))
    return found


def check_image(kind: str, damage: Callable[[bytes], bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "images")
        root.mkdir()
        (root / "good.png").write_bytes(strangers.picture())
        (root / "other.jpg").write_bytes(damage(image_of(kind)))
        found = open_or_refuse(ImageFolder(root=str(root), size=8), folder)
        assert found is not None
        assert len(found) == 2 or any("other.jpg" in note for note in found.notes)


kinds_of_images = st.sampled_from(list(IMAGES))


@quick(50)
@given(kinds_of_images, damages())
def test_a_damaged_image_is_read_or_named(kind: str, damage: Callable[[bytes], bytes]) -> None:
    check_image(kind, damage)


@pytest.mark.slow
@long(4000)
@given(kinds_of_images, damages())
def test_many_damaged_images_are_read_or_named(kind: str, damage: Callable[[bytes], bytes]) -> None:
    check_image(kind, damage)


# ---------------------------------------------------------------------------------------------------- arrays, archives


def arrays(save: Callable[..., None], **more: np.ndarray) -> bytes:
    file = io.BytesIO()
    pictures = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
    save(file, **{"images": pictures, **more}) if more else save(file, pictures)
    return file.getvalue()


LABELS = {"labels": np.array([0, 1, 2, 0, 1, 2])}
PNG = strangers.picture()
MEMBERS = [
    (strangers.member(name, len(PNG)), PNG) for name in ("a/1.png", "a/2.png", "b/3.png", "b/" + "long" * 60 + ".png")
]
FILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "npy": ("x.npy", lambda: arrays(np.save)),
    "npy_of_fractions": ("x.npy", lambda: strangers.npy((4, 8, 8), np.linspace(0, 1, 256, dtype="<f4").tobytes(), "<f4")),
    "npz": ("x.npz", lambda: arrays(np.savez, **LABELS)),
    "npz_packed": ("x.npz", lambda: arrays(np.savez_compressed, **LABELS)),
    "zip": ("x.zip", lambda: strangers.zipped("a/1.png", "a/2.png", "b/3.png", content=PNG)),
    "tar": ("x.tar", lambda: strangers.tar(*MEMBERS)),
    "tar_packed": ("x.tar.gz", lambda: strangers.tar(*MEMBERS, pack=True)),
}  # fmt: skip
SOURCES: dict[str, Callable[[str], Stored]] = {
    "np": lambda root: Arrays(root=root),
    "zi": lambda root: Zip(root=root, size=8),
    "ta": lambda root: Tar(root=root, size=8),
}
file_of = lru_cache(lambda kind: FILES[kind][1]())


def check_file(kind: str, damage: Callable[[bytes], bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, FILES[kind][0])
        root.write_bytes(damage(file_of(kind)))
        source = SOURCES[kind[:2]](str(root))
        open_or_refuse(source, folder)
        for ask in (source.check, lambda: source.class_count, lambda: source.image_shape):
            assert "\n" not in (refusal(ask) or "")
        numpy_files.headers.cache_clear()


kinds_of_files = st.sampled_from(list(FILES))


@pytest.mark.parametrize("kind", list(FILES))
def test_the_whole_files_are_opened(kind: str, tmp_path: Path) -> None:
    file = tmp_path / FILES[kind][0]
    file.write_bytes(file_of(kind))
    assert open_or_refuse(SOURCES[kind[:2]](str(file)), str(tmp_path)) is not None


@quick(60)
@given(kinds_of_files, damages())
def test_a_damaged_file_of_images_is_read_or_refused(kind: str, damage: Callable[[bytes], bytes]) -> None:
    check_file(kind, damage)


@pytest.mark.slow
@long(5000)
@given(kinds_of_files, damages())
def test_many_damaged_files_of_images_are_read_or_refused(kind: str, damage: Callable[[bytes], bytes]) -> None:
    check_file(kind, damage)


# ----------------------------------------------------------------------------------------------------------- checkpoints


@pytest.fixture(scope="module")
def whole(trained_run: Callable[..., Path]) -> Path:
    return trained_run(averaging={"name": "ema"}, condition="concat") / "checkpoints" / "final.safetensors"


def check_checkpoint(data: bytes) -> None:
    """Bytes that are read to tensors and plain values, or refused, in each of the three ways."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "final.safetensors")
        file.write_bytes(data)
        ways: list[Callable[[], Any]] = [
            lambda: tree_file.read(file),
            lambda: loading.load(file).sample(2),
            lambda: loading.load(Path(folder)),
            lambda: weight_files.check(file, "auto"),
            lambda: weight_files.read(file, "generator", "auto"),
        ]
        for way in ways:
            assert folder in (refusal(way) or folder)


@quick(30)
@given(damage=damages())
def test_a_damaged_checkpoint_is_read_or_refused(damage: Callable[[bytes], bytes], whole: Path) -> None:
    check_checkpoint(damage(whole.read_bytes()))


@pytest.mark.slow
@long(3000)
@given(damage=damages())
def test_many_damaged_checkpoints_are_read_or_refused(damage: Callable[[bytes], bytes], whole: Path) -> None:
    check_checkpoint(damage(whole.read_bytes()))


def places(node: Any) -> list[tuple[Any, Any]]:
    """Every place in a tree: what holds it, and its key there."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [place for key, value in inner for place in [(node, key), *places(value)]]


ODD_TENSORS = st.sampled_from([
    torch.zeros(()), torch.zeros(0), torch.zeros(3), torch.zeros(2, 3, 4), torch.full((4,), float("nan")),
    torch.zeros(4, dtype=torch.int64), torch.zeros(4, dtype=torch.bool), torch.zeros(2, dtype=torch.float16),
])  # fmt: skip


def check_tree(source: Path, change: st.DataObject) -> None:
    """A whole file whose tree says something else in some places."""
    tree = tree_file.read(source)
    for _ in range(change.draw(st.integers(1, 3), label="changes")):
        holder, key = change.draw(st.sampled_from(places(tree)), label="place")
        action = change.draw(st.sampled_from(["value", "value", "tensor", "take away", "list", "dict"]), label="action")
        if action == "take away":
            del holder[key]
        elif action == "tensor":
            holder[key] = change.draw(ODD_TENSORS)
        else:
            value = change.draw(LEAVES.filter(_is_written), label="value")
            holder[key] = {"list": [value], "dict": {"name": value}}.get(action, value)
    with tempfile.TemporaryDirectory() as folder:
        tree_file.write(Path(folder, "x.safetensors"), tree)
        check_checkpoint(Path(folder, "x.safetensors").read_bytes())


def _is_written(value: Any) -> bool:
    """Whether JSON can hold it."""
    try:
        json.dumps(value).encode()
    except (ValueError, UnicodeEncodeError):
        return False
    return True


@quick(30)
@given(change=st.data())
def test_a_checkpoint_that_says_something_else_is_read_or_refused(change: st.DataObject, whole: Path) -> None:
    check_tree(whole, change)


@pytest.mark.slow
@long(3000)
@given(change=st.data())
def test_many_checkpoints_that_say_something_else_are_read_or_refused(change: st.DataObject, whole: Path) -> None:
    check_tree(whole, change)


def test_the_whole_checkpoint_is_read(whole: Path) -> None:
    assert loading.load(whole).sample(2).shape == (2, 1, 16, 16)
    assert tiny().settings.data.image_shape == (1, 16, 16)
