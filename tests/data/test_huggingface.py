"""Data sets of the Hugging Face library: saved ones, folders of files, and what is said where the hub says no."""

from __future__ import annotations

import builtins
import pickle
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganlab.data import huggingface
from ganlab.data.huggingface import HuggingFace
from ganlab.errors import UserError

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
KINDS = [0, 1, 1, 0, 2, 1]
NAMES = ("cat", "dog", "owl")


def test_without_the_package_it_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    for attempt in (
        HuggingFace(dataset="ylecun/mnist").check,
        HuggingFace(dataset="ylecun/mnist").open,
        HuggingFace(dataset=str(tmp_path)).open,
        lambda: HuggingFace(dataset="ylecun/mnist").class_count,
    ):
        with pytest.raises(UserError, match=r"not installed; type pip install 'ganlab-train\[huggingface\]'$"):
            attempt()


def test_an_old_release_that_could_run_programs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", types.SimpleNamespace(__version__="3.6.0"))
    with pytest.raises(UserError, match=r"datasets 3\.6\.0 could run a program"):
        HuggingFace().check()


# --------------------------------------------------------------------------------------------------- what is in a set


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    datasets = pytest.importorskip("datasets", reason="needs the package datasets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("hf"))
        yield datasets


def made(library: Any, rows: slice = slice(None), **more: Any) -> Any:
    """A data set with an image, a class and a number in every row."""
    images = [Image.fromarray(one) for one in PIXELS[rows]]
    columns = {"image": images, "label": KINDS[rows], "year": [1990 + kind for kind in KINDS[rows]]}
    features = {
        "image": library.Image(),
        "label": library.ClassLabel(names=list(NAMES)),
        "year": library.Value("int32"),
    }
    for name, (values, feature) in more.items():
        columns[name], features[name] = values, feature
    return library.Dataset.from_dict(columns, features=library.Features(features))


@pytest.fixture(scope="module")
def parquet(library: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with the parts train (the first four rows) and test (two)."""
    root = tmp_path_factory.mktemp("parquet")
    made(library, slice(0, 4)).to_parquet(root / "train-00000-of-00001.parquet")
    made(library, slice(4, 6)).to_parquet(root / "test-00000-of-00001.parquet")
    return str(root)


def saved(library: Any, tmp_path: Path, **more: Any) -> str:
    made(library, **more).save_to_disk(tmp_path / "saved")
    return str(tmp_path / "saved")


def refusal(**settings: Any) -> str:
    with pytest.raises(UserError) as raised:
        HuggingFace(**settings).open()
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_saved_set(library: Any, tmp_path: Path) -> None:
    source = HuggingFace(dataset=saved(library, tmp_path), size=8, flip=True)
    source.check()
    assert source.image_shape == (3, 8, 8)
    assert source.class_count == 3
    opened = source.open()
    np.testing.assert_array_equal(opened.images, PIXELS)
    assert opened.labels is not None
    assert opened.labels.tolist() == KINDS
    assert opened.classes == NAMES
    assert opened.flip
    assert opened.notes == ()


def test_saved_parts(library: Any, tmp_path: Path) -> None:
    parts = library.DatasetDict(train=made(library, slice(0, 4)), test=made(library, slice(4, 6)))
    parts.save_to_disk(tmp_path / "parts")
    opened = HuggingFace(dataset=str(tmp_path / "parts"), split="test", size=8).open()
    np.testing.assert_array_equal(opened.images, PIXELS[4:])
    assert "did you mean test? there are train, test" in refusal(dataset=str(tmp_path / "parts"), split="tets")


def test_a_saved_set_has_one_part(library: Any, parquet: str, tmp_path: Path) -> None:
    root = saved(library, tmp_path)
    assert "data.split=test: there is no such split; there are train" in refusal(dataset=root, split="test")
    library.load_dataset(parquet, split="test").save_to_disk(tmp_path / "test")
    for split in ("train", "test"):  # it is all there is, and train is what nobody has typed
        opened = HuggingFace(dataset=str(tmp_path / "test"), split=split, size=8).open()
        np.testing.assert_array_equal(opened.images, PIXELS[4:])
    assert "did you mean test?" in refusal(dataset=str(tmp_path / "test"), split="tst")


def test_parquet_files(parquet: str) -> None:
    opened = HuggingFace(dataset=parquet, size=8).open()
    np.testing.assert_array_equal(opened.images, PIXELS[:4])
    assert opened.labels is not None
    assert opened.labels.tolist() == KINDS[:4]
    assert opened.classes == NAMES  # that one has no image in this part changes nothing
    both = HuggingFace(dataset=parquet, split="test+train", size=8).open()
    np.testing.assert_array_equal(both.images, np.concatenate([PIXELS[4:], PIXELS[:4]]))
    assert both.labels is not None
    assert both.labels.tolist() == KINDS[4:] + KINDS[:4]


def test_a_folder_of_image_files(library: Any, tmp_path: Path) -> None:
    for number, (pixels, kind) in enumerate(zip(PIXELS, KINDS, strict=True)):
        file = tmp_path / "animals" / "train" / NAMES[kind] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(file)
    opened = HuggingFace(dataset=str(tmp_path / "animals"), size=8).open()
    order = np.argsort(KINDS, kind="stable")  # the files in the order of their folders
    np.testing.assert_array_equal(opened.images, PIXELS[order])
    assert opened.labels is not None
    assert opened.labels.tolist() == sorted(KINDS)
    assert opened.classes == NAMES


def test_size_colour_and_crop(library: Any, tmp_path: Path) -> None:
    root = saved(library, tmp_path)
    opened = HuggingFace(dataset=root, size=(4, 6), color="grey", crop="stretch").open()
    for image, original in zip(opened.images, PIXELS, strict=True):
        again = Image.fromarray(original).convert("L").resize((6, 4), Image.Resampling.LANCZOS)
        np.testing.assert_array_equal(image[..., 0], np.asarray(again))
    assert len(HuggingFace(dataset=root, classes=("dog",), limit=2).open()) == 2


def test_other_processes_need_neither_library(library: Any, tmp_path: Path) -> None:
    """Rows are decoded from the arrow files alone, since the libraries start slowly."""
    source = HuggingFace(dataset=saved(library, tmp_path), size=8)
    items = list(source.listing().items)
    code = (
        "import pickle, sys; source, items = pickle.load(sys.stdin.buffer); "
        "images = [source.pixels(item) for item in items]; "
        "assert not {'torch', 'datasets', 'matplotlib'} & set(sys.modules), sorted(sys.modules); "
        "sys.stdout.buffer.write(b''.join(image.tobytes() for image in images))"
    )
    asked = subprocess.run([sys.executable, "-c", code], input=pickle.dumps((source, items)), capture_output=True)
    assert asked.returncode == 0, asked.stderr.decode()
    assert asked.stdout == PIXELS.tobytes()


def test_many_rows_are_read_by_several_processes(library: Any, tmp_path: Path) -> None:
    many = library.concatenate_datasets([made(library)] * 40)
    many.save_to_disk(tmp_path / "many", num_shards=3)
    opened = HuggingFace(dataset=str(tmp_path / "many"), size=8).open()
    np.testing.assert_array_equal(opened.images, np.concatenate([PIXELS] * 40))
    assert opened.labels is not None
    assert opened.labels.tolist() == KINDS * 40


def test_a_second_start_does_without_the_library(library: Any, parquet: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = HuggingFace(dataset=parquet, size=8).open()
    huggingface._part.cache_clear()
    monkeypatch.setitem(sys.modules, "datasets", None)
    again = HuggingFace(dataset=parquet, size=8).open()
    np.testing.assert_array_equal(again.images, first.images)


def test_changed_files_are_read_again(library: Any, tmp_path: Path) -> None:
    made(library).to_parquet(tmp_path / "train.parquet")
    source = HuggingFace(dataset=str(tmp_path), size=8)
    assert len(source.open()) == 6
    made(library, slice(0, 2)).to_parquet(tmp_path / "train.parquet")
    assert len(source.open()) == 2
    saved_there = HuggingFace(dataset=saved(library, tmp_path), size=8)
    np.testing.assert_array_equal(saved_there.open().images, PIXELS)
    made(library, slice(5, None, -1)).save_to_disk(tmp_path / "saved")
    np.testing.assert_array_equal(saved_there.open().images, PIXELS[::-1])


# ---------------------------------------------------------------------------------------------------- columns, labels


def test_columns(library: Any, tmp_path: Path) -> None:
    upside_down = [Image.fromarray(one[::-1]) for one in PIXELS]
    packed = [(tmp_path / f"{number}.png", one) for number, one in enumerate(PIXELS)]
    for file, one in packed:
        Image.fromarray(one[:, ::-1]).save(file)
    root = saved(
        library,
        tmp_path,
        turned=(upside_down, library.Image()),
        packed=([file.read_bytes() for file, _ in packed], library.Value("binary")),
        fine=([5, 4, 3, 2, 1, 0], library.ClassLabel(names=list("abcdef"))),
        breed=(["b", "a", "b", "b", "a", "a"], library.Value("string")),
        weight=([0.5] * 6, library.Value("float32")),
    )
    assert "several columns of images; type one of image (image), turned (image)" in refusal(dataset=root)
    np.testing.assert_array_equal(
        HuggingFace(dataset=root, image_column="turned", size=8).open().images, PIXELS[:, ::-1]
    )
    np.testing.assert_array_equal(
        HuggingFace(dataset=root, image_column="packed", size=8).open().images, PIXELS[:, :, ::-1]
    )
    unsure = HuggingFace(dataset=root, image_column="image", size=8)
    assert unsure.class_count == 0
    assert unsure.open().labels is None
    assert (
        "several columns of classes, label (classes), fine (classes); type data.label_column=label"
        in unsure.open().notes[0]
    )
    for column, labels, names in (
        ("label", KINDS, NAMES),
        ("fine", [5, 4, 3, 2, 1, 0], tuple("abcdef")),
        ("breed", [1, 0, 1, 1, 0, 0], ("a", "b")),
        ("year", KINDS, ("1990", "1991", "1992")),
    ):
        source = HuggingFace(dataset=root, image_column="image", label_column=column, size=8)
        opened = source.open()
        assert opened.labels is not None
        assert opened.labels.tolist() == labels
        assert opened.classes == names
        assert source.class_count == len(names)
    assert "there is no such column; did you mean image?" in refusal(dataset=root, image_column="imag")
    assert "images are no values; type one of image (image), turned (image), packed (bytes)" in refusal(
        dataset=root, image_column="year"
    )
    assert "did you mean breed?" in refusal(dataset=root, image_column="image", label_column="bred")
    wrong = refusal(dataset=root, image_column="image", label_column="weight")
    assert (
        "this column is float32; type one of label (classes), year (values), fine (classes), breed (values), or null"
        in wrong
    )


def test_a_set_without_images(library: Any, tmp_path: Path) -> None:
    library.Dataset.from_dict({"text": ["a", "b"]}).save_to_disk(tmp_path / "texts")
    assert "no column of images; type one of text (values)" in refusal(dataset=str(tmp_path / "texts"))
    made(library, slice(0, 0)).to_parquet(tmp_path / "empty" / "train.parquet")
    assert 'this folder cannot be read as a data set (Instruction "train" corresponds to no data!)' in refusal(
        dataset=str(tmp_path / "empty")
    )


def test_rows_without_a_class(library: Any, tmp_path: Path) -> None:
    """So are the parts of competitions that nobody but their makers can score."""
    hidden = [0, -1, 0, None, 1, 1]
    root = saved(
        library,
        tmp_path,
        hidden=(hidden, library.ClassLabel(names=["a", "b"])),
        part=(["x"] * 5 + [None], library.Value("string")),
    )
    assert "1 of 6 rows have no class in the column part" in refusal(dataset=root, label_column="part")
    assert "2 of 6 rows have no class in the column hidden" in refusal(dataset=root, label_column="hidden")
    made(library).remove_columns("label").add_column(
        "hidden", [-1] * 6, feature=library.ClassLabel(names=["a", "b"])
    ).save_to_disk(tmp_path / "hidden")
    source = HuggingFace(dataset=str(tmp_path / "hidden"), size=8)
    assert source.class_count == 0
    opened = source.open()
    assert opened.labels is None
    assert opened.notes == ("no labels: 6 of 6 rows have no class in the column hidden",)


def test_rows_that_cannot_be_read_are_left_out(library: Any, tmp_path: Path) -> None:
    columns = {"image": [*map(Image.fromarray, PIXELS[:4]), {"bytes": b"no image", "path": None}, None]}
    features = library.Features({"image": library.Image()})
    library.Dataset.from_dict(columns, features=features).save_to_disk(tmp_path / "damaged")
    opened = HuggingFace(dataset=str(tmp_path / "damaged"), size=8).open()
    np.testing.assert_array_equal(opened.images[opened.rows], PIXELS[:4])
    assert any("2 of 6" in note for note in opened.notes)
    source = HuggingFace(dataset=str(tmp_path / "damaged"), size=8)
    items = source.listing().items
    for number, reason in ((4, "no image"), (5, "no image in this row")):
        with pytest.raises((OSError, ValueError), match=reason):
            source.pixels(items[number])
    assert source.name_of(items[5]) == "row 5 of data-00000-of-00001.arrow"


def test_a_file_that_a_row_names_may_be_gone(library: Any, tmp_path: Path) -> None:
    for number in range(2):
        Image.fromarray(PIXELS[number]).save(tmp_path / f"{number}.png")
    source = HuggingFace(dataset=str(tmp_path), size=8)
    items = source.listing().items
    (tmp_path / "1.png").unlink()
    np.testing.assert_array_equal(source.pixels(items[0]), PIXELS[0])
    with pytest.raises(ValueError, match=r"1\.png, which is not there"):
        source.pixels(items[1])


def test_only_safe_formats_are_decoded(library: Any, tmp_path: Path) -> None:
    """The library itself would give these bytes to whatever decoder Pillow finds for them."""
    pages = tmp_path / "x.eps"
    Image.fromarray(PIXELS[0]).save(pages)
    columns = {"image": [{"bytes": pages.read_bytes(), "path": None}, Image.fromarray(PIXELS[1])]}
    library.Dataset.from_dict(columns, features=library.Features({"image": library.Image()})).save_to_disk(
        tmp_path / "eps"
    )
    assert HuggingFace(dataset=str(tmp_path / "eps"), size=8).open().rows.tolist() == [1]


# ------------------------------------------------------------------------------------------------------- what is refused


def test_names_that_can_be_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")  # names relative to another folder may be there
    (tmp_path / "x.parquet").write_bytes(b"")
    for name in (str(tmp_path / "nowhere"), "./nowhere", "a/b/c", "../x", "no such", ""):
        assert "there is no such folder, and names on the hub are like ylecun/mnist" in refusal(dataset=name)
        assert HuggingFace(dataset=name).image_shape == (3, 64, 64)
    assert "it is a file; type the folder" in refusal(dataset=str(tmp_path / "x.parquet"))


def test_parts_and_configurations_that_are_not_there(library: Any, parquet: str, tmp_path: Path) -> None:
    assert "data.split=trian: there is no such split; did you mean train? there are train, test" in refusal(
        dataset=parquet, split="trian"
    )
    assert "there are train, test" in refusal(dataset=parquet, split="train+q")
    assert "type data.limit=… for some of the images" in refusal(dataset=parquet, split="train[:2]")
    assert "data.config=q: there is no such config; there are default" in refusal(dataset=parquet, config="q")
    for part in ("small", "large"):
        (tmp_path / part).mkdir()
        made(library).to_parquet(tmp_path / part / "train.parquet")
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- config_name: small\n  data_files: small/*\n- config_name: large\n  data_files: large/*\n---\n"
    )
    assert "data.config=null: " in refusal(dataset=str(tmp_path))
    assert "has several; type one of small, large" in refusal(dataset=str(tmp_path))
    assert "did you mean large?" in refusal(dataset=str(tmp_path), config="larg")
    assert len(HuggingFace(dataset=str(tmp_path), config="large").open()) == 6


def test_folders_that_are_none(library: Any, tmp_path: Path) -> None:
    assert "doesn't contain any data files" in refusal(dataset=str(tmp_path))
    (tmp_path / "train.parquet").write_bytes(b"PAR1 is not all")
    assert "this folder cannot be read as a data set (Parquet magic bytes" in refusal(dataset=str(tmp_path))
    program = tmp_path / "program" / "program.py"
    program.parent.mkdir()
    program.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert "a program of its own makes it, which is not run" in refusal(dataset=str(program.parent))
    assert not (tmp_path / "ran").exists()
    assert "the name of a file format, and of no data set" in refusal(dataset="imagefolder")


@pytest.mark.parametrize(
    ("kind", "said", "sentence"),
    [
        (
            "DatasetNotFoundError",
            "Dataset 'a/b' doesn't exist on the Hub or cannot be accessed.",
            "no such data set on the hub that you may read",
        ),
        (
            "DatasetNotFoundError",
            "Dataset 'a/b' is a gated dataset on the Hub. You must be authenticated to access it.",
            "hf auth login",
        ),
        (
            "DatasetNotFoundError",
            "Revision 'v9' doesn't exist for dataset 'a/b' on the Hub.",
            "data.revision=v9: a/b has no such branch, tag or commit",
        ),
        (
            "RuntimeError",
            "Dataset scripts are no longer supported, but found b.py",
            "type data.revision=refs/convert/parquet",
        ),
        ("ConnectionError", "Couldn't reach 'a/b' on the Hub (LocalEntryNotFoundError)", "the hub cannot be reached"),
        ("OSError", "Something\nelse. And more", "it cannot be read (Something else)"),
    ],
)
def test_what_the_hub_refuses(
    kind: str, said: str, sentence: str, library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = getattr(library.exceptions, kind, None) or getattr(builtins, kind)

    def refuse(*_: Any, **__: Any) -> None:
        raise error(said)

    monkeypatch.setattr(library, "load_dataset_builder", refuse)
    assert sentence in refusal(dataset="a/b", revision="v9")


def test_a_set_of_the_hub(library: Any, parquet: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for once; another revision, again."""
    asked: list[Any] = []
    local = library.load_dataset_builder(parquet)

    def answer(name: str, config: str | None, revision: str | None) -> Any:
        asked.append((name, config, revision))
        return local

    monkeypatch.setattr(library, "load_dataset_builder", answer)
    huggingface._part.cache_clear()
    source = HuggingFace(dataset="some/where", size=8)
    np.testing.assert_array_equal(source.open().images, PIXELS[:4])
    assert source.class_count == 3
    assert asked == [("some/where", None, None)]
    huggingface._part.cache_clear()
    source.open()
    assert len(asked) == 1
    HuggingFace(dataset="some/where", size=8, revision="v2").open()
    assert asked[1:] == [("some/where", None, "v2")]
