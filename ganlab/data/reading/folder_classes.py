"""The classes of image files: from the folders that they are in, or from the labels that lie beside them."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ganlab.data.source import printable

LABELS = "dataset.json"  # StyleGAN's file of labels: {"labels": [["00000/img00000000.png", 6], …]}, or null

LARGEST = 1 << 27  # bytes of such a file: those of two million names

# Folders and files that systems and their file servers create; their names in lower case.
SERVICE = frozenset({
    "@eadir", "@tmp", "@recycle", "@recently-snapshot", "@sharebin", "#recycle", "#snapshot", "__macosx",
    "$recycle.bin", "recycler", "system volume information", "lost+found", "network trash folder", "temporary items",
    "__pycache__", "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r",
})  # fmt: skip

Label = int | str


def is_hidden(name: str) -> bool:
    """Whether a file is hidden or belongs to a system, or one of its folders."""
    return any(part.startswith(".") or part.lower() in SERVICE for part in name.split("/"))


def readable_name(name: str) -> str:
    """Returns a file's name as a person sees it: one form for each letter (Unicode's NFC), and Latin-1 if its bytes are
    not UTF-8."""
    if any("\udc80" <= letter <= "\udcff" for letter in name):
        name = name.encode("utf-8", "surrogateescape").decode("latin-1")
    return unicodedata.normalize("NFC", name)


class Classes(NamedTuple):
    """The classes' names, the number of each image's class, and notes. Images with the number -1 belong to no class and
    are left out. Without classes ``labels`` is None."""

    names: tuple[str, ...] = ()
    labels: np.ndarray | None = None
    notes: tuple[str, ...] = ()


class Labels(NamedTuple):
    """The content of a file of labels: the label of each name in ``folder``, or None if the set has no labels."""

    folder: str
    of: Mapping[str, Label] | None


def read_labels(content: bytes, folder: str) -> Labels | str:
    """Returns the labels of StyleGAN's ``dataset.json`` in ``folder``; or, as a text, why they are no classes."""
    if len(content) > LARGEST:
        return f"more than {LARGEST >> 20} MiB"
    try:
        read = json.loads(content)
    except (ValueError, RecursionError) as error:
        return f"not JSON ({' '.join(str(error).split())})"
    if not isinstance(read, dict) or "labels" not in read:
        return "no 'labels' in it"
    if not (pairs := read["labels"]):
        return Labels(folder, None)
    if isinstance(pairs, dict):
        pairs = list(pairs.items())
    if not isinstance(pairs, list) or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        return "its labels are no pairs of a name and a class"
    found: dict[str, Label] = {}
    for name, label in pairs:
        if isinstance(label, float) and label.is_integer():
            label = int(label)
        if not isinstance(label, int | str) or isinstance(label, bool):
            return f"its labels are such as {printable(json.dumps(label))[:40]}, and classes are whole numbers or texts"
        found[readable_name(str(name).replace("\\", "/"))] = label
    return Labels(folder, found)


def labelled(names: Sequence[str], labels: Labels) -> Classes:
    """Returns the classes that a file of labels gives to the images with these names."""
    where = f"{labels.folder}{LABELS}"
    if labels.of is None:
        return Classes(notes=(f"no classes, as {printable(where)} says: its labels are null",))
    own = [labels.of.get(readable_name(name.removeprefix(labels.folder))) for name in names]
    if missing := [name for name, label in zip(names, own, strict=True) if label is None]:
        return Classes(
            notes=(
                f"no classes: {printable(where)} has no label for {len(missing):,} of {len(names):,} images, such as "
                f"{printable(missing[0])}",
            )
        )
    present: list[Any] = sorted(set(own), key=lambda label: (isinstance(label, str), label))
    if len(present) < 2:
        return Classes()
    number = {label: index for index, label in enumerate(present)}
    note = f"the labels are those of {printable(where)}: {len(present):,} classes"
    return Classes(tuple(map(str, present)), np.array([number[label] for label in own]), (note,))


def in_folders(names: Sequence[str]) -> Classes:
    """Returns the classes of images by the folder directly under the root that each is in.

    One folder is no class, and neither are the folders of a numbered set. Few images beside the folders (no more than
    an average class has) are left out; with more, there are no classes.
    """
    folders = [folder_of(name) for name in names]
    classes = sorted({folder for folder in folders if folder})
    beside = [name for name, folder in zip(names, folders, strict=True) if not folder]
    if not classes or (len(classes) == 1 and not beside):
        return Classes()
    some = printable(", ".join(classes[:3])) + (", …" if len(classes) > 3 else "")
    if are_shards(names):
        return Classes(notes=(f"no classes: the folders {some} are parts of one numbered set",))
    count = f"{len(beside):,} images lie" if len(beside) > 1 else "one image lies"
    if len(classes) == 1 or len(beside) * len(classes) > len(names) - len(beside):
        return Classes(notes=(f"no classes: {count} beside the folder{'s' if len(classes) > 1 else ''} {some}",))
    notes = (f"left out: {count} beside the folders of the classes, such as {printable(beside[0])}",) if beside else ()
    number = {folder: index for index, folder in enumerate(classes)}
    return Classes(tuple(classes), np.array([number.get(folder, -1) for folder in folders]), notes)


def folder_of(name: str) -> str:
    """Returns the folder directly under the root, as a person sees it; nothing for a file in the root itself."""
    return readable_name(name.partition("/")[0]) if "/" in name else ""


def may_be_shards(folders: Sequence[str]) -> bool:
    """Whether the folders' names alone may be those of parts of a numbered set: ``00000``, ``00001``, …"""
    return len(folders) > 1 and all(re.fullmatch(r"\d{5,}", folder) for folder in folders)


def are_shards(names: Sequence[str]) -> bool:
    """Whether the folders are parts of one numbered set, as StyleGAN and FFHQ store them (00000/img00000999.png,
    00001/img00001000.png): the numbers of the files go on from folder to folder. Those of classes begin anew."""
    numbers: dict[str, tuple[int, int]] = {}
    for name in names:
        folder, _, inner = name.partition("/")
        found = re.search(r"(\d+)\.\w+$", inner)
        if not found or not may_be_shards((folder, folder)):
            return False
        number = int(found[1])
        low, high = numbers.get(folder, (number, number))
        numbers[folder] = min(low, number), max(high, number)
    spans = [numbers[folder] for folder in sorted(numbers)]
    return len(spans) > 1 and all(one[1] < following[0] for one, following in pairwise(spans))
