"""Data sets of the Hugging Face hub, and data sets saved by its library."""

from __future__ import annotations

import importlib.util
import io
import os
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from ganlab.data.image_folder import ImageFolder
from ganlab.data.reading import pixels
from ganlab.data.reading.ranges import RangeSetting
from ganlab.data.source import Listing, sides
from ganlab.data.stored import Stored
from ganlab.errors import UserError, nearest
from ganlab.progress import progress
from ganlab.table import PositiveInt

ON_THE_HUB = re.compile(r"[\w.-]+(/[\w.-]+)?")
OLDEST = 4  # release of the library; earlier ones could run a program that came with the data


@dataclass(frozen=True)
class HuggingFace(Stored):
    """The images of one part of a data set (``split``; ``train+test`` for two of them): a name on the hub, or a folder,
    either saved by ``save_to_disk`` or with files that ``load_dataset`` reads, such as parquet.

    Without ``image_column`` and ``label_column``, the only column of images and the only column of classes are used;
    ``label_column`` may name any column of whole numbers or texts. Downloads, and the library's copy of local files,
    are in the library's own cache (environment variable HF_HOME). A data set of the hub that is decoded already is not
    requested again, unless ``revision`` changes. No program that comes with a data set is run.
    """

    paths: ClassVar[frozenset[str]] = frozenset({"dataset"})
    maybe_paths: ClassVar[frozenset[str]] = frozenset({"dataset"})

    dataset: str = "ylecun/mnist"
    config: str | None = None
    split: str = "train"
    revision: str | None = None
    image_column: str | None = None
    label_column: str | None = None
    size: PositiveInt | tuple[PositiveInt, PositiveInt] = 64
    range: RangeSetting = "auto"
    color: Literal["rgb", "grey"] = "rgb"
    crop: pixels.Crop = "center"
    background: pixels.Background = "white"
    flip: bool = False

    # --------------------------------------------------------------------------------------------- what a source says

    def check(self) -> None:
        _library()
        self._where()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (3 if self.color == "rgb" else 1, *sides(self.size, (0, 0)))

    @property
    def all_classes(self) -> int:
        return len(self._labels(self._part())[1])

    @property
    def label(self) -> str:
        _, height, width = self.image_shape
        folder = self._where()
        name = folder.name if folder else self.dataset
        return f"{name}-{self.config or ''}-{self.split}-{height}x{width}".replace("--", "-")

    def stamp(self) -> str:
        if folder := self._where():
            return ImageFolder(root=str(folder)).stamp()  # the sizes and times of all files, images or not
        return f"{self.dataset} {self.config} {self.revision}"  # without a request to the hub at each start

    def listing(self) -> Listing:
        part = self._part()
        column = self._image_column(part)
        labels, names, notes = self._labels(part)
        items = [Row(file, column, number) for file in part.files for number in range(len(_column(file, column)))]
        return Listing(items, labels, names, notes)

    def pixels(self, item: Row) -> np.ndarray:
        value = _column(item.file, item.column)[item.number].as_py()
        packed, path = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, None)
        file: Any
        if packed is not None:
            file, size = io.BytesIO(packed), len(packed)
        elif path is None:
            raise ValueError("there is no image in this row")
        elif os.path.isfile(path):
            file, size = path, os.path.getsize(path)
        else:
            raise ValueError(f"the row names the file {path}, which is not there")
        pixels.bounded(size)
        return pixels.read(file, self.image_shape, self.crop, self.background, self.range)

    # ----------------------------------------------------------------------------------------------- what is in the set

    def _where(self) -> Path | None:
        """Returns the folder; None for a name on the hub. Raises UserError if it can be neither."""
        folder = Path(os.path.expanduser(self.dataset))
        if self.dataset and os.path.isdir(folder):
            return folder.resolve()
        if os.path.isfile(folder):
            raise UserError(f"data.dataset={self.dataset}: it is a file; type the folder that it is in")
        if not ON_THE_HUB.fullmatch(self.dataset) or self.dataset.startswith("."):
            raise UserError(
                f"data.dataset={self.dataset}: there is no such folder, and names on the hub are like ylecun/mnist"
            )
        return None

    def _part(self) -> Part:
        folder = self._where()
        return _part(str(folder) if folder else self.dataset, self.config, self.split, self.revision, self.stamp())

    def _image_column(self, part: Part) -> str:
        if self.image_column is None:
            found = part.columns_of("image")
            if len(found) == 1:
                return found[0]
            raise UserError(
                f"data.image_column: {self.dataset} has {'several columns' if found else 'no column'} of images; "
                f"type one of {part.shown(found or part.columns)}"
            )
        _known("image_column", self.image_column, part.columns)
        if part.columns[self.image_column] not in ("image", "bytes"):
            raise UserError(
                f"data.image_column={self.image_column}: images are no {part.columns[self.image_column]}; "
                f"type one of {part.shown(part.columns_of('image', 'bytes') or part.columns)}"
            )
        return self.image_column

    def _labels(self, part: Part) -> tuple[np.ndarray | None, tuple[str, ...], tuple[str, ...]]:
        """Returns labels (N,), the classes' names, and notes."""
        typed = self.label_column
        found = part.columns_of("classes")
        if typed is not None:
            _known("label_column", typed, part.columns)
            if part.columns[typed] not in ("classes", "values"):
                usable = part.columns_of("classes", "values")
                raise UserError(
                    f"data.label_column={typed}: classes are whole numbers or texts, and this column is "
                    f"{part.columns[typed]}; type {f'one of {part.shown(usable)}, or null' if usable else 'null'}"
                )
        elif not found:
            return None, (), ()
        elif len(found) > 1:
            several = f"no labels: there are several columns of classes, {part.shown(found)}"
            return None, (), (f"{several}; type data.label_column={found[0]} or another",)
        column = typed or found[0]
        labels, names, missing = _classes(part, column)
        if missing:
            reason = f"{missing:,} of {part.rows:,} rows have no class in the column {column}"
            if typed is None:
                return None, (), (f"no labels: {reason}",)
            raise UserError(f"data.label_column={typed}: {reason}; type null, or another data.split")
        return (labels, names, ()) if len(names) > 1 else (None, (), ())


class Row(NamedTuple):
    """The place of one image: a row of a column of an arrow file."""

    file: str
    column: str
    number: int

    def __str__(self) -> str:
        return f"row {self.number:,} of {Path(self.file).name}"


@dataclass(frozen=True, eq=False)
class Part:
    """One part of a data set, as arrow files. ``columns`` maps each column to its kind: ``image``, ``bytes`` of an
    image file, ``classes`` (whose names are in ``names``), ``values`` (whole numbers or texts), or another type."""

    files: tuple[str, ...]
    rows: int
    columns: Mapping[str, str]
    names: Mapping[str, tuple[str, ...]]

    def columns_of(self, *kinds: str) -> list[str]:
        return [column for column, kind in self.columns.items() if kind in kinds]

    def shown(self, columns: Iterable[str]) -> str:
        return ", ".join(f"{column} ({self.columns[column]})" for column in columns)


def _known(setting: str, found: str, options: Iterable[str]) -> None:
    """Raises UserError if ``found`` is none of the options."""
    options = list(options)
    if found not in options:
        guess = nearest(found, options)
        hint = f"did you mean {guess}? " if guess else ""
        shown = ", ".join(options[:20]) + (", …" if len(options) > 20 else "")
        raise UserError(f"data.{setting}={found}: there is no such {setting.split('_')[-1]}; {hint}there are {shown}")


# ------------------------------------------------------------------------------------------------------ the arrow files


def _column(file: str, column: str) -> Any:
    """Returns a column of an arrow file, memory-mapped. This does not import the library, which is slow."""
    return _mapped(file, os.stat(file).st_mtime_ns, column)


@lru_cache(maxsize=8)
def _mapped(file: str, changed: int, column: str) -> Any:
    import pyarrow

    return pyarrow.ipc.open_stream(pyarrow.memory_map(file)).read_all().column(column)


@lru_cache(maxsize=8)
def _classes(part: Part, column: str) -> tuple[np.ndarray, tuple[str, ...], int]:
    """Returns labels (N,), the classes' names, and the number of rows without a class."""
    values = [value for file in part.files for value in _column(file, column).to_pylist()]
    if column in part.names:
        names = part.names[column]
        labels = np.array([-1 if value is None else value for value in values], np.int64)
        return labels, names, int(((labels < 0) | (labels >= len(names))).sum())
    missing = sum(value is None for value in values)
    present = sorted({value for value in values if value is not None})
    number = {value: index for index, value in enumerate(present)}
    return np.array([number.get(value, -1) for value in values]), tuple(map(str, present)), missing


# ---------------------------------------------------------------------------------------------------------- the library


def _library() -> Any:
    """Returns the package ``datasets``. Raises UserError if it is missing or too old."""
    try:
        import datasets  # an optional package, whose import takes most of a second
    except ImportError as error:
        raise UserError(
            "data=huggingface: the package datasets is not installed; type pip install 'ganlab-train[huggingface]'"
        ) from error
    if int(datasets.__version__.split(".")[0]) < OLDEST:
        raise UserError(
            f"data=huggingface: datasets {datasets.__version__} could run a program that comes with a data set; type "
            "pip install --upgrade 'ganlab-train[huggingface]'"
        )
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    return datasets


@lru_cache(maxsize=4)
def _part(dataset: str, config: str | None, split: str, revision: str | None, stamp: str) -> Part:
    """Returns the data set as the library builds it: downloaded if necessary, and written as arrow files."""
    library = _library()
    folder = Path(dataset)
    try:
        if (folder / "state.json").is_file() or (folder / "dataset_dict.json").is_file():
            saved = library.load_from_disk(dataset, keep_in_memory=False)
            if isinstance(saved, dict):
                parts = dict(saved)
            else:  # one part, which the default of ``split`` selects under any name
                parts = {HuggingFace.split if split == HuggingFace.split else str(saved.split or "train"): saved}
        else:
            builder = _builder(library, dataset, config, revision)
            with progress(f"Downloading and reading {dataset}") if not sys.stderr.isatty() else nullcontext():
                builder.download_and_prepare()  # on a terminal it shows bars of its own
            # Only the named parts are opened, since others may have other columns.
            wanted = [name for name in split.split("+") if name in builder.info.splits]
            parts = dict.fromkeys(builder.info.splits) | {
                name: builder.as_dataset(split=name, in_memory=False) for name in wanted
            }
    except UserError:
        raise
    except Exception as error:  # three libraries and the network raise errors of many types
        raise UserError(_sentence(dataset, revision, error)) from error
    for name in split.split("+"):
        if name not in parts and "[" in name:
            raise UserError(f"data.split={split}: only whole parts are taken; type data.limit=… for some of the images")
        _known("split", name if "+" in split else split, parts)
    chosen = [parts[name] for name in split.split("+")]
    if any(one.features != chosen[0].features for one in chosen):
        raise UserError(f"data.split={split}: these parts have different columns; type one of them")
    if any(getattr(one, "_indices", None) is not None for one in chosen):  # the arrow files have other rows
        raise UserError(f"data.dataset={dataset}: an old release of datasets saved it as a selection; save it again")
    features = chosen[0].features
    return Part(
        tuple(file["filename"] for one in chosen for file in one.cache_files),
        sum(map(len, chosen)),
        {name: _kind(library, feature) for name, feature in features.items()},
        {name: tuple(feature.names) for name, feature in features.items() if isinstance(feature, library.ClassLabel)},
    )


def _builder(library: Any, dataset: str, config: str | None, revision: str | None) -> Any:
    """Returns the library's builder of a data set. Raises UserError if ``config`` is none of its configurations."""
    if "/" not in dataset and importlib.util.find_spec(f"datasets.packaged_modules.{dataset}"):
        raise UserError(
            f"data.dataset={dataset}: the name of a file format, and of no data set; type the folder with the files"
        )
    try:
        return library.load_dataset_builder(dataset, config, revision=revision)
    except ValueError:
        names = library.get_dataset_config_names(dataset, revision=revision)
        if config is not None:
            _known("config", config, names)
        elif len(names) > 1:
            raise UserError(f"data.config=null: {dataset} has several; type one of {', '.join(names[:20])}") from None
        raise


def _kind(library: Any, feature: Any) -> str:
    """Returns the kind of a column, by the names that ``Part`` uses."""
    kind = str(getattr(feature, "dtype", ""))
    if isinstance(feature, library.Image):
        return "image"
    if isinstance(feature, library.ClassLabel):
        return "classes"
    if "binary" in kind or (isinstance(feature, dict) and "bytes" in feature):
        return "bytes"
    if isinstance(feature, library.Value) and (kind == "bool" or re.fullmatch(r"u?int\d+|(large_)?string", kind)):
        return "values"
    return kind if isinstance(feature, library.Value) else type(feature).__name__


def _sentence(dataset: str, revision: str | None, error: Exception) -> str:
    """Returns the part of the library's error that helps a user."""
    text = " ".join(f"{error} {error.__cause__ or ''}".split())
    cause = error.__cause__ if "An error occurred" in text and error.__cause__ else error
    reason = " ".join(str(cause).split()).split(". ")[0].rstrip(".") or type(cause).__name__
    found = f"data.dataset={dataset}: "
    if Path(dataset).is_dir():
        if "scripts are no longer" in text:
            return f"{found}a program of its own makes it, which is not run; type a folder with files of its data"
        return f"{found}this folder cannot be read as a data set ({reason}); type data.dataset=… for another"
    if "gated" in text:
        return f"{found}its owners restrict access; request it on its page at huggingface.co, then type hf auth login"
    if "Revision" in text:
        return f"data.revision={revision}: {dataset} has no such branch, tag or commit; type another, or null"
    if "doesn't exist" in text or "Not Found" in text:
        return f"{found}there is no such data set on the hub that you may read, and no such folder; type another name"
    if "scripts are no longer" in text:
        return (
            f"{found}a program of its own makes it, which is not run; type data.revision=refs/convert/parquet "
            "where the hub has made files of it, or another data set"
        )
    if isinstance(error, ConnectionError):
        return f"{found}there is no such folder, and the hub cannot be reached ({reason}); try again with a network"
    return f"{found}it cannot be read ({reason}); type data.dataset=… for another"
