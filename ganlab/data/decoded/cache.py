"""Opens entries of the cache of decoded images, which ``ganlab.image_cache`` names, lists and removes."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import numpy as np

from ganlab.data.source import ImageSet, LabelSet
from ganlab.image_cache import FORMAT, readable


def opened(entry: Path, seconds: float | None = None) -> ImageSet | None:
    """Returns the images of an entry; None if it is missing or incomplete. ``seconds`` is the time that its decoding
    took, if it was decoded just now."""
    try:
        index = json.loads((entry / "index.json").read_text(encoding="utf-8"))
        # Copy-on-write: PyTorch warns of memory that it cannot write to, although nothing writes.
        images = np.load(entry / "images.npy", mmap_mode="c")
        labels = np.load(entry / "labels.npy") if index["classes"] else None
        label_sets = {
            name: LabelSet(np.load(entry / f"labels-{name}.npy"), tuple(names))
            for name, names in index.get("label_sets", {}).items()
        }
        rows = np.delete(np.arange(len(images)), index["failed"])
        if index["format"] != FORMAT or len(rows) != index["images"]:
            return None
        every = [one.labels for one in label_sets.values()] + ([labels] if labels is not None else [])
        if any(len(one) != len(images) for one in every):
            return None
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None
    with contextlib.suppress(OSError):  # it may belong to another user
        os.utime(entry / "index.json")
    how = "taken from" if seconds is None else f"decoded in {seconds:,.0f} s into"
    notes = list(index["notes"])
    if index["failed"]:
        notes.append(
            f"{len(index['failed']):,} of {len(images):,} images could not be read and were skipped, such as "
            f"{index['example']}; all of them: {entry / 'left-out.txt'}"
        )
    return ImageSet(
        images,
        labels,
        tuple(index["classes"]),
        rows,
        fingerprint=index["fingerprint"],
        place=f"{how} {entry} ({readable(images.nbytes)})",
        notes=tuple(notes),
        label_sets=label_sets,
    )
