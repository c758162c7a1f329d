"""Handles the verdicts of a training: it asks the judge, tells observers and the log, and stops or goes back."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from ganlab.errors import in_one_line

log = logging.getLogger("ganlab")

OnVerdict = Literal["tell", "stop", "rollback"]
"""The consequence of a verdict: it is told; training ends; or training goes back to before it, with lower learning
rates."""
TAG = "diagnosis/verdict/"
"""The beginning of the tags under which verdicts are logged: 1 while one lasts, 0 before and after."""


class Verdict(Protocol):
    """A verdict on a training, such as mode collapse. ``key`` names it and the network, ``title`` is what people read,
    ``since`` the step at which it began, ``lasting`` whether it has not ended, and ``explanation`` says what it means.
    """

    @property
    def key(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def since(self) -> int: ...
    @property
    def lasting(self) -> bool: ...
    @property
    def explanation(self) -> str: ...
    @property
    def evidence(self) -> Sequence[object]: ...
    @property
    def advice(self) -> Sequence[object]: ...

    def plain(self) -> dict[str, Any]:
        """Returns it as plain values."""

    def markdown(self) -> str:
        """Returns it as Markdown: evidence, explanation and advice."""


class Changes(Protocol):
    """The verdicts that began and that ended at a row."""

    @property
    def began(self) -> Sequence[Verdict]: ...
    @property
    def ended(self) -> Sequence[Verdict]: ...


class Judge(Protocol):
    """Judges the rows of a training in their order. ``verdicts`` are those that last, ``all`` every one so far,
    ``earliest`` the step at which the first one, or what may become one, began, and ``too_short`` whether there were
    not enough rows for any."""

    @property
    def verdicts(self) -> Sequence[Verdict]: ...
    @property
    def all(self) -> Sequence[Verdict]: ...
    @property
    def earliest(self) -> int | None: ...
    @property
    def too_short(self) -> bool: ...

    def row(self, row: Mapping[str, Any]) -> Changes:
        """Judges the values of a log point by tag, with their ``step``."""

    def score_row(self, row: Mapping[str, Any]) -> Changes:
        """Judges a row of scores."""

    def state(self) -> dict[str, Any]: ...
    def restore(self, state: Mapping[str, Any]) -> None: ...


class Verdicts:
    """The verdicts of a training: asks the ``judge``, which rank 0 alone has, and logs what begins and ends. An error
    of the judge is told once, and training goes on without it."""

    def __init__(self, judge: Judge | None = None, on_verdict: OnVerdict = "tell") -> None:
        self.judge, self.on_verdict = judge, on_verdict
        self.began: tuple[Verdict, ...] = ()
        self.changed = False

    @property
    def lasting(self) -> tuple[Verdict, ...]:
        """The verdicts that last."""
        return tuple(self.judge.verdicts) if self.judge else ()

    @property
    def all(self) -> tuple[Verdict, ...]:
        """Every verdict that was given, in their order."""
        return tuple(self.judge.all) if self.judge else ()

    @property
    def earliest(self) -> int | None:
        """The step at which the first verdict, or what may become one, began; None if there is none."""
        return self.judge.earliest if self.judge else None

    @property
    def too_short(self) -> bool:
        """Whether there is no verdict since there were not enough rows for any."""
        return self.judge is not None and not self.judge.all and self.judge.too_short

    def tags(self) -> dict[str, float]:
        """Returns the values to log: the number of verdicts that last, and for each that was given whether it does."""
        if self.judge is None:
            return {}
        lasting = {one.key for one in self.lasting}
        given = sorted({one.key for one in self.all})
        return {"diagnosis/verdicts": float(len(lasting)), **{f"{TAG}{key}": float(key in lasting) for key in given}}

    def row(self, step: int, values: Mapping[str, float]) -> dict[str, float]:
        """Judges the values of a log point, and returns the values to log about the verdicts."""
        self._ask(step, lambda judge: judge.row({"step": step, **values}))
        return self.tags()

    def score_row(self, step: int, row: Mapping[str, Any]) -> None:
        """Judges the scores after ``step`` steps."""
        self._ask(step, lambda judge: judge.score_row({"step": step, **row}))

    def _ask(self, step: int, question: Any) -> None:
        self.began, self.changed = (), False
        if self.judge is None:
            return
        try:
            changes: Changes = question(self.judge)
        except Exception as error:
            log.warning(
                "note: verdicts failed (%s: %s) and are left out; training goes on",
                type(error).__name__,
                in_one_line(error),
            )
            self.judge = None
            return
        self.began, self.changed = tuple(changes.began), bool(changes.began or changes.ended)
        for one in changes.ended:
            log.info("step %s: %s is over; it had lasted since step %s", f"{step:,}", one.title, f"{one.since:,}")
        for one in changes.began:
            log.warning("note: step %s: %s", f"{step:,}", sentence(one))

    def state(self) -> dict[str, Any]:
        """Returns the judge's state for a checkpoint."""
        return self.judge.state() if self.judge else {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Loads a saved ``state``; {} of an earlier version, which had none."""
        self.began, self.changed = (), False
        if self.judge and state:
            self.judge.restore(state)


def sentence(one: Verdict) -> str:
    """Returns a verdict in one line: its evidence, and what to try."""
    evidence = "; ".join(map(str, one.evidence))
    advice = ", or ".join(map(str, one.advice))
    return f"{one.title} since step {one.since:,}: {evidence}" + (f". Try {advice}" if advice else "")
