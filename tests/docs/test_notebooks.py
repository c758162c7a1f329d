"""The notebooks: they hold no outputs, and run from top to bottom."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from docs.site import notebooks
from tests.docs.found import ROOT

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_holds_no_outputs_and_begins_with_a_title(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert "".join(cells[0]["source"]).startswith("# ")
    for cell in cells:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None
        if cell["cell_type"] == "code":
            compile("".join(cell["source"]), path.name, "exec")


def test_there_are_four() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["first-gan", "init-and-norm", "when-it-fails", "your-own-images"]


def test_a_page_of_the_site_has_the_text_and_the_code() -> None:
    page = notebooks.page(NOTEBOOKS[0])
    assert page.startswith("# A first GAN\n\n[`first-gan.ipynb`](first-gan.ipynb)")
    assert "```python\nimport ganlab\n" in page


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.delenv("MPLBACKEND", raising=False)  # a kernel shows figures by its own
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=1800, kernel_name="python3", resources=resources).execute()
    shown = {kind for cell in notebook.cells for one in cell.get("outputs", []) for kind in one.get("data", {})}
    assert {"image/png", "text/html"} <= shown
