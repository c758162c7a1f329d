"""Shows how far a sweep is: a line for each job that ends, on the terminal and in the file sweep.log."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ganlab.progress import duration, open_bar

FILE = "sweep.log"
INTERVAL = 300.0
"""Seconds between two lines where no job ends and there is no terminal for the bar."""
TAIL = 65536
"""Bytes at the end of metrics.jsonl in which its last row is looked for."""


class Watch:
    """Counts the jobs of a sweep and estimates the time that is left.

    ``known`` are the statuses of jobs that had ended before, ``pending`` the steps of those to run, by the name of
    their folder. On a terminal, ``bar`` adds a line that is always the last one; it is of no use beside the bars of
    jobs that run in this process.
    """

    def __init__(self, folder: Path, known: Iterable[str], pending: Mapping[str, int | None], bar: bool) -> None:
        self.folder, self.pending = folder, pending
        self.counts = Counter(known)
        self.total = self.counts.total() + len(pending)
        self.started, self.began = time.monotonic(), {name: self._done(name) for name in pending}
        self.ended: set[str] = set()
        self.written = self.started
        settings = {"total": self.total, "initial": self.counts.total(), "unit": " jobs"}
        self.bar = open_bar(**settings) if bar else open_bar(**settings, disable=True)

    def job_ended(self, name: str, status: str, reason: str, facts: Mapping[str, Any], running: Iterable[str]) -> None:
        """Reports the end of a job."""
        self.ended.add(name)
        self.counts[status] += 1
        best = facts.get("best")
        score = f", best {_score(best)}" if isinstance(best, dict) else ""
        seconds = f" in {duration(facts['seconds'])}" if "seconds" in facts else ""
        what = f"{status}{seconds}{score}" + (f" ({' '.join(reason.split())})" if reason else "")
        self._write(f"{name}: {what}. {self.line(running)}")
        self.bar.update()
        self.refresh(running)

    def refresh(self, running: Iterable[str]) -> None:
        """Updates the bar; without one, writes a line if the last one is five minutes old."""
        if not self.bar.disable:
            self.bar.set_postfix_str(self.line(running), refresh=True)
        elif time.monotonic() - self.written > INTERVAL:
            self._write(self.line(running))

    def line(self, running: Iterable[str]) -> str:
        """Returns the state of the sweep: ``12 of 36 ended (11 finished, 1 diverged), 2 running, about 9 min left``."""
        names = list(running)
        counts = ", ".join(f"{count} {status}" for status, count in self.counts.items() if count)
        left = self.seconds_left(names)
        parts = [
            f"{self.counts.total()} of {self.total} ended" + (f" ({counts})" if counts else ""),
            *([f"{len(names)} running"] if names else []),
            *([f"about {duration(left)} left"] if left else []),
        ]
        return ", ".join(parts)

    def seconds_left(self, running: Iterable[str]) -> float | None:
        """Returns the estimated seconds until the end, at the rate so far; None before anything is known. A job that
        runs counts by the steps that it has done."""
        done = len(self.ended) - sum(self.began[name] for name in self.ended)
        done += sum(max(self._done(name) - self.began[name], 0.0) for name in running)
        whole = sum(1 - share for share in self.began.values())
        return (time.monotonic() - self.started) * max(whole - done, 0.0) / done if done > 0 else None

    def _done(self, name: str) -> float:
        """Returns the share of its steps that a job has done (0 to 1), by its last row of metrics."""
        steps = self.pending.get(name)
        step = _last_step(self.folder / name / "metrics.jsonl")
        return min(step / steps, 1.0) if steps else 0.0

    def _write(self, line: str) -> None:
        self.written = time.monotonic()
        if self.bar.disable:
            print(line, file=sys.stderr, flush=True)
        else:
            self.bar.write(line, file=sys.stderr)
        with contextlib.suppress(OSError), (self.folder / FILE).open("a", encoding="utf-8") as log:
            log.write(f"{datetime.now():%Y-%m-%d %H:%M:%S} {line}\n")

    def close(self) -> None:
        """Removes the bar."""
        self.bar.close()


def _score(best: Mapping[str, Any]) -> str:
    """Returns the best score of a job with its name and what it depends on: ``FID 21.3 (classifier-9402)``."""
    return f"{str(best.get('name', 'score')).upper()} {best['score']:.4g} ({best['id']})"


def _last_step(file: Path) -> int:
    """Returns the step of the last complete row of metrics.jsonl; 0 if there is none."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, IndexError), file.open("rb") as rows:
        rows.seek(0, 2)
        rows.seek(max(rows.tell() - TAIL, 0))
        return int(json.loads(rows.read().rpartition(b"\n")[0].rpartition(b"\n")[2])["step"])
    return 0
