"""The classes that a person sees in a folder or an archive."""

from __future__ import annotations

import io
import json
import os
import tarfile
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ganlab.data import ImageSet
from ganlab.data.image_folder import ImageFiles, ImageFolder
from ganlab.data.reading.archives import Tar, Zip
from ganlab.data.reading.folder_classes import are_shards, in_folders, is_hidden, readable_name
from tests.data.images import save

STYLEGAN = ("00000/img00000000.png", "00000/img00000001.png", "00001/img00001000.png")


def picture(level: int = 0) -> bytes:
    file = io.BytesIO()
    Image.new("L", (8, 8), level).save(file, "PNG")
    return file.getvalue()


def made(kind: str, place: Path, files: dict[str, bytes]) -> ImageFiles:
    """A source with these files."""
    place.mkdir(parents=True, exist_ok=True)
    if kind == "zip":
        with zipfile.ZipFile(place / "x.zip", "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return Zip(root=str(place / "x.zip"), size=8, color="grey")
    if kind == "tar":
        with tarfile.open(place / "x.tar", "w") as packed:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                packed.addfile(member, io.BytesIO(content))
        return Tar(root=str(place / "x.tar"), size=8, color="grey")
    for name, content in files.items():
        (place / "x" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "x" / name).write_bytes(content)
    return ImageFolder(root=str(place / "x"), size=8, color="grey")


def opened(source: ImageFiles) -> ImageSet:
    """The opened set; the classes are counted before as after."""
    count = source.class_count
    found = source.open()
    assert count == source.class_count == len(found.classes)
    assert (found.labels is None) == (not found.classes)
    return found


KINDS = ("image_folder", "zip", "tar")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrapper", ["", "cifar10/"])
@pytest.mark.parametrize(
    ("labels", "classes", "numbers", "note"),
    [
        ([[STYLEGAN[0], 7], [STYLEGAN[1], 3], [STYLEGAN[2], 11]], ("3", "7", "11"), [1, 0, 2], "the labels are those of"),
        ([[name.replace("/", "\\"), number] for number, name in enumerate(STYLEGAN)], ("0", "1", "2"), [0, 1, 2], "those of"),
        ({name: float(number % 2) for number, name in enumerate(STYLEGAN)}, ("0", "1"), [0, 1, 0], "the labels are those of"),
        (None, (), None, "its labels are null"),
        ([[STYLEGAN[0], 7], [STYLEGAN[1], 3]], (), None, "has no label for 1 of 3 images, such as"),
        ([[name, [0.5, 0.2]] for name in STYLEGAN], (), None, "was not taken for labels: its labels are such as [0.5, 0.2]"),
        ("nonsense", (), None, "was not taken for labels"),
    ],
)  # fmt: skip
def test_the_labels_of_stylegan_are_read(
    kind: str, wrapper: str, labels: Any, classes: tuple[str, ...], numbers: list[int] | None, note: str, tmp_path: Path
) -> None:
    files = {wrapper + name: picture(10 * number) for number, name in enumerate(STYLEGAN)}
    files[f"{wrapper}dataset.json"] = json.dumps({"labels": labels}).encode()
    found = opened(made(kind, tmp_path, files))
    assert found.classes == classes
    assert found.images[:, 0, 0, 0].tolist() == [0, 10, 20]
    assert (None if found.labels is None else found.labels.tolist()) == numbers
    assert any(note in one for one in found.notes)
    assert not any(".json" in one and "their names" in one for one in found.notes)


def test_a_json_of_something_else_leaves_the_folders(tmp_path: Path) -> None:
    files = {"a/1.png": picture(), "b/1.png": picture(), "dataset.json": b'{"title": "cats"}'}
    found = opened(made("zip", tmp_path, files))
    assert found.classes == ("a", "b")
    assert found.notes[0] == "dataset.json was not taken for labels: no 'labels' in it"


def test_numbered_parts_are_no_classes_and_numbered_classes_are() -> None:
    assert are_shards(STYLEGAN)
    assert are_shards(("00000/00000.png", "00000/00999.png", "01000/01000.png"))  # FFHQ
    assert not are_shards(("00000/00000_00000.png", "00000/00000_00029.png", "00001/00000_00000.png"))  # GTSRB
    assert not are_shards(("0/1.png", "1/2.png"))  # digits by class, whatever the files are called
    assert not are_shards(STYLEGAN[:2])
    assert in_folders(STYLEGAN).names == ()
    assert in_folders(STYLEGAN).notes == ("no classes: the folders 00000, 00001 are parts of one numbered set",)
    assert in_folders(("00000/1_0.png", "00001/1_0.png")).names == ("00000", "00001")


@pytest.mark.parametrize("kind", KINDS)
def test_shards_without_labels_are_no_classes(kind: str, tmp_path: Path) -> None:
    assert opened(made(kind, tmp_path, dict.fromkeys(STYLEGAN, picture()))).classes == ()


@pytest.mark.parametrize("kind", KINDS)
def test_folders_of_systems_are_ignored(kind: str, tmp_path: Path) -> None:
    files = {f"{folder}/1.png": picture() for folder in ("cats", "dogs", "cats/@eaDir/2.png")}
    for folder in (
        "@eaDir",
        "__MACOSX",
        "$RECYCLE.BIN",
        "System Volume Information",
        ".cache",
        "lost+found",
        "#recycle",
    ):
        files[f"{folder}/3.png"] = picture()
    files |= {"Thumbs.db": b"", "cats/Thumbs.db": b"", ".DS_Store": b"", "dogs/desktop.ini": b"", "cats/._1.png": b""}
    found = opened(made(kind, tmp_path, files))
    assert (found.classes, len(found)) == (("cats", "dogs"), 2)
    assert not any("their names" in note for note in found.notes)


def test_names_that_only_look_like_a_systems_are_kept() -> None:
    assert not any(map(is_hidden, ("@person/1.png", "System/1.png", "thumbs/1.png", "recycle/1.png", "a..b/1.png")))


@pytest.mark.parametrize("kind", KINDS)
def test_one_class_has_one_name_in_both_forms_of_unicode(kind: str, tmp_path: Path) -> None:
    one, other = (unicodedata.normalize(form, "Café") for form in ("NFC", "NFD"))
    assert one != other
    files = {f"{one}/1.png": picture(1), f"{other}/2.png": picture(2), "Thé/3.png": picture(3)}
    source = made(kind, tmp_path, files)
    found = opened(source)
    assert (found.classes, sorted(found.images[:, 0, 0, 0].tolist())) == (("Café", "Thé"), [1, 2, 3])
    for typed in (one, other):
        chosen = type(source)(root=source.root, size=8, color="grey", classes=(typed,))
        assert len(chosen.open()) == 2
        part = type(source)(root=source.root, size=8, color="grey", split=typed)
        assert len(part.open()) >= 1


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_backslashes_of_windows_are_separators(kind: str, tmp_path: Path) -> None:
    files = {"C:\\flowers\\rose\\1.png": picture(), "C:\\flowers\\tulip\\2.png": picture(), "C:\\flowers\\tulip\\": b""}
    found = opened(made(kind, tmp_path, files))
    assert (found.classes, len(found)) == (("rose", "tulip"), 2)


@pytest.mark.parametrize(
    ("raw", "utf8", "seen"),
    [
        ("Blüte", True, "Blüte"),
        ("Blüte".encode(), False, "Blüte"),  # macOS: UTF-8 without the flag
        (unicodedata.normalize("NFD", "Blüte").encode(), False, "Blüte"),
        ("Blüte".encode("cp437"), False, "Blüte"),  # the format's own
    ],
)
def test_names_in_zip_archives(raw: str | bytes, utf8: bool, seen: str, tmp_path: Path) -> None:
    stand_in = "x" * len(raw if isinstance(raw, bytes) else raw.encode())
    source = made("zip", tmp_path, {f"{stand_in}/1.png": picture(), "leaf/1.png": picture()})
    content = Path(source.root).read_bytes().replace(stand_in.encode(), raw if isinstance(raw, bytes) else raw.encode())
    if utf8:
        content = content.replace(b"PK\x03\x04\x14\x00\x00\x00", b"PK\x03\x04\x14\x00\x00\x08")
        content = content.replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x00\x08")
    Path(source.root).write_bytes(content)
    found = opened(source)
    assert (found.classes, len(found)) == ((seen, "leaf"), 2)


def test_names_that_are_not_utf_8_are_latin_1() -> None:
    assert readable_name(os.fsdecode(b"caf\xe9")) == "café"
    assert readable_name("Cafe\u0301") == "Caf\u00e9"


@pytest.mark.parametrize(
    ("broken", "classes", "labels"),
    [
        (("b/1.png",), ("a", "c"), [0, 0, 1]),
        (("b/1.png", "a/1.png"), ("a", "c"), [0, 1]),
        (("b/1.png", "c/1.png"), (), None),
        ((), ("a", "b", "c"), [0, 0, 1, 2]),
    ],
)
def test_classes_without_a_readable_image_disappear(
    broken: tuple[str, ...], classes: tuple[str, ...], labels: list[int] | None, tmp_path: Path
) -> None:
    for name in ("a/1.png", "a/2.png", "b/1.png", "c/1.png"):
        save(tmp_path / name)
        if name in broken:
            (tmp_path / name).write_bytes(b"broken")
    source = ImageFolder(root=str(tmp_path), size=8)
    assert source.class_count == 3  # nothing is read yet
    for _ in range(2):  # decoded, and taken from the cache
        found = source.open()
        assert (found.classes, source.class_count) == (classes, len(classes))
        assert (None if found.labels is None else found.labels[found.rows].tolist()) == labels
        assert any("left out, as none of" in note for note in found.notes) == (set(classes) != {"a", "b", "c"})
