"""Links of the Markdown files as the site needs them: a page that the site has, or the text alone.

The files are written for a reader of the repository, where a link may lead to a file outside ``docs/``. The site has
pages for most of these: the options for ``configs/``, the reference for ``ganlab/``, and copies of pages from the root.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection
from pathlib import PurePosixPath

from docs.site.options import anchor
from docs.site.reference import reference_of

COPIES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "benchmarks/README.md": "benchmarks.md",
    "benchmarks/report.md": "benchmarks-report.md",
    "README.md": "index.md",
}
"""Pages outside ``docs/`` by their names on the site. README.md is for the repository, docs/index.md for the site."""

LINK = re.compile(r"(?<!\!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
FENCE = re.compile(r"^(```|~~~)")


def rewritten(text: str, source: str, page: str, pages: Collection[str]) -> str:
    """Returns Markdown whose links lead to ``pages`` of the site. ``source`` is the path of the file in the repository,
    and ``page`` that of its page, below ``docs/``."""
    lines, fenced = [], False
    for line in text.split("\n"):
        fenced ^= bool(FENCE.match(line))
        lines.append(line if fenced or line.startswith("    ") else _in_line(line, source, page, pages))
    return "\n".join(lines)


def _in_line(line: str, source: str, page: str, pages: Collection[str]) -> str:
    def replaced(found: re.Match[str]) -> str:
        text, link = found[1], found[2]
        if re.match(r"[a-z]+:|#", link):
            return found[0]
        target = target_of(link, source, pages)
        return text if target is None else f"[{text}]({_relative(target, page)})"

    return LINK.sub(replaced, line)


def target_of(link: str, source: str, pages: Collection[str]) -> str | None:
    """Returns the page of the site, with its anchor, to which a link in the file ``source`` of the repository leads;
    None if the site has none."""
    name, _, part = link.partition("#")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), name))
    end = f"#{part}" if part else ""
    if path in COPIES:
        return COPIES[path] + end
    if path.startswith("configs"):
        parts = PurePosixPath(path).parts[1:]
        if not parts or parts[0] == "train.yaml":
            return "options/index.md"
        return f"options/{parts[0]}.md" + (f"#{anchor(PurePosixPath(parts[1]).stem)}" if len(parts) > 1 else "")
    if path == "ganlab" or path.startswith("ganlab/"):
        return reference_of(path)
    if path.endswith(".ipynb") and path != source.removesuffix(".md") + ".ipynb":  # whose page links to the file
        path = path.removesuffix(".ipynb") + ".md"
    if path.startswith("docs/") and path.removeprefix("docs/") in pages:
        return path.removeprefix("docs/") + end
    return None


def _relative(target: str, page: str) -> str:
    name, sharp, part = target.partition("#")
    return posixpath.relpath(name, posixpath.dirname(page) or ".") + sharp + part
