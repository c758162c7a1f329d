"""The contract of sources whose decoded images are cached."""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest

from ganlab.data import SOURCES, Stored, digits, fonts, stacked
from ganlab.data.decoded.prepare import without_empty_classes
from ganlab.data.source import Listing
from tests.test_architecture import FILES, PACKAGE, imported

STORED = {name: kind for name, kind in SOURCES.items() if issubclass(kind, Stored)}


@pytest.mark.parametrize("name", STORED)
def test_each_source_says_when_its_images_change(name: str) -> None:
    own = STORED[name].__mro__[: STORED[name].__mro__.index(Stored)]
    assert any("stamp" in vars(kind) for kind in own)


def test_a_source_that_does_not_is_told_to() -> None:
    @dataclass(frozen=True)
    class Mine(Stored):
        pass

    with pytest.raises(TypeError, match=r"Mine does not say when its images change: define stamp\(\)"):
        Mine().open()


@pytest.mark.parametrize(
    ("name", "module", "settings"),
    [
        ("digits", digits, {}),
        ("digit_pairs", digits, {}),
        ("stacked_digits", stacked, {}),
        ("stacked_digits", digits, {}),
        ("stacked_mnist", stacked, {"root": "nowhere"}),
        ("fonts", fonts, {"root": str(Path(matplotlib.get_data_path()) / "fonts" / "ttf")}),
    ],
)
def test_another_way_of_drawing_is_another_entry_of_the_cache(
    name: str, module: Any, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = STORED[name](**settings)
    before = source.stamp()
    assert source.stamp() == before
    monkeypatch.setattr(module, "DRAWING", module.DRAWING + 1)
    assert source.stamp() != before


def test_modules_do_not_import_each_other_in_circles() -> None:
    """Not even for types alone; the package's own file imports all of them."""
    files = [file for file in FILES if file.relative_to(PACKAGE).parts[0] == "data" and file.name != "__init__.py"]
    modules = {".".join(("ganlab", *file.relative_to(PACKAGE).with_suffix("").parts)): file for file in files}
    known = {
        name: {module for module in modules for one in imported(file) if one == module or one.startswith(f"{module}.")}
        for name, file in modules.items()
    }
    assert "ganlab.data.source" in known["ganlab.data.decoded.prepare"]
    assert list(TopologicalSorter(known).static_order())  # raises CycleError


@pytest.mark.parametrize(
    ("labels", "failed", "names", "kept", "note"),
    [
        ([0, 0, 1, 2], [2], ("a", "c"), [0, 0, 0, 1], "the class b was left out, as none of its images can be read"),
        ([0, 0, 1, 2], [0], ("a", "b", "c"), [0, 0, 1, 2], None),
        ([0, 0, 2, 2], [0], ("a", "b", "c"), [0, 0, 2, 2], None),  # b has no images: nothing of it is unreadable
        ([0, 1, 1, 2], [0, 1, 2], (), None, "2 classes were left out, as none of their images can be read: a, b; only c"),
    ],
)  # fmt: skip
def test_classes_whose_images_all_failed(
    labels: list[int], failed: list[int], names: tuple[str, ...], kept: list[int] | None, note: str | None
) -> None:
    found = without_empty_classes(Listing(range(4), np.array(labels), ("a", "b", "c")), failed)
    assert found.classes == names
    assert (None if found.labels is None else found.labels.tolist()) == kept
    assert (found.notes == ()) if note is None else found.notes[0].startswith(note)
