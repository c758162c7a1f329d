"""The files of the project say what is true of it: links, tables, versions, and the names of curves."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

import ganlab
from ganlab import augment, conditions, data, initializers, latents, losses, monitor, networks, regularizers, testing
from ganlab.evaluation import features
from ganlab.training import optimizers, schedule

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")])
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MODULES = (augment, conditions, data, features, initializers, latents, losses, monitor, networks, optimizers, regularizers, schedule)  # fmt: skip


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    missing = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, part = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists():
            missing.append(link)
        elif part:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), flags=re.MULTILINE)
            missing += [link] if part not in map(anchor, headings) else []
    assert missing == []


def test_the_version_is_in_one_place() -> None:
    assert "version" in PROJECT["project"]["dynamic"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "ganlab/__init__.py"
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == ganlab.__version__
    assert f"version = {{{ganlab.__version__}}}" in (ROOT / "docs/reproducibility.md").read_text(encoding="utf-8")
    assert f"\n## {ganlab.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_contributing_names_what_there_is() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = page[page.index("## Adding a component") : page.index("## Commits")]
    for place in re.findall(r"`((?:ganlab|configs)/[\w/.]*)`", table):
        assert (ROOT / place).exists(), place
    for check in re.findall(r"`(check_\w+)`", table):
        assert hasattr(testing, check)
    for name in re.findall(r"`([A-Z]{4,})`", table):
        assert any(hasattr(module, name) for module in MODULES), name
    checks = {name for name in vars(testing) if name.startswith("check_")}
    assert checks <= set(re.findall(r"check_\w+", table))


def test_the_glossary_explains_the_curves_of_a_run() -> None:
    page = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    rows = (ROOT / "tests" / "fixtures" / "run_before" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    tags = {tag for row in rows for tag in json.loads(row) if tag != "step"}
    assert "discriminator/blocked" in tags
    words = {tag.rpartition("/")[2] for tag in tags if "/sigma/" not in tag} - set(regularizers.REGULARIZERS)
    words |= {"sigma/LAYER", "held_out", "trained_on", "learning_rate", "p", "r_t"}
    assert [word for word in sorted(words) if not re.search(rf"/{word}`", page)] == []


def test_the_workflow_runs_what_the_classifiers_promise() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8"))
    versions = workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    promised = [one.rpartition(" ")[2] for one in PROJECT["project"]["classifiers"] if " 3." in one]
    assert versions == [promised[0], promised[-1]]
    assert PROJECT["project"]["requires-python"] == f">={versions[0]}"


def test_make_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (targets,) = re.findall(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)
    assert [one for one in targets.split() if not re.search(rf"^{one}:[^#\n]*# \w", makefile, re.MULTILINE)] == []
