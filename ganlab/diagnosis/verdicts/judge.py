"""The judge: asks the detectors at each row, and tells which verdicts begin, last and end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ganlab.diagnosis.verdicts.detector import RARE, Detector
from ganlab.diagnosis.verdicts.facts import Facts
from ganlab.diagnosis.verdicts.history import History
from ganlab.diagnosis.verdicts.records import CONTAINED, Evidence, Verdict
from ganlab.diagnosis.verdicts.scores import scores_in
from ganlab.diagnosis.verdicts.settings import VerdictSettings


@dataclass
class Streak:
    """The time for which a clause has held, or has not held since: ``held`` and ``clear`` are rows in a row;
    ``since`` is the step of the first of them, ``row`` its number, ``images`` the training images at it. ``rows`` is
    the number of all rows that said whether it holds."""

    rows: int = 0
    held: int = 0
    clear: int = 0
    since: int = 0
    row: int = 0
    images: int | None = None
    given: bool = False
    evidence: tuple[Evidence, ...] = ()


@dataclass
class Watch:
    """The state of one detector for one network: its streaks by clause, and the verdict that lasts."""

    streaks: dict[str, Streak] = field(default_factory=dict)
    verdict: Verdict | None = None
    begun: int | None = None  # training images at ``verdict.since``


@dataclass(frozen=True)
class Changes:
    """The verdicts that began and that ended at a row."""

    began: tuple[Verdict, ...] = ()
    ended: tuple[Verdict, ...] = ()


class Judge:
    """Judges the rows of one run in their order. It is a pure function of the rows, the scores and the settings: the
    same rows give the same verdicts while training and afterwards."""

    def __init__(self, settings: VerdictSettings, run: Mapping[str, Any]) -> None:
        self.settings, self.facts, self.history = settings, Facts(run), History()
        self.past: list[Verdict] = []
        self._watches = {
            (detector.name, network): Watch() for detector in settings.detectors for network in detector.networks
        }

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts that last, causes first."""
        return tuple(watch.verdict for watch in self._watches.values() if watch.verdict is not None)

    @property
    def all(self) -> tuple[Verdict, ...]:
        """Every verdict that was given, in the order in which they were given."""
        return tuple(sorted((*self.past, *self.verdicts), key=lambda one: one.given))

    @property
    def earliest(self) -> int | None:
        """The step at which the first verdict began, or what may become one began to hold; None if there is none."""
        steps = [one.since for one in self.all]
        steps += [one.since for watch in self._watches.values() for one in watch.streaks.values() if one.held]
        return min(steps, default=None)

    @property
    def looked_for(self) -> tuple[str, ...]:
        """The names of the verdicts that could have been given: those of which enough rows said something."""
        return tuple(
            detector.name
            for detector in self.settings.detectors
            if any(
                streak.rows >= detector.needed(clause)
                for network in detector.networks
                for clause, streak in self._watches[detector.name, network].streaks.items()
            )
        )

    @property
    def too_short(self) -> bool:
        """Whether the run is too short for any verdict on its course, so that it is not called healthy."""
        return not any(one.excused and one.name in self.looked_for for one in self.settings.detectors)

    def warm(self, begins: float = 0.0) -> bool:
        """Whether the first part of training, which is excused, is over: ``warm_up``, or ``begins`` if it is more."""
        share, planned = max(self.settings.warm_up, begins), self.facts.planned_images
        limit: float = self.settings.warm_up_images
        if planned is not None:
            limit = min(limit, share * planned)
        if self.history.images is not None:
            return self.history.images > limit
        steps = self.facts.number("steps")
        return steps is None or self.history.step > share * steps

    @property
    def _images(self) -> float:
        """The training images for which a condition must hold."""
        planned = self.facts.planned_images
        return self.settings.images if planned is None else min(self.settings.images, self.settings.part * planned)

    def row(self, row: Mapping[str, Any]) -> Changes:
        """Judges a row of metrics.jsonl: ``step``, and numbers by tag."""
        self.history.add(row)
        return self._judged()

    def scores(self, step: int, scores: Mapping[str, Any]) -> Changes:
        """Judges the scores after ``step`` steps, by name. ``modes_expected`` among them is the number of modes of the
        data, where it is known."""
        self.history.add_scores(step, scores)
        return self._judged()

    def score_row(self, row: Mapping[str, Any]) -> Changes:
        """Judges a row of scores.jsonl, or one with the scores at its top level."""
        return self.scores(int(row["step"]), scores_in(row))

    def _judged(self) -> Changes:
        began: list[Verdict] = []
        ended: list[Verdict] = []
        for detector in self.settings.detectors:
            if detector.excused and not self.warm(detector.begins):
                continue
            for network in detector.networks:
                watch = self._watches[detector.name, network]
                sight = detector.look(self.history, self.facts, network)
                if self._lasts(CONTAINED.get(detector.name), network):
                    sight = dict.fromkeys(sight, ())
                for clause, evidence in sight.items():
                    self._count(watch.streaks.setdefault(clause, Streak()), clause, evidence, detector)
                if sight:
                    self._update(watch, detector, network, began, ended)
        return Changes(tuple(began), tuple(ended))

    def _lasts(self, name: str | None, network: str | None) -> bool:
        watch = self._watches.get((name or "", network))
        return watch is not None and watch.verdict is not None

    def _count(self, streak: Streak, clause: str, evidence: tuple[Evidence, ...], detector: Detector) -> None:
        """Counts a row in which a clause holds, with its ``evidence``, or does not hold."""
        history, needed = self.history, detector.needed(clause)
        streak.rows += 1
        if not evidence:
            streak.clear += 1
            if not streak.given or streak.clear >= needed:
                streak.held, streak.given, streak.evidence = 0, False, ()
            return
        if streak.held == 0:
            streak.since, streak.images, streak.row = history.step, history.images, history.points
        streak.held, streak.clear, streak.evidence = streak.held + 1, 0, evidence
        lasted = history.images is None or streak.images is None or clause.startswith(RARE) or not detector.excused
        lasted = lasted or (history.images or 0) - (streak.images or 0) >= self._images
        streak.given = streak.given or (self._confirmed(streak, needed) and lasted)

    def _confirmed(self, streak: Streak, needed: int) -> bool:
        """Whether a clause has held in enough rows. Rows between that say nothing of it count if it held before and
        after them: D has few rows of its own where it is seldom updated."""
        return streak.held >= needed or (streak.held >= 2 and self.history.points - streak.row >= needed)

    def _update(
        self, watch: Watch, detector: Detector, network: str | None, began: list[Verdict], ended: list[Verdict]
    ) -> None:
        """Begins, continues or ends the verdict of a detector."""
        given = [streak for streak in watch.streaks.values() if streak.given]
        before = watch.verdict
        if not given:
            if before is not None:
                ended.append(before.ended())
                self.past.append(before.ended())
                watch.verdict = None
            return
        holding = [streak for streak in given if streak.clear == 0]
        if before is not None and not holding:
            return  # it may end in the next rows, and is left as it was
        first = min(given, key=lambda streak: streak.since)
        if before is None:
            watch.begun = first.images
        evidence = tuple(one for streak in holding for one in streak.evidence)
        images = self.history.images
        watch.verdict = Verdict(
            name=detector.name,
            network=network,
            since=before.since if before else first.since,
            given=before.given if before else self.history.step,
            until=self.history.step,
            images=None if images is None or watch.begun is None else images - watch.begun,
            points=before.points + 1 if before else first.held,
            lasting=True,
            evidence=evidence,
            explanation=detector.explain(evidence, self.facts, network),
            advice=detector.advise(evidence, self.facts, network),
        )
        if before is None:
            began.append(watch.verdict)

    # ---------------------------------------------------------------------------------------------------- checkpoints

    def state(self) -> dict[str, Any]:
        """Returns all that a resumed run needs, as plain values."""
        return {
            "history": self.history.state(),
            "past": [one.plain() for one in self.past],
            "watches": [
                {
                    "name": name,
                    "network": network,
                    "verdict": watch.verdict.plain() if watch.verdict else None,
                    "begun": watch.begun,
                    "streaks": {clause: _plain(streak) for clause, streak in watch.streaks.items()},
                }
                for (name, network), watch in self._watches.items()
                if watch.streaks
            ],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Loads a saved ``state``. Detectors that it does not know begin anew."""
        self.history.restore(state["history"])
        self.past = [Verdict.of(one) for one in state["past"]]
        self._watches = {key: Watch() for key in self._watches}
        for one in state["watches"]:
            if (key := (one["name"], one["network"])) in self._watches:
                streaks = {clause: _streak(streak) for clause, streak in one["streaks"].items()}
                verdict = Verdict.of(one["verdict"]) if one["verdict"] else None
                self._watches[key] = Watch(streaks, verdict, one["begun"])


def _plain(streak: Streak) -> dict[str, Any]:
    return {**vars(streak), "evidence": [dict(vars(one)) for one in streak.evidence]}


def _streak(plain: Mapping[str, Any]) -> Streak:
    return Streak(**{**plain, "evidence": tuple(Evidence(**one) for one in plain["evidence"])})
