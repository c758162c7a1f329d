"""Hooks of MkDocs: they add the pages of options, of the reference and of notebooks, and links to them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from mkdocs.config.defaults import MkDocsConfig  # noqa: E402
from mkdocs.structure.files import File, Files  # noqa: E402
from mkdocs.structure.pages import Page  # noqa: E402
from mkdocs.utils import get_relative_url  # noqa: E402

from docs.site import commands, links, notebooks, options, pictures, reference, typed  # noqa: E402

SHIM = "https://unpkg.com/iframe-worker/shim"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fills the parts of the navigation that are lists of generated pages."""
    config.nav = [_filled(entry) for entry in config.nav or []]
    return config


def _filled(entry: Any) -> Any:
    if entry == {"Options": ["options/index.md"]}:
        return {"Options": ["options/index.md", *({one: f"options/{one}.md"} for one in options.groups())]}
    if entry == {"Reference": ["reference/commands.md"]}:
        pages = [{reference.title_of(one): f"reference/{one}.md"} for one in reference.AREAS]
        return {"Reference": [{"Commands": "reference/commands.md"}, *pages]}
    return entry


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages, and those that lie outside ``docs/``."""
    decides = options.decisions((ROOT / "docs" / "choosing.md").read_text(encoding="utf-8"))
    made = {"options/index.md": options.run_page(), "reference/commands.md": commands.page()}
    made |= {f"options/{one}.md": options.page(one, decides.get(one, "")) for one in options.groups()}
    made |= {f"reference/{area}.md": reference.page(area) for area in reference.AREAS}
    for path in sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")):
        made[f"notebooks/{path.stem}.md"] = notebooks.page(path)
    for source, name in links.COPIES.items():
        if (ROOT / source).exists() and name != "index.md":
            made[name] = (ROOT / source).read_text(encoding="utf-8")
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Makes links lead to pages of the site, and commands those that the installed package has."""
    name = page.file.src_uri
    copied = {target: source for source, target in links.COPIES.items() if target != "index.md"}
    pages = {file.src_uri for file in files}
    text = typed.comments_above(links.rewritten(markdown, copied.get(name, f"docs/{name}"), name, pages))
    return text if name in typed.OF_A_CHECKOUT else typed.installed(text)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links each picture to its file, and does the same for commands in docstrings, which the reference shows."""
    html = pictures.linked(html)
    return html if page.file.src_uri in typed.OF_A_CHECKOUT else typed.installed(html)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Replaces the theme's script for searching files, which it loads from the network, by one of the site."""
    return output.replace(SHIM, get_relative_url("site/worker.js", page.url))


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """Does the same for the page of missing addresses."""
    return output_content.replace(SHIM, "site/worker.js")
