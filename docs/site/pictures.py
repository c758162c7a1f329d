"""Pictures of the pages: each leads to its file, where it has its full size."""

from __future__ import annotations

import re

LINK = re.compile(r"<a\b.*?</a>", re.DOTALL)
PICTURE = re.compile(r'<img\b[^>]*?\bsrc="([^"]+)"[^>]*>')


def linked(html: str) -> str:
    """Returns HTML in which every picture that is no link already is one to its own file."""
    parts, start = [], 0
    for link in LINK.finditer(html):
        parts += [PICTURE.sub(_link, html[start : link.start()]), link[0]]
        start = link.end()
    return "".join([*parts, PICTURE.sub(_link, html[start:])])


def _link(found: re.Match[str]) -> str:
    return f'<a class="picture" href="{found[1]}" title="Full size">{found[0]}</a>'
