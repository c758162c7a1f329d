"""Are the verdicts right? A collection of runs that fail on purpose, and of healthy ones, with their labels.

    python benchmarks/diagnosis.py --folder FOLDER                      # trains what is missing
    python benchmarks/diagnosis.py --folder FOLDER --advice             # then tries the first advice on each failure
    python benchmarks/diagnosis.py --folder FOLDER --judge thresholds   # the verdicts on the half for thresholds
    python benchmarks/diagnosis.py --folder FOLDER --judge judging      # and on the other half
    python benchmarks/diagnosis.py --folder FOLDER --publish            # both, into docs/diagnosis.md
    python benchmarks/diagnosis.py --folder FOLDER --export FILE.csv    # signals and labels, for your own detector

Training goes on where it was interrupted. `--kinds NAME,NAME` takes these kinds alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from benchmarks.diagnosis_collection import tables
from benchmarks.diagnosis_collection.advice import trials, try_all
from benchmarks.diagnosis_collection.export import export
from benchmarks.diagnosis_collection.judging import Judged, judge
from benchmarks.diagnosis_collection.outcomes import contradicts, outcome, references
from benchmarks.diagnosis_collection.pictures import draw
from benchmarks.diagnosis_collection.publish import PAGE, publish
from benchmarks.diagnosis_collection.runs import KINDS, Member, alone, members, train_all, use_cache
from ganlab.commands.launch.provenance import machine
from ganlab.errors import UserError

FIGURE = PAGE.parent / "diagnosis.png"


def check(all_members: list[Member]) -> None:
    """Prints how each run ended by its score, and marks those that contradict their label."""
    found = references(all_members)
    for one in all_members:
        if one.ended:
            mark = "WRONG " if contradicts(one, found) else "      "
            print(f"{mark}{one.kind.name} seed {one.seed}: {one.status}, {outcome(one, found).why}")


def counted(all_members: list[Member]) -> list[Member]:
    """Returns the runs that have ended as their labels say, by their scores."""
    found = references(all_members)
    return [one for one in all_members if one.ended and not contradicts(one, found)]


def half_of(found: list[Judged], half: str, reference: dict[str, float]) -> str:
    """Returns the tables of one half."""
    return "\n\n".join(make(found, half, reference) for make in (tables.planted, tables.healthy))


def origin(all_members: list[Member]) -> str:
    """Returns the sentence on the commands, the runs, the machine and the date."""
    ended = [one for one in all_members if one.ended]
    out = [f"{one.kind.name} seed {one.seed}" for one in ended if contradicts(one, references(all_members))]
    kinds = [kind for kind in KINDS if not kind.healthy]
    where = f"{machine()['processor']}, {machine()['cores']} cores, {torch.backends.cpu.get_cpu_capability()}"
    return (
        f"`python benchmarks/diagnosis.py --folder FOLDER`, with `--advice` and `--publish`: {len(kinds)} kinds of "
        f"planted failures and {len(KINDS) - len(kinds)} of healthy runs, two seeds each, {len(ended)} "
        f"of {len(all_members)} runs. Not counted, since their scores contradict their labels: "
        f"{', '.join(out) or 'none'}. "
        f"{date.today()}, {where}, torch {torch.__version__}, one thread."
    )


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the runs are")
    parser.add_argument("--kinds", help="names of kinds, with commas; all if left out")
    parser.add_argument("--check", action="store_true", help="compare the labels with the scores")
    parser.add_argument("--judge", choices=tables.HALVES, help="judge one half")
    parser.add_argument("--advice", action="store_true", help="try the first advice on each failure")
    parser.add_argument("--publish", action="store_true", help="write the tables and the picture of docs/diagnosis.md")
    parser.add_argument("--export", type=Path, metavar="FILE", help="write signals and labels as CSV")
    arguments = parser.parse_args()
    all_names = ", ".join(kind.name for kind in KINDS)
    names = arguments.kinds.split(",") if arguments.kinds else [kind.name for kind in KINDS]
    unknown = sorted(set(names) - {kind.name for kind in KINDS})
    if unknown:
        parser.error(f"--kinds: there is no kind {', '.join(unknown)}; choose among {all_names}")
    use_cache(arguments.folder)
    chosen = members(arguments.folder, [kind for kind in KINDS if kind.name in names])
    if arguments.check:
        check(chosen)
    elif arguments.judge:
        found = judge([one for one in counted(chosen) if one.kind.half == arguments.judge])
        print(tables.summary(found), half_of(found, arguments.judge, references(chosen)), sep="\n\n")
    elif arguments.advice:
        with alone(arguments.folder):
            print_each(try_all(judge(counted(chosen)), arguments.folder))
    elif arguments.export:
        print(f"{export(chosen, arguments.export)} rows in {arguments.export}")
    elif arguments.publish:
        write_page(chosen, arguments.folder)
    else:
        with alone(arguments.folder):
            print_each(train_all(chosen))


def print_each(lines: Iterable[str]) -> None:
    """Prints each line as soon as it is there."""
    for line in lines:
        print(line, flush=True)


def write_page(chosen: list[Member], folder: Path) -> None:
    """Writes the tables and the picture of docs/diagnosis.md."""
    found, reference, tried = judge(counted(chosen)), references(chosen), trials(folder)
    draw(found, FIGURE)
    publish({
        "origin": origin(chosen), "goals": tables.goals(found, tried), "summary": tables.summary(found),
        "kinds": tables.kinds(found),
        "judging": half_of(found, "judging", reference), "thresholds": half_of(found, "thresholds", reference),
        "advice summary": tables.advice_summary(tried), "advice": tables.advice(tried),
    })  # fmt: skip


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
