"""The tests of what has changed: `make test-quick` runs those that `python -m tests.changed` prints.

A file of ``ganlab/`` is tested by the test file beside its place (``ganlab/losses/bce.py``: ``tests/losses/test_bce.py``),
by the tests that import it and lie in the same folder, and otherwise by the whole folder. `make test` runs all of them.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ALWAYS = ("tests/test_architecture.py",)
OTHERS = {
    "configs": ("tests/config/test_options.py", "tests/config/test_option_files.py"),
    "docs": ("tests/test_extending.py", "tests/docs"),
    "README.md": ("tests/docs/test_commands.py",),
    "mkdocs.yml": ("tests/docs/test_site.py",),
    "benchmarks": ("tests/benchmarks",),
    "pyproject.toml": ("tests/commands/test_entry_points.py", "tests/commands/test_doctor.py"),
    "scripts": ("tests/commands/test_entry_points.py",),
    "train.py": ("tests/commands/test_entry_points.py",),
}
"""The tests of files outside ``ganlab/`` and ``tests/``, by the first part of the path."""


def matching(changed: Iterable[str], root: Path = ROOT) -> list[str]:
    """Returns the test files and folders of the changed files, whose paths are relative to ``root``."""
    found = {one for one in ALWAYS if (root / one).exists()}
    for path in map(Path, changed):
        first = path.parts[0]
        if first == "ganlab" and path.suffix == ".py":
            found |= _of_module(path, root)
        elif first == "tests" and path.name.startswith("test_"):
            found |= {path.as_posix()} if (root / path).exists() else set()
        elif first == "tests" and len(path.parts) > 2:  # a helper of the tests in its folder
            found.add(path.parent.as_posix())
        else:
            found |= {one for one in OTHERS.get(first, ()) if (root / one).exists()}
    whole = {one for one in found if (root / one).is_dir()}
    return sorted(one for one in found if not any(one != room and one.startswith(f"{room}/") for room in whole))


def _of_module(path: Path, root: Path) -> set[str]:
    """Returns the tests of a module of ganlab."""
    folder = Path("tests", *path.parts[1:-1])
    while not (root / folder).is_dir():
        folder = folder.parent
    importing = re.compile(rf"\b{re.escape('.'.join(path.with_suffix('').parts))}\b")
    found = {
        file.relative_to(root).as_posix()
        for file in (root / folder).glob("test_*.py")
        if file.name == f"test_{path.name}" or importing.search(file.read_text(encoding="utf-8"))
    }
    return found if found or folder == Path("tests") else {folder.as_posix()}


def changed_files(base: str | None = None) -> list[str]:
    """Returns the paths of the files that differ from the commit ``base`` (None: from where this branch left main), and
    of new files."""

    def git(*words: str) -> list[str]:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.splitlines()

    base = base or next(iter(git("merge-base", "HEAD", "main")), "HEAD")
    return [*git("diff", "--name-only", base), *git("ls-files", "--others", "--exclude-standard")]


if __name__ == "__main__":
    print(" ".join(matching(changed_files(*sys.argv[1:]))))
