"""The page: well-formed, of one file, with the numbers of effects.json, and a text for whatever is drawn."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from PIL import Image

from ganlab.report.build import report_of
from ganlab.report.files import write
from ganlab.report.page import as_fragment, as_html
from ganlab.report.reading.sweep import find_runs, find_sweep
from tests.report.page_parser import Page
from tests.report.pictures import add_pictures
from tests.report.reading.test_sweep import sweep
from tests.report.synthetic import in_memory, report_on, write_run

HOSTILE = ("<script>alert(1)</script>", '"&$x$_"', "0.0002")
RULE = "batch norm cannot go with a gradient penalty; type norm=layer"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep with pictures, of which one run diverged, one was refused, one was stopped, and two lifted a rule."""
    root = sweep(tmp_path_factory.mktemp("sweep"))
    for run in sorted(root.iterdir()):
        number = int(run.name.split("-")[0])
        if number != 2:
            add_pictures(run, (0, 500) if number == 1 else (0, 500, 1500), shade=number)
        if number in (5, 6):
            status = json.loads((run / "status.json").read_text())
            (run / "status.json").write_text(json.dumps({**status, "lifted_rules": [RULE]}))
    write(report_of(find_sweep(str(root))), root / "report")
    return root


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    return (folder / "report" / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


@pytest.fixture(scope="module")
def plain(folder: Path) -> dict:  # type: ignore[type-arg]
    return json.loads((folder / "report" / "effects.json").read_text())  # type: ignore[no-any-return]


def test_the_page_is_one_file_without_addresses_elsewhere(page: Page, text: str, folder: Path) -> None:
    assert text.startswith("<!DOCTYPE html>")
    for tag, own in page.elements:
        for name in ("src", "href", "xlink:href", "srcset", "action", "data"):
            address = own.get(name, "#")
            assert address.startswith(("#", "data:", "../")), f"{tag} {name}={address}"
    assert not re.search(r"https?:|@import|url\((?!#)", text)
    runs = [own["href"] for own in page.all("a") if own["href"].startswith("../")]
    assert len(runs) >= 8
    assert all((folder / "report" / unquote(address)).is_dir() for address in runs)


def test_names_within_the_page_exist_once(page: Page) -> None:
    names = [own["id"] for _, own in page.elements if "id" in own]
    assert len(names) == len(set(names))
    for _, own in page.elements:
        for name in ("aria-labelledby", "aria-controls"):
            assert own.get(name, names[0]) in names
        for used in re.findall(r"url\(#([^)]+)\)", " ".join(own.values())):
            assert used in names
        if own.get("href", "").startswith("#"):
            assert own["href"][1:] in names


def test_every_figure_and_picture_has_a_text(page: Page) -> None:
    figures = page.all("svg")
    assert len(figures) > 15
    assert all(own.get("role") == "img" and len(own.get("aria-label", "")) > 20 for own in figures)
    pictures = page.all("img")
    assert len(pictures) > 3
    assert all(len(own.get("alt", "")) > 10 for own in pictures)
    assert sum(tag == "figure" for tag, _ in page.elements) == sum(tag == "figcaption" for tag, _ in page.elements)


def test_the_parts_are_in_order(text: str) -> None:
    names = re.findall(r'<section id="([\w-]+)"', text)
    assert names == ["answer", "outcomes", "scores", "effects", "pictures", "lifted", "comparable", "runs", "origin"]


def test_the_numbers_are_those_of_effects_json(page: Page, plain: dict) -> None:  # type: ignore[type-arg]
    effects = {(one["factor"], one["level"], one["baseline"]): one for one in plain["effects"]}
    assert len(page.tables["effects"]) == len(effects) == 2
    for texts, sorts in zip(page.tables["effects"], page.sorts["effects"], strict=True):
        one = effects[texts[0], texts[1], texts[2]]
        assert float(sorts[3] or "nan") == one["estimate"]
        assert one["low"] is None  # two seeds have no interval, and the table has no column for it
        assert one["p_adjusted"] in [float(sort) for sort in sorts if sort and sort[0].isdigit()]
        assert str(one["pairs"]) in texts
    assert [float(row[0] or "nan") for row in page.sorts["runs"]] == [run["number"] for run in plain["runs"]]
    rows = {row[0]: row for row in page.tables["outcomes"]}
    for one in plain["levels"]:
        ((name, level),) = one["levels"].items()
        assert rows[f"{name}={level}"][2:4] == [str(one["success"]["count"]), str(one["success"]["of"])]


def test_sentences_are_those_of_effects_json(text: str, plain: dict) -> None:  # type: ignore[type-arg]
    shown = text.replace("\u00a0", " ")
    assert all(one["text"] in shown for one in plain["sentences"])
    assert plain["holes"]["command"] in text


def test_figures_tell_their_numbers(page: Page, plain: dict) -> None:  # type: ignore[type-arg]
    labels = [own["aria-label"] for own in page.all("svg")]
    forest = next(label for label in labels if label.startswith("Effects of norm"))
    one = next(one for one in plain["effects"] if one["factor"] == "norm")
    assert f"×{one['estimate']:.3g}" in forest
    assert f"{one['pairs']} pairs" in forest


def test_figures_are_files_too(folder: Path) -> None:
    markdown = (folder / "report" / "report.md").read_text(encoding="utf-8")
    named = re.findall(r"!\[.*?\]\((.*?)\)", markdown)
    assert {"figures/effects-norm.svg", "figures/together-init-norm-score.svg", "pictures.png"} < set(named)
    for name in named[:-1]:
        root = ElementTree.parse(folder / "report" / name).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert root.attrib["viewBox"].split()[2:] == [root.attrib["width"], root.attrib["height"]]
        assert "var(" not in (folder / "report" / name).read_text()
    with Image.open(folder / "report" / named[-1]) as picture:
        assert min(picture.size) > 250


def test_lifted_rules_are_told_and_marked(page: Page, text: str, plain: dict) -> None:  # type: ignore[type-arg]
    assert plain["lifted_rules"][0]["runs"] == [5, 6]
    assert page.tables["lifted"][0][:3] == [RULE, "2", "2"]
    marks = [row[-1] for row in page.tables["runs"]]
    assert [number for number, mark in enumerate(marks) if "rule lifted" in mark] == [5, 6]
    assert "⚠" in text
    assert RULE in (Path(plain["folder"]) / "report" / "report.md").read_text()


def test_names_of_levels_are_text(tmp_path: Path) -> None:
    made = report_on(in_memory(lambda levels, seed: 10.0 + seed + len(levels["odd"]), {"odd": HOSTILE}, 2))
    text = as_html(made, tmp_path)
    page = Page(text)
    assert "<script>alert" not in text
    assert [row[0] for row in page.tables["cells"]] == sorted(HOSTILE, key=len)
    assert len(re.findall(r"<text[^>]*>0\.0002</text>", text)) > 3


@pytest.mark.parametrize("kind", ["one run", "no score", "only killed", "damaged"])
def test_any_sweep_has_a_page(kind: str, tmp_path: Path) -> None:
    run = write_run(tmp_path / "0-a", ["init=he", "seed=0"])
    if kind != "one run":
        write_run(tmp_path / "1-b", ["init=normal", "seed=0"])
    if kind == "no score":
        for one in tmp_path.iterdir():
            (one / "scores.jsonl").unlink()
    if kind == "only killed":
        for one in tmp_path.iterdir():
            (one / "status.json").write_text('{"status": "running"}')
    if kind == "damaged":
        add_pictures(run, (0, 1500))
        for file in run.rglob("*.*"):
            file.write_bytes(file.read_bytes()[:60] + b"\xff{")
    jobs = find_runs([str(run)]) if kind == "one run" else find_sweep(str(tmp_path))
    made = report_of(jobs)
    text = as_html(made, tmp_path / "report")
    Page(text)
    assert made.sentences[0].text.split(" %")[0] in text
    if kind == "damaged":
        assert "What cannot be read" in text


def test_a_notebook_shows_the_beginning(folder: Path) -> None:
    text = as_fragment(report_of(find_sweep(str(folder))))
    page = Page(text)
    assert "<script" not in text
    assert len(page.all("svg")) >= 5
    assert [row[:2] for row in page.tables["cells"]]


@pytest.mark.slow  # seconds of writing
def test_a_thousand_runs(tmp_path: Path) -> None:
    for number in range(1000):
        overrides = [f"init={'abcde'[number % 5]}", f"lr={number // 5 % 20}", f"seed={number // 100}"]
        run = write_run(tmp_path / str(number), overrides, scores=[40.0, 20.0, 10.0 + number % 7])
        if number == 0:
            add_pictures(run, (0, 1500))
        else:
            (run / "samples").symlink_to(tmp_path / "0" / "samples")
    start = time.monotonic()
    write(report_of(find_sweep(str(tmp_path))), tmp_path / "report")
    assert time.monotonic() - start < 60
    assert (tmp_path / "report" / "report.html").stat().st_size < 5e6


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
# Sorts and filters the runs, and puts what is seen into the title.
DRIVE = """
const table = document.querySelector("#table-runs table");
const head = [...table.tHead.rows[0].cells].find((one) => one.textContent.startsWith("score"));
const shown = () => [...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) => row.cells[0].textContent);
const seen = {};
head.querySelector("button").click();
seen.up = shown(); seen.sort = head.getAttribute("aria-sort");
head.querySelector("button").click();
seen.down = shown();
const filter = document.querySelector("#table-runs input");
filter.value = "init=he outcome=success";
filter.dispatchEvent(new Event("input"));
seen.filtered = shown();
const box = document.querySelector(".gallery");
seen.pictures = [...box.querySelectorAll(".shots img")].map((one) => one.alt);
const rows = box.querySelectorAll("select")[0];
rows.value = "step"; rows.dispatchEvent(new Event("change"));
seen.steps = [...box.querySelectorAll(".shots tbody th")].map((one) => one.textContent);
seen.wide = document.documentElement.scrollWidth > innerWidth;
const images = [...box.querySelectorAll(".shots img")];
Promise.all(images.map((one) => one.decode())).then(() => {
  seen.alts = images.every((one) => one.alt && one.naturalWidth > 0);
  document.title = JSON.stringify(seen);
});
"""


@pytest.mark.slow  # starts a browser
@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
@pytest.mark.parametrize("width", [1400, 500])
def test_a_browser_sorts_filters_and_shows_pictures(width: int, folder: Path, plain: dict, tmp_path: Path) -> None:  # type: ignore[type-arg]
    page = folder / "report" / f"driven-{width}.html"
    text = (folder / "report" / "report.html").read_text(encoding="utf-8")
    page.write_text(text.replace("</body>", f"<script>{DRIVE}</script></body>"), encoding="utf-8")
    command = [
        str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--enable-logging=stderr",
        "--v=0", f"--window-size={width},900", "--virtual-time-budget=5000", "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    made = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in made.stderr
    title = re.search(r"<title>(.*?)</title>", made.stdout)
    assert title is not None
    seen = json.loads(title[1].replace("&amp;", "&"))
    known = [(run["value"], str(run["number"])) for run in plain["runs"] if run["value"] is not None]
    order = [number for _, number in sorted(known)]
    assert seen["sort"] == "ascending"
    assert [number for number in seen["up"] if number in order] == order
    assert set(seen["up"][len(order) :]) == {str(run["number"]) for run in plain["runs"] if run["value"] is None}
    assert seen["down"][: len(order)] == order[::-1]
    assert set(seen["filtered"]) == {
        str(run["number"]) for run in plain["runs"] if run["levels"]["init"] == "he" and run["outcome"] == "success"
    }
    still = [own["alt"] for own in Page(text).all("img") if "data-shot" in own]  # what is shown without the script
    assert seen["pictures"] == still
    assert len(still) == 3
    assert seen["steps"] == ["0", "500", "1500"]
    assert seen["alts"]
    assert not seen["wide"], "the page is wider than the window"
