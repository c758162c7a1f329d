"""Reference pages: the docstrings of the modules that scripts and plugins use, by area."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "ganlab"

AREAS: dict[str, tuple[str, ...]] = {
    "python": ("api", "run/run", "run/runs", "loading", "trained", "errors", "report/results", "commands/inspect_init"),
    "interfaces": ("types", "layer", "table", "scalars", "random_numbers", "testing", "training/observer"),
    "initializers": ("initializers",),
    "losses": ("losses",),
    "regularizers": ("regularizers",),
    "augmentations": ("augment",),
    "networks": ("networks",),
    "conditions-and-latents": ("conditions", "latents"),
    "data": ("data",),
    "scores": ("evaluation",),
    "training": ("training",),
    "diagnosis": ("diagnosis",),
    "observers": ("monitor",),
}
"""The modules, or whole packages, of each page, as paths below ``ganlab/``."""

TITLES = {"python": "From Python", "interfaces": "Interfaces of components", "scores": "Scores and features"}


def title_of(area: str) -> str:
    """Returns the title of a page."""
    return TITLES.get(area, area.replace("-", " ").capitalize())


def modules_of(area: str) -> list[str]:
    """Returns the names of the modules of a page, such as ``ganlab.losses.bce``."""
    found = []
    for name in AREAS[area]:
        place = PACKAGE / name
        files = [place.with_suffix(".py")] if not place.is_dir() else sorted(place.rglob("*.py"))
        found += [_module(file) for file in files if file.exists() and (file.stem != "__init__" or _has_code(file))]
    return found


def page(area: str) -> str:
    """Returns the page of an area, from which mkdocstrings makes the reference."""
    lines = [f"# {title_of(area)}", ""]
    for module in modules_of(area):
        lines += [f"## {module.removeprefix('ganlab.')} {{#{module}}}", "", f"::: {module}", ""]
    return "\n".join(lines)


def reference_of(path: str) -> str | None:
    """Returns the page, with its anchor, that describes a file or a folder of the package; None if there is none."""
    file = PACKAGE.parent / path
    for area in AREAS:
        modules = modules_of(area)
        if file.suffix == ".py" and _module(file) in modules:
            return f"reference/{area}.md#{_module(file)}"
        if file.is_dir() and path.removeprefix("ganlab/").rstrip("/") in AREAS[area]:
            return f"reference/{area}.md"
    return None


def _module(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _has_code(file: Path) -> bool:
    """Whether a package's own file defines something rather than importing it."""
    return any(line.startswith(("class ", "def ")) for line in file.read_text(encoding="utf-8").splitlines())
