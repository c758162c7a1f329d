"""Sets of characters: the built-in ones by name, those of a text file, or characters that are typed."""

from __future__ import annotations

import os
import string
from collections import Counter
from pathlib import Path

from ganlab.errors import UserError, nearest


def _chinese() -> str:
    # GB 2312, level 1: rows 16 to 55, of 94 characters each, the last of 89.
    codes = [(row, place) for row in range(16, 56) for place in range(1, 95 if row < 55 else 90)]
    return "".join(bytes((0xA0 + row, 0xA0 + place)).decode("gb2312") for row, place in codes)


SETS = {
    "latin": string.ascii_uppercase + string.ascii_lowercase + string.digits,
    "letters": string.ascii_uppercase + string.ascii_lowercase,
    "capitals": string.ascii_uppercase,
    "digits": string.digits,
    "chinese": _chinese(),
}
"""The built-in sets. ``chinese`` are the 3,755 most frequent simplified characters according to the standard GB 2312
(1980), its level 1, in its order, which is that of their pronunciation."""


def characters_of(setting: str | tuple[str, ...]) -> tuple[str, ...]:
    """Returns the characters of ``data.characters``: the name of a built-in set, the path of a text file (UTF-8; spaces
    and line ends are left out), or the characters themselves as a list. Raises UserError."""
    characters = _named(setting) if isinstance(setting, str) else setting
    if wrong := [one for one in characters if len(one) != 1 or one.isspace() or not one.isprintable()]:
        raise UserError(f"data.characters: {wrong[0]!r} is no visible character; type one character for each item")
    if not characters:
        raise UserError(f"data.characters={setting}: it has no characters; type data.characters=latin")
    if twice := [one for one, count in Counter(characters).items() if count > 1]:
        raise UserError(f"data.characters: {twice[0]} occurs twice; type each character once")
    return characters


def _named(name: str) -> tuple[str, ...]:
    if name in SETS:
        return tuple(SETS[name])
    path = Path(os.path.expanduser(name))
    if not path.is_file():
        guess = nearest(name, SETS)
        hint = f"did you mean {guess}?" if guess else f"the built-in sets are {', '.join(SETS)}"
        raise UserError(
            f"data.characters={name}: there is no such set and no such file; {hint} A list is typed as "
            "data.characters=[A,B,C]"
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"data.characters={name}: the file cannot be read as UTF-8 text ({error})") from error
    return tuple(dict.fromkeys("".join(text.split())))
