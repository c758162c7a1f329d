"""The built site: it is complete, and a browser needs no network to read it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from docs.site import typed
from tests.docs.found import PAGES, ROOT

LOADS = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


class Loaded(HTMLParser):
    """What a page loads when it is opened, and the anchors that it has."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.addresses += [values[LOADS[tag]] or ""] if tag in LOADS and values.get(LOADS[tag]) else []
        self.links += [values["href"] or ""] if tag == "a" and values.get("href") else []
        self.anchors |= {values[name] or "" for name in ("id", "name") if values.get(name)}


def test_every_page_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"[\w/-]+\.md", text))
    pages = {str(page.relative_to(ROOT / "docs")) for page in PAGES if page.is_relative_to(ROOT / "docs")}
    assert {page for page in pages - named if not page.endswith("remarks.md")} == set()
    notebooks = {f"notebooks/{path.stem}.md" for path in (ROOT / "docs/notebooks").glob("*.ipynb")}
    assert notebooks <= named


def test_the_workflow_builds_the_site() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8"))
    assert {"run": "make docs"} in workflow["jobs"]["docs"]["steps"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("material", reason="make docs installs it")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return folder


def loaded(page: Path) -> Loaded:
    parser = Loaded()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser


@pytest.mark.slow
def test_it_loads_nothing_from_elsewhere_and_its_links_lead_somewhere(site: Path) -> None:
    pages = {path: loaded(path) for path in site.rglob("*.html")}
    assert len(pages) > 60
    missing = []
    for path, page in pages.items():
        for address in page.addresses + page.links:
            if path.name == "404.html" or re.match(r"mailto:|data:", address):
                continue
            if re.match(r"https?:|//", address):
                assert address not in page.addresses, f"{path.name} loads {address}"
                continue
            name, _, anchor = address.partition("#")
            target = (path.parent / name).resolve() if name else path
            if not target.exists() or (anchor and target in pages and anchor not in pages[target].anchors):
                missing.append(f"{path.relative_to(site)}: {address}")
    assert missing == []


@pytest.mark.slow
def test_its_styles_and_scripts_load_nothing_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(?:https?:)?//|@import", path.read_text(encoding="utf-8")), path


@pytest.mark.slow
def test_it_is_for_readers_with_the_wheel(site: Path) -> None:
    """Commands in docstrings and in the help of commands too; the logo leads to a page and not to a folder."""
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        if str(path.relative_to(site).with_suffix(".md")) not in typed.OF_A_CHECKOUT:
            assert not re.search(r"\btrain\.py|scripts/\w+\.py", text), path
        if path.name != "404.html":
            logo = re.search(r'<a href="([^"]+)"[^>]*class="md-header__button md-logo"', text)
            assert logo, path
            assert (path.parent / logo[1]).resolve() == site / "index.html", path
    page = (site / "notebooks" / "first-gan.html").read_text(encoding="utf-8")
    assert re.search(r'<a class="picture" href="../default-run.png"[^>]*><img', page)
    assert 'href="first-gan.ipynb"' in page
