"""Folders and archives of images: what is found in them, and what is said of the rest."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganlab.data import SOURCES, ImageSet, image_folder
from ganlab.data.image_folder import ImageFolder
from ganlab.data.reading.archives import Tar, Zip
from ganlab.errors import UserError
from tests.data.images import every_kind, save, zipped

KINDS = 9


def left_out(opened: ImageSet) -> str:
    (note,) = [note for note in opened.notes if "left-out.txt" in note]
    return Path(note.rsplit(": ", 1)[1]).read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return every_kind(tmp_path / "images")


def test_every_kind_of_image_is_read(folder: Path) -> None:
    opened = ImageFolder(root=str(folder), size=16).open()
    assert opened.images.shape == (KINDS, 16, 16, 3)
    assert opened.classes == ("a", "b")
    assert opened.labels is not None
    assert opened.labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1]
    assert opened.notes[0] == "skipped, as their names do not end like an image's: 1 .txt"
    assert opened.notes[1].startswith("1 of 9 images: numbers from 65,535 to 65,535 were read as uint16: 0 is black")
    colours = {tuple(image.mean((0, 1)).round().astype(int).tolist()) for image in opened.images}
    assert (255, 255, 255) in colours  # transparent on white, and 16 bits at full scale
    assert (76, 76, 76) in colours
    assert any(abs(r - 254) <= 2 and g <= 2 and b <= 2 for r, g, b in colours)


def test_images_lie_in_the_order_of_their_names(tmp_path: Path) -> None:
    for number in (3, 1, 2):
        save(tmp_path / f"{number}.png", Image.new("L", (8, 8), 10 * number))
    opened = ImageFolder(root=str(tmp_path), size=8, color="grey").open()
    assert opened.images[:, 0, 0, 0].tolist() == [10, 20, 30]
    assert opened.labels is None  # no folders under it: no classes


@pytest.mark.parametrize("packing", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_an_archive_has_what_the_folder_has(packing: str, folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / f"images.{packing}"
    if packing == "zip":
        zipped(folder, archive)
    else:
        with tarfile.open(archive, f"w:{packing.partition('.')[2]}") as writing:
            writing.add(folder, ".")
    kind = Zip if packing == "zip" else Tar
    source = kind(root=str(archive), size=16)
    opened, expected = source.open(), ImageFolder(root=str(folder), size=16).open()
    assert (opened.classes, source.class_count) == (("a", "b"), 2)
    assert opened.notes == expected.notes
    assert opened.labels is not None
    assert expected.labels is not None
    ours, theirs = (
        sorted((label, image.tobytes()) for label, image in zip(one.labels, one.images, strict=True))
        for one in (opened, expected)
    )
    assert ours == theirs


def test_a_part_is_taken_as_the_whole(tmp_path: Path) -> None:
    for part, level in (("train", 10), ("test", 20)):
        for name in ("cat", "dog"):
            save(tmp_path / "all" / part / name / "1.png", Image.new("L", (8, 8), level))
    root = str(tmp_path / "all")
    whole = ImageFolder(root=root, size=8, color="grey")
    assert whole.open().classes == ("test", "train")
    assert any("data.split=test takes one" in note for note in whole.open().notes)
    for source in (
        ImageFolder(root=root, size=8, color="grey", split="test"),
        Zip(root=str(zipped(tmp_path / "all", tmp_path / "all.zip")), size=8, color="grey", split="test"),
    ):
        opened = source.open()
        assert (opened.classes, source.class_count) == (("cat", "dog"), 2)
        assert set(opened.images.flat) == {20}
    with pytest.raises(UserError, match=r"did you mean data\.split=train\?"):
        ImageFolder(root=root, split="trian").open()


def packed(archive: Path, *names: str) -> str:
    """An archive of a little image under each name, or of a text."""
    picture = save(archive.parent / "one.png").read_bytes()
    files = {name: picture if name.endswith(".png") else b"text" for name in names}
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w") as writing:
            for name, content in files.items():
                writing.writestr(name, content)
    else:
        with tarfile.open(archive, "w:gz") as packing:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                packing.addfile(member, io.BytesIO(content))
    return str(archive)


FLOWERS = ("flowers/rose/1.png", "flowers/tulip/deep/2.png", "flowers/tulip/3.png")


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize(
    ("names", "split", "classes"),
    [
        (FLOWERS, None, ("rose", "tulip")),
        ([f"./{name}" for name in FLOWERS], None, ("rose", "tulip")),
        ([f"home/me/{name}" for name in FLOWERS], None, ("rose", "tulip")),
        ([f"/home/me/{name}" for name in FLOWERS], None, ("rose", "tulip")),
        ([*FLOWERS, "readme.txt", "flowers/notes.txt", "__MACOSX/flowers/1.png", ".x/1.png"], None, ("rose", "tulip")),
        ([*FLOWERS, "flowers/4.png"], None, ("rose", "tulip")),
        ([*FLOWERS, "5.png"], None, ()),
        ([*FLOWERS, "flowers too/5.png"], None, ("flowers", "flowers too")),
        (("rose/1.png", "rose/2.png"), None, ()),
        (("flowers/rose/1.png", "flowers/rose/2.png"), None, ()),
        (("a/train/x/1.png", "a/train/y/1.png", "a/test/x/1.png"), None, ("test", "train")),
        (("a/train/x/1.png", "a/train/y/1.png", "a/test/x/1.png"), "train", ("x", "y")),
        (("a/train/x/1.png", "a/train/y/1.png", "a/test/x/1.png"), "a/train", ("x", "y")),
        (FLOWERS, "flowers", ("rose", "tulip")),
        ([f"home/{name}" for name in FLOWERS], "home", ()),
    ],
)
def test_a_folder_that_wraps_all_others_is_no_class(
    kind: str, names: list[str], split: str | None, classes: tuple[str, ...], tmp_path: Path
) -> None:
    root = packed(tmp_path / f"x.{kind}", *names)
    source = SOURCES[kind](root=root, size=8, split=split)  # type: ignore[call-arg]
    opened = source.open()
    assert (opened.classes, source.class_count) == (classes, len(classes))
    wrapped = any(name.endswith("flowers/rose/1.png") for name in names) and classes == ("rose", "tulip") and not split
    assert any("flowers/, which is taken as the root" in note for note in opened.notes) is wrapped


def test_one_class_or_some_images_alone(tmp_path: Path) -> None:
    for number, name in enumerate(("ant", "bee", "cat")):
        for copy in range(4):
            save(tmp_path / name / f"{copy}.png", Image.new("L", (8, 8), 10 * number + copy))
    source = ImageFolder(root=str(tmp_path), size=8, color="grey", classes=("cat", "ant"))
    opened = source.open()
    assert (opened.classes, source.class_count) == (("cat", "ant"), 2)
    assert opened.labels is not None
    pairs = zip(opened.labels.tolist(), opened.images[:, 0, 0, 0].tolist(), strict=True)
    assert sorted(pairs) == [(0, 20), (0, 21), (0, 22), (0, 23), (1, 0), (1, 1), (1, 2), (1, 3)]
    few = ImageFolder(root=str(tmp_path), size=8, color="grey", limit=6).open()
    assert few.labels is not None
    assert len(set(few.labels.tolist())) > 1  # not the first six by name
    with pytest.raises(UserError, match="there is no class dgo; the classes are ant, bee, cat"):
        ImageFolder(root=str(tmp_path), classes=("dgo",)).open()
    with pytest.raises(UserError, match="each once"):
        ImageFolder(root=str(tmp_path), classes=("ant", 0)).open()
    with pytest.raises(UserError, match="have no classes"):
        ImageFolder(root=str(tmp_path / "ant"), classes=("ant",)).open()


@pytest.mark.parametrize(
    ("names", "classes", "images", "note"),
    [
        (("2023 holiday/a.png", "2023 holiday/b.png", "half.png"), (), 3, "no classes: one image lies beside the folder 2023"),
        (("a/1.png", "a/2.png", "b/3.png", "x.png"), ("a", "b"), 3, "left out: one image lies beside the folders of the classes, such as x"),
        (("a/1.png", "b/3.png", "x.png", "y.png"), (), 4, "no classes: 2 images lie beside the folders a, b"),
        (("x.png", "y.png"), (), 2, None),
    ],
)  # fmt: skip
def test_images_beside_folders_are_no_class(
    names: tuple[str, ...], classes: tuple[str, ...], images: int, note: str | None, tmp_path: Path
) -> None:
    for name in names:
        save(tmp_path / "root" / name)
    folder = ImageFolder(root=str(tmp_path / "root"), size=8)
    archive = Zip(root=str(zipped(tmp_path, tmp_path.parent / f"{tmp_path.name}.zip")), size=8)
    for source in (folder, archive):
        count = source.class_count  # before it is opened
        opened = source.open()
        assert (opened.classes, count, len(opened)) == (classes, len(classes), images)
        assert sum("beside" in one for one in opened.notes) == (note is not None)
        assert note is None or any(one.startswith(note) for one in opened.notes)


def test_unreadable_files_are_named_skipped_and_counted(folder: Path) -> None:
    good = (folder / "a" / "plain.jpg").read_bytes()
    (folder / "a" / "truncated.jpg").write_bytes(good[: len(good) // 2])
    (folder / "a" / "empty.png").write_bytes(b"")
    opened = ImageFolder(root=str(folder), size=16).open()
    assert len(opened) == KINDS
    assert opened.labels is not None
    assert opened.labels[opened.rows].tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1]
    assert opened.notes[-1].startswith(f"2 of {KINDS + 2} images could not be read and were skipped, such as a/empty")
    named = left_out(opened)
    assert all(name in named for name in ("a/truncated.jpg: ", "a/empty.png: ", "b/notes.txt: "))
    assert opened.images[opened.rows].mean((1, 2, 3)).min() > 70  # no black one stands where a file was skipped


@pytest.mark.parametrize(
    ("sizes", "size", "note"),
    [
        ([(32, 32)] * 3, 64, "3 of 3 images are smaller than 64×64 and were enlarged; data.size=32 keeps them as they are"),
        ([(32, 32), (64, 90), (70, 64)], 64, "1 of 3 images are smaller than 64×64 and were enlarged"),
        ([(64, 90)], 64, None),
        ([(5, 9)], 16, "1 of 1 images are smaller than 16×16 and were enlarged"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["image_folder", "zip"])
def test_enlarged_images_are_reported(
    kind: str, sizes: list[tuple[int, int]], size: int, note: str | None, tmp_path: Path
) -> None:
    root = tmp_path / "images"
    for number, one in enumerate(sizes):
        save(root / f"{number}.png", Image.new("L", one, 200))
    if kind == "zip":
        zipped(root, tmp_path / "images.zip")
        root = tmp_path / "images.zip"
    opened = SOURCES[kind](root=str(root), size=size).open()  # type: ignore[call-arg]
    assert [one for one in opened.notes if "enlarged" in one] == ([] if note is None else [note])


def test_of_many_files_some_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_folder, "MEASURED", 2)
    for number in range(3):
        save(tmp_path / f"{number}.png", Image.new("L", (16, 16), 200))
    (note,) = ImageFolder(root=str(tmp_path), size=32).open().notes
    assert note.startswith("2 of 2 images that were looked at, of 3 in all, are smaller than 32×32")


def test_links_are_followed_and_never_round_in_circles(tmp_path: Path) -> None:
    save(tmp_path / "elsewhere" / "1.png")
    root = tmp_path / "root"
    save(root / "a" / "2.png")
    (root / "a" / "up").symlink_to(root, target_is_directory=True)
    (root / "b").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (root / "a" / "nowhere.png").symlink_to(tmp_path / "gone.png")
    opened = ImageFolder(root=str(root), size=8).open()
    assert (len(opened), opened.classes) == (2, ("a", "b"))
    assert "a/nowhere.png" in left_out(opened)


def test_changed_files_are_read_again(tmp_path: Path) -> None:
    file = save(tmp_path / "x.png", Image.new("L", (8, 8), 1))
    source = ImageFolder(root=str(tmp_path), size=8, color="grey")
    assert set(source.open().images.flat) == {1}
    save(file, Image.new("L", (8, 8), 2))
    os.utime(file, ns=(1, 1))  # whatever the clock's resolution
    assert set(source.open().images.flat) == {2}
    save(tmp_path / "y.png", Image.new("L", (8, 8), 3))
    assert len(source.open()) == 2


@pytest.mark.parametrize(
    ("kind", "root", "sentence"),
    [
        ("image_folder", "nowhere", "no such folder; type data.root="),
        ("image_folder", "x.zip", r"x\.zip: it is a file; type data=zip"),
        ("image_folder", "broken/x.png", "x.png: it is a file; type data.root=.*/broken for its folder"),
        ("image_folder", "x.tar.gz", "it is a file; type data=tar"),
        ("image_folder", "empty", "no image file in it"),
        ("image_folder", "broken", "none of the 1 images can be read; the first: x.png: no image"),
        ("zip", "nowhere", "no such file"),
        ("zip", "empty", "empty: it is a folder; type data=image_folder"),
        ("zip", "x.tar.gz", "not a whole zip archive"),
        ("tar", "x.zip", "not a whole tar archive"),
        ("tar", "short.tar.gz", "not a whole tar archive"),
    ],
)
def test_what_cannot_be_opened_is_one_sentence(kind: str, root: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "x.png").write_bytes(b"broken")
    zipped(tmp_path / "broken", tmp_path / "x.zip")
    noise = np.random.default_rng(0).bytes(100_000)
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as writing:
        member = tarfile.TarInfo("x.png")
        member.size = len(noise)
        writing.addfile(member, io.BytesIO(noise))
    whole = (tmp_path / "x.tar.gz").read_bytes()
    (tmp_path / "short.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=sentence) as told:
        SOURCES[kind](root=str(tmp_path / root)).open()  # type: ignore[call-arg]
    assert "\n" not in str(told.value)


def test_tricks_of_archives_reach_nothing(tmp_path: Path) -> None:
    """Names that would leave a folder are only names, and those with dots are hidden: nothing is unpacked. A member that
    cannot be read is skipped."""
    inside = save(tmp_path / "x.png").read_bytes()
    with zipfile.ZipFile(tmp_path / "evil.zip", "w", zipfile.ZIP_DEFLATED) as writing:
        writing.writestr("../../evil.png", inside)
        writing.writestr("/etc/evil.png", inside)
        writing.writestr("a/zeros.png", bytes(10_000_000))
        writing.writestr("a/good.png", inside)
    opened = Zip(root=str(tmp_path / "evil.zip"), size=8).open()
    assert len(opened) == 2
    assert "a/zeros.png" in left_out(opened)
    assert not (tmp_path.parent.parent / "evil.png").exists()
    with tarfile.open(tmp_path / "evil.tar", "w") as writing:
        for name, kind in (("link.png", tarfile.SYMTYPE), ("device.png", tarfile.CHRTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            writing.addfile(member)
        writing.add(tmp_path / "x.png", "good.png")
    assert len(Tar(root=str(tmp_path / "evil.tar"), size=8).open()) == 1


def test_an_encrypted_member_is_skipped(tmp_path: Path) -> None:
    archive = tmp_path / "x.zip"
    save(tmp_path / "a.png")
    save(tmp_path / "b.png")
    with zipfile.ZipFile(archive, "w") as writing:
        writing.write(tmp_path / "a.png", "a.png")
        writing.write(tmp_path / "b.png", "b.png")
    content = bytearray(archive.read_bytes())
    central = content.index(b"PK\x01\x02")
    content[content.index(b"PK\x03\x04") + 6] |= 1  # the flag says encrypted, of the first file
    content[central + 8] |= 1
    archive.write_bytes(content)
    opened = Zip(root=str(archive), size=8).open()
    assert len(opened) == 1
    assert "a.png: " in left_out(opened)
    assert "encrypted" in left_out(opened)


# ------------------------------------------------------------------------------------------ what folders also have in them


def test_what_runs_have_made_is_no_data(tmp_path: Path) -> None:
    """`data.root=.` must not train on its own samples, nor decode afresh because there are more of them."""
    save(tmp_path / "a.png")
    save(tmp_path / "outputs" / "2026-01-31" / "run" / "samples" / "real.png")
    for name in ("config.yaml", "status.json"):
        (tmp_path / "outputs" / "2026-01-31" / "run" / name).write_text("")
    source = ImageFolder(root=str(tmp_path), size=8)
    stamp = source.stamp()
    opened = source.open()
    assert (len(opened), opened.classes, source.class_count) == (1, (), 0)
    assert "not searched: outputs/2026-01-31/run/" in opened.notes[-1]
    save(tmp_path / "outputs" / "2026-01-31" / "run" / "samples" / "step-2.png")
    save(tmp_path / ".thumbnails" / "a.png")
    assert source.stamp() == stamp


def test_one_odd_link_leaves_the_rest_of_its_folder(tmp_path: Path) -> None:
    for number in range(4):
        save(tmp_path / "a" / f"{number}.png")
        save(tmp_path / "b" / f"{number}.png")
    (tmp_path / "a" / "1a.png").symlink_to("1a.png")
    (tmp_path / "loop").symlink_to("loop")
    source = ImageFolder(root=str(tmp_path), size=8)
    assert (len(source.open()), source.class_count) == (8, 2)


def test_a_class_that_is_a_link_to_another_is_none(tmp_path: Path) -> None:
    save(tmp_path / "a" / "1.png")
    save(tmp_path / "b" / "1.png")
    (tmp_path / "c").symlink_to(tmp_path / "a", target_is_directory=True)
    source = ImageFolder(root=str(tmp_path), size=8)
    assert source.class_count == len(source.open().classes) == 2


def test_a_pipe_is_no_image(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    os.mkfifo(tmp_path / "pipe.png")
    opened = ImageFolder(root=str(tmp_path), size=8).open()
    assert len(opened) == 1
    assert "pipe.png: no file, but a pipe" in left_out(opened)


def test_names_of_any_bytes_are_told_and_obeyed_by_no_terminal(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")).write_bytes(b"broken")
    (tmp_path / "\x1b[2Jred\nline.png").write_bytes(b"broken")
    opened = ImageFolder(root=str(tmp_path), size=8).open()
    assert len(opened) == 1
    assert left_out(opened).count("\n") == 2
    assert "\x1b" not in left_out(opened) + "".join(opened.notes)


def test_hard_links_and_dotted_names_in_archives_are_images(tmp_path: Path) -> None:
    first = save(tmp_path / "images" / "a.png")
    os.link(first, tmp_path / "images" / "b.png")
    with tarfile.open(tmp_path / "x.tar", "w") as writing:
        writing.add(tmp_path / "images", ".")
    assert len(Tar(root=str(tmp_path / "x.tar"), size=8).open()) == 2
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as writing:
        writing.write(first, "./cats/a.png")
    assert len(Zip(root=str(tmp_path / "x.zip"), size=8).open()) == 1


def test_a_home_is_found_and_a_slash_is_not_the_root_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    save(tmp_path / "pictures" / "train" / "cats" / "a.png")
    save(tmp_path / "pictures" / "train" / "dogs" / "a.png")
    source = ImageFolder(root="~/pictures", size=8, split="/train/")
    assert (len(source.open()), source.class_count) == (2, 2)
    assert ImageFolder(root="~/pictures", size=8, split="/").part == ""


@pytest.mark.parametrize("kind", ["image_folder", "zip", "tar"])
def test_a_root_that_no_system_takes_is_one_sentence(kind: str) -> None:
    with pytest.raises(UserError, match="there is no such"):
        SOURCES[kind](root="x" * 300).check()  # type: ignore[call-arg]


def test_files_that_are_larger_than_any_image_are_skipped(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganlab.data.reading.pixels.LARGEST_FILE", 10)
    with tarfile.open(tmp_path / "x.tar", "w") as writing:
        writing.add(folder, ".")
    zipped(folder, tmp_path / "x.zip")
    for kind, root in (("image_folder", folder), ("zip", tmp_path / "x.zip"), ("tar", tmp_path / "x.tar")):
        with pytest.raises(UserError, match="more than 512 MiB"):
            SOURCES[kind](root=str(root), size=8).open()  # type: ignore[call-arg]


def test_another_archive_under_the_same_name_is_another(tmp_path: Path) -> None:
    for number, level in enumerate((10, 20)):
        image = save(tmp_path / "x.bmp", Image.new("L", (8, 8), level))
        for kind, name in ((Zip, "x.zip"), (Tar, "x.tar")):
            if kind is Zip:
                with zipfile.ZipFile(tmp_path / name, "w") as writing:
                    writing.write(image, "x.bmp")
            else:
                with tarfile.open(tmp_path / name, "w") as writing:
                    writing.add(image, "x.bmp")
            os.utime(tmp_path / name, ns=(number, number))  # the same size, another time
            opened = kind(root=str(tmp_path / name), size=8, color="grey").open()
            assert set(opened.images.flat) == {level}


def test_images_of_a_packed_archive_come_in_its_own_order(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as writing:
        for name in ("c.png", "a.png", "b.png"):
            writing.add(save(tmp_path / name), name)
    places = [item.place for item in Tar(root=str(tmp_path / "x.tar.gz"), size=8).listing().items]
    assert places == sorted(places)
