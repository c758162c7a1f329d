"""The checks of a run that need the opened data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ganlab.commands.launch.ready import open_data, ready
from ganlab.config import configure
from ganlab.config.model import shapes_of
from ganlab.config.settings import Settings
from ganlab.errors import UserError
from tests.data.images import save


def settings(root: Path, **more: Any) -> Settings:
    """Of a run on a folder with the classes a, b and c; images in those of ``root`` that are empty cannot be read."""
    data = {"name": "image_folder", "root": str(root), "size": 16}
    return configure({"data": data, "batch_size": 2, "condition": "projection", **more}).settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a/1.png", "a/2.png", "b/1.png", "c/1.png"):
        save(tmp_path / name)
    (tmp_path / "b" / "1.png").write_bytes(b"broken")
    return tmp_path


def test_networks_are_built_for_the_classes_that_can_be_read(folder: Path) -> None:
    for _ in range(2):  # decoded, and from the cache
        one, other = settings(folder), settings(folder)  # two jobs of a sweep, of which one opens the images
        assert shapes_of(one).classes == 3
        for job in (one, other):
            assert ready(job, None) is None
            assert open_data(job.data).classes == ("a", "c")
            assert shapes_of(job).classes == 2


def test_a_condition_without_classes_is_refused(folder: Path) -> None:
    (folder / "c" / "1.png").write_bytes(b"broken")
    with pytest.raises(UserError, match=r"condition=projection needs labels, .*only a is left.*type condition=none"):
        ready(settings(folder), None)
    assert ready(settings(folder, condition="none"), None) is None
    with pytest.raises(UserError, match="have no classes to learn"):
        ready(settings(folder, condition="none", evaluation="scores"), None)
