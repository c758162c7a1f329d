"""`ganlab data`, `python scripts/data.py`: lists and removes cached decoded images."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime

from ganlab import image_cache as cache
from ganlab.commands.terminal.output import write_out_odd_letters
from ganlab.errors import UserError, nearest

PLACE = "runtime.cache"
USAGE = f"""the cache of decoded images

  {{program}}                    lists the entries, with their sizes and last uses
  {{program}} clear              removes all entries; they are made again when a run needs them
  {{program}} clear NAME …       removes some of them
  … {PLACE}=FOLDER         in the folder that runs were given as {PLACE}=FOLDER
"""


def main(arguments: Sequence[str] | None = None, program: str = "data.py") -> int:
    """Runs the command and returns its exit code: 0 done, 2 refused."""
    write_out_odd_letters()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if {"-h", "--help"} & set(words):
        print(f"{program}: {USAGE.format(program=program)}", end="")
        return 0
    try:
        return _main(words)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2


def _main(words: list[str]) -> int:
    if f"{PLACE}=" in words:
        raise UserError(f"{PLACE}=: need a folder; leave it out for the usual one")
    places = [word.partition("=")[2] for word in words if word.startswith(f"{PLACE}=")]
    action, *names = [word for word in words if not word.startswith(f"{PLACE}=")] or ["list"]
    if unknown := [word for word in (action, *names) if "=" in word or word.startswith("-")]:
        raise UserError(f"{unknown[0]}: no such setting of this command; it has {PLACE}=FOLDER")
    if action not in ("list", "clear") or (action == "list" and names):
        guess = nearest(action, ("list", "clear"))
        raise UserError(f"data {action}: no such action; {f'did you mean {guess}?' if guess else 'there is clear'}")
    folder = cache.folder_of(places[-1] if places else None)
    chosen = cache.clear(folder, names) if action == "clear" else cache.entries(folder)
    width = max((len(entry.path.name) for entry in chosen), default=0)
    for entry in chosen:
        shape = "×".join(map(str, entry.image_shape))
        print(
            f"{entry.path.name:{width}}  {entry.images:>11,} images of {shape:11}{cache.readable(entry.bytes):>8}"
            f"   last used {datetime.fromtimestamp(entry.used):%Y-%m-%d %H:%M}   {entry.root}".rstrip()
        )
    rest = cache.leftovers(folder)
    if rest:
        size = sum(file.stat().st_size for path in rest for file in path.iterdir())
        print(f"{cache.readable(size)} unfinished: of a run that decodes now, or was killed; clear removes the latter")
    total = cache.readable(sum(entry.bytes for entry in chosen))
    print(f"{total} {'removed from' if action == 'clear' else 'in'} {folder}")
    return 0
