"""Writes the list of fonts ``latin_v1`` and the table of fonts in docs/fonts.md from the installed packages.

pip install 'ganlab-train[fonts]'
python benchmarks/glyph_fonts.py list      # ganlab/data/fonts_latin_v1.json; published results depend on it
python benchmarks/glyph_fonts.py table     # the table in docs/fonts.md
python benchmarks/glyph_fonts.py extra     # the requirements of the extra `fonts`, for pyproject.toml
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import fontpkg

from ganlab.data.glyph_pairs import GlyphPairs
from ganlab.data.typefaces.font_files import Face, facts, hash_of
from ganlab.data.typefaces.font_list import BUILT_IN

DOCS = Path(__file__).resolve().parent.parent / "docs" / "fonts.md"
BEGIN, END = "<!-- fonts: begin -->\n", "<!-- fonts: end -->\n"


def packages() -> list[dict[str, Any]]:
    """The installed packages of fonts, by name."""
    found = []
    for point in entry_points(group="fontpkg.family"):
        family = fontpkg.family(point.name)
        assert point.dist is not None
        meta = json.loads((Path(family.files[0].path).parent.parent / "metadata.json").read_text(encoding="utf-8"))
        found.append(
            {
                "package": point.dist.name,
                "version": point.dist.version,
                "license": family.license,
                "family": family.name,
                "kind": ", ".join(meta["category"]).lower().replace("_", " "),
                "files": [str(file.path) for file in family.files],
            }
        )
    return sorted(found, key=lambda one: one["package"])


def write_list() -> None:
    """Writes the list: at most four faces of each family, with the split that ``unseen_fonts: 0.15`` draws."""
    images = GlyphPairs(root="packages", per_family=4).open()
    font, names = images.label_sets["font"].labels, images.label_sets["font"].names
    unseen = {names[number] for number in font[images.parts["unseen_fonts_seen_characters"]]}
    by_name = {facts(Face(file)).name: (one, file) for one in packages() for file in one["files"]}
    fonts = [
        {
            "name": name,
            "file": Path(file).name,
            "sha256": hash_of(file),
            **{key: one[key] for key in ("package", "version", "license")},
            "unseen": name in unseen,
        }
        for name in names
        if name in by_name
        for one, file in [by_name[name]]
    ]
    characters = images.label_sets["character"]
    held_out = sorted(
        {characters.names[number] for number in characters.labels[images.parts["seen_fonts_unseen_characters"]]}
    )
    rows = ",\n".join(f"  {json.dumps(font)}" for font in fonts)
    text = f'{{"unseen_characters": {json.dumps(held_out)},\n "fonts": [\n{rows}\n]}}\n'
    BUILT_IN["latin_v1"].write_text(text, encoding="utf-8")
    print(len(fonts), "fonts,", sum(font["unseen"] for font in fonts), "of them held out;", *held_out)


def write_table() -> None:
    """Writes the table of packages into docs/fonts.md."""
    keys = ("family", "kind", "package", "version", "license")
    rows = [f"| {' | '.join(str(one[key]) for key in keys)} | {len(one['files'])} |" for one in packages()]
    head = "| family | kind | package | version | licence | files |\n|---|---|---|---|---|---|\n"
    before, _, rest = DOCS.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCS.write_text(before + BEGIN + head + "\n".join(rows) + "\n" + END + after, encoding="utf-8")


def print_extra() -> None:
    """Prints the requirements."""
    print(", ".join(f'"{one["package"]}=={one["version"]}"' for one in packages()))


if __name__ == "__main__":
    {"list": write_list, "table": write_table, "extra": print_extra}[sys.argv[1]]()
