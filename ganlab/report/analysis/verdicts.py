"""The verdicts on the runs of a report: which lasted to the end of each, and how many runs have each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ganlab.diagnosis.verdicts import HEALTHY, NAMES, TITLES
from ganlab.report.model import Run
from ganlab.report.reading.runs import RunFiles

JUDGED = ("finished", "stopped", "diverged", "diagnosed", "running", "killed")


def lasting_verdicts(files: RunFiles) -> tuple[str, ...] | None:
    """Returns the titles of the verdicts that lasted to the end of a run, by its status.json, causes first. None for a
    run that was not judged: one of an earlier version, one with ``diagnosis=none``, one that was too short for any
    verdict, or one that was not trained."""
    diagnosis = files.config.get("diagnosis")
    name = diagnosis.get("name") if isinstance(diagnosis, Mapping) else diagnosis
    if files.status["status"] not in JUDGED or name in (None, "none") or files.status.get("judged") is False:
        return None
    found = files.status.get("verdicts") or ()
    names = {
        str(one.get("name"))
        for one in (found if isinstance(found, list | tuple) else ())
        if isinstance(one, Mapping) and one.get("lasting")
    }
    return tuple(TITLES[name] for name in NAMES if name in names)


def verdict_counts(runs: Sequence[Run]) -> dict[str, int]:
    """Returns the number of runs with each verdict, and of healthy ones, causes first; {} if none was judged."""
    counts = Counter(title for run in runs for title in run.verdicts or ())
    counts[TITLES[HEALTHY]] = sum(run.verdicts == () for run in runs)
    return {title: counts[title] for title in (TITLES[name] for name in (*NAMES, HEALTHY)) if counts[title]}
