"""Lists of fonts with hashes and a split, by which results on glyphs can be compared. A list is a JSON file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganlab.data.typefaces.font_files import PACKAGES, font_files, hash_of
from ganlab.errors import UserError

BUILT_IN = {"latin_v1": Path(__file__).with_name("fonts_latin_v1.json")}


@dataclass(frozen=True)
class FontList:
    """A list of fonts: ``fonts`` maps each file's SHA-256 to its facts (``file``, ``package``, ``version``, ``license``
    and ``unseen``, whether it is held out of training), in the order of the list; ``unseen_characters`` are held
    out too."""

    name: str
    fonts: Mapping[str, Mapping[str, Any]]
    unseen_characters: tuple[str, ...]


def named_list(name: str) -> FontList:
    """Returns a built-in list, or that of a file. Raises UserError."""
    path = BUILT_IN.get(name) or Path(os.path.expanduser(name))
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        fonts = {font["sha256"]: {**font, "unseen": bool(font["unseen"])} for font in found["fonts"]}
        return FontList(name, fonts, tuple(map(str, found["unseen_characters"])))
    except OSError as error:
        raise UserError(
            f"data.fonts={name}: there is no such list ({error.strerror}); the built-in ones are {', '.join(BUILT_IN)}"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"data.fonts={name}: it is no list of fonts, JSON with fonts (sha256, file, unseen) and unseen_characters "
            f"({error})"
        ) from error


def files_of_list(fonts: FontList) -> list[str]:
    """Returns the files of a list, in its order, found by their hashes among the fonts of packages and of the machine.
    Raises UserError that names those that are not there, and the command that installs them."""
    wanted = {font["file"] for font in fonts.fonts.values()}
    by_hash: dict[str, str] = {}
    for root in (PACKAGES, None):
        candidates = [file for file in font_files(root) if Path(file).name in wanted]
        by_hash |= {hash_of(file): file for file in candidates if hash_of(file) not in by_hash}
        if all(digest in by_hash for digest in fonts.fonts):
            return [by_hash[digest] for digest in fonts.fonts]
    missing = [font for digest, font in fonts.fonts.items() if digest not in by_hash]
    packages = sorted({f"{font['package']}=={font['version']}" for font in missing})
    raise UserError(
        f"data.fonts={fonts.name}: {len(missing)} of {len(fonts.fonts)} fonts are not there, or of another version, "
        f"such as {missing[0]['file']}; type pip install {' '.join(packages[:8])}{' …' if len(packages) > 8 else ''}, "
        "or pip install 'ganlab-train[fonts]'"
    )
