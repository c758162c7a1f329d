"""The training loop: steps, and logging, samples, scores and checkpoints between them."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from ganlab.errors import Diagnosed, Diverged, TrainingFailed, UserError
from ganlab.ranks import RankLost, is_loss_of_a_rank, reason_of_loss
from ganlab.table import PositiveInt, Range
from ganlab.training.checkpoint import Checkpoints
from ganlab.training.device import without_deterministic_kernel
from ganlab.training.diagnosis import Diagnosis, LogPoint
from ganlab.training.divergence import Divergence, Stop
from ganlab.training.divergence_monitor import DivergenceMonitor
from ganlab.training.gan import GAN
from ganlab.training.learner import need_same_weights
from ganlab.training.meter import Meter
from ganlab.training.observer import Inspect, Measure, Observer, Trace
from ganlab.training.observers import Observers
from ganlab.training.reports import Reports, Speed
from ganlab.training.sampling import Sampler
from ganlab.training.scoring import Scorer
from ganlab.training.state import restore, state_of
from ganlab.training.step import Stepper
from ganlab.training.verdicts import Verdicts, sentence

log = logging.getLogger("ganlab")

GO_ON, SAVE, STOP = range(3)  # the request before the next step, the most urgent last


@dataclass(frozen=True)
class Logging:
    """The intervals of reports, in steps, and the number of samples shown."""

    every: PositiveInt = 50  # steps between rows of numbers
    samples_every: PositiveInt = 250  # steps between sample grids
    samples: Literal["auto"] | Annotated[int, Range(least=1, most=4096)] = "auto"  # 64 images, or 2,048 points
    progress: Literal["auto", "bar", "lines", "none"] | bool = "auto"  # true is auto, false is none
    inspection: bool = True  # whether the networks are inspected before the first step


class Trainer:
    """Runs all steps of ``stepper``. ``header`` is stored in every checkpoint: the settings that rebuild the trainer.

    With several ranks all run the same steps, each on its share of every batch; rank 0 alone draws samples, scores them
    and writes files.
    """

    def __init__(
        self,
        stepper: Stepper,
        *,
        logging: Logging,
        checkpoints: Checkpoints,
        observers: Sequence[Observer] = (),
        header: Mapping[str, Any] | None = None,
        notes: Sequence[str] = (),
        scorer: Scorer | None = None,
        divergence: Divergence | None = None,
        inspect: Inspect | None = None,
        diagnosis: Diagnosis | None = None,
        verdicts: Verdicts | None = None,
        measure: Measure | None = None,
        trace: Trace | None = None,
    ) -> None:
        self.stepper, self.steps, self.ranks, self.machine = stepper, stepper.steps, stepper.ranks, stepper.machine
        self.generator, self.discriminator, self.feed = stepper.generator, stepper.discriminator, stepper.feed
        self.logging, self.scorer = logging, scorer or Scorer()
        assert logging.samples != "auto", "resolved by the configuration"
        self.sampler = Sampler(
            self.gan, self.generator, self.discriminator, self.feed, self.machine.device, stepper.seed, logging.samples
        )
        self.checkpoints, self.header = checkpoints, dict(header or {})
        self.observers = Observers(observers)
        self.reports = Reports(self.gan, self.feed, self.sampler, self.observers, self.ranks, inspect, measure, trace)
        self.divergence_monitor = DivergenceMonitor(divergence or Stop())
        self.diagnosis = diagnosis or Diagnosis()
        self.verdicts = verdicts or Verdicts()
        self.step = self.reported = 0
        self.meter = Meter()
        self.stop_requested = False
        self.saved_step: int | None = None
        self.scored_step: int | None = None
        self.notes = [*notes, *stepper.obstacles]

    @property
    def gan(self) -> GAN:
        """The components of the GAN."""
        return self.stepper.gan

    # ------------------------------------------------------------------------------------------------------- the loop

    def train_step(self) -> None:
        """Runs the D updates of the plan, then its G updates."""
        for values in self.stepper.run(self.step):
            self.meter.add(values)
        self.step += 1

    def run(self) -> None:
        """Trains until ``steps`` are done or ``stop_requested`` is set on any rank, and saves. Raises TrainingFailed
        if gradients are no longer finite (the weights are then those of the last finite update), if checkpoints can
        no longer be written, if another rank is lost or has other weights, and if there is no deterministic kernel;
        saved files stay intact. Raises OSError if nothing can be written from the start."""
        try:
            if self.ranks.first:
                self.checkpoints.begin()
            self.observers.start(self.step, self.steps)
            self._loop()
        except RuntimeError as error:
            if name := without_deterministic_kernel(error):
                raise TrainingFailed(
                    f"runtime.deterministic=true: PyTorch has no deterministic kernel of {name} for the "
                    f"{self.machine.device.type}; choose another component, or type runtime.deterministic=false"
                ) from error
            if not is_loss_of_a_rank(error):
                raise
            raise RankLost(
                f"Another rank was lost after step {self.step}, and the others cannot go on without it "
                f"({reason_of_loss(error)}). Go on from the last checkpoint, with as many ranks as you like: "
                + shlex.quote(f"resume={self.checkpoints.folder.parent}")
            ) from error
        finally:
            self.observers.notify(lambda observer: observer.closed())

    def _loop(self) -> None:
        if self.step == 0:
            self.reports.samples(self.step)
            self.reports.inspection(self.step)
            self.reports.histograms(self.step, progress=0.0)
            self.reports.graph()
            if self.divergence_monitor.policy.rolls_back:
                self.save()
        speed, request, first = Speed(self.feed), GO_ON, self.step + 1
        while self.step < self.steps and (request := self._request()) != STOP:
            if self._due(self.logging.every, self.step + 1):
                self.diagnosis.before_step()
            self.train_step()
            self.observers.notify(lambda observer: observer.stepped(self.step))
            done = self.step == self.steps
            report, sample, save = (
                self._due(every, self.step)
                for every in (self.logging.every, self.logging.samples_every, self.checkpoints.settings.every)
            )
            if self.step == first and not report:
                self._report_first_step(self.meter.peek(self.ranks), speed.images_per_second())
            if report:
                values = self.meter.read(self.ranks)  # waits for the device, so the clock is read after it
                self._report_values(values, speed.images_per_second())
                if self._rolled_back(values):
                    speed.restart()
                    continue
            if sample:
                self.reports.samples(self.step)
            self.reports.histograms(self.step, self.step / self.steps)
            if scored := self.scorer.due(self.step, done):
                self._score()
            if (report or scored) and self._followed_verdict():
                speed.restart()
                continue
            if save or request == SAVE:
                self.save()
            if report:  # the time for samples and checkpoints is not counted as training
                speed.restart()
        if request == STOP and self.saved_step != self.step:
            self.save(last=True)

    def _due(self, every: int, step: int) -> bool:
        return step == self.steps or step % every == 0

    def _request(self) -> int:
        """Returns STOP if a stop was requested on some rank, SAVE if a checkpoint is due by rank 0's clock, otherwise
        GO_ON. All ranks call it before the same step, and get the same result."""
        due = self.ranks.first and self.checkpoints.due_by_time()
        return self.ranks.most(STOP if self.stop_requested else SAVE if due else GO_ON)

    def _report_values(self, values: dict[str, float], images_per_second: float) -> None:
        values |= self.stepper.report(self.step, values)
        values |= {"progress/images": self.feed.drawn, "progress/images_per_second": images_per_second}
        values |= self.diagnosis.signals(self._log_point(values))
        if self.ranks.first:
            values |= self.verdicts.row(self.step, values)
        self.observers.notify(lambda observer: observer.logged(self.step, values))
        self._tell_verdicts()

    def _tell_verdicts(self) -> None:
        """Tells observers where a verdict has begun or ended, and keeps the checkpoint from before the first one."""
        self.checkpoints.before = self.verdicts.earliest
        if self.verdicts.changed:
            self.observers.notify(lambda observer: observer.diagnosed(self.step, self.verdicts.lasting))

    def _followed_verdict(self) -> bool:
        """Whether training has gone back because of a verdict that began at this step (``diagnosis.on_verdict``).
        Raises Diagnosed if it must end. All ranks call it together, and follow rank 0."""
        if self.verdicts.on_verdict == "tell" or not self.ranks.most(int(bool(self.verdicts.began))):
            return False
        began = self.verdicts.began  # of rank 0; the other ranks have no judge
        reason = self.ranks.gathered(f"At step {self.step:,}: {sentence(began[0])}." if began else "")[0]
        policy, rollbacks = self.divergence_monitor.policy, self.divergence_monitor.rollbacks
        if self.verdicts.on_verdict == "rollback" and policy.action(policy.patience, rollbacks) == "go back":
            self._roll_back(reason, before=min(one.since for one in began))
            return True
        self._score_once()
        self.save(last=True)
        back = f" Training had gone back {rollbacks} times." if rollbacks else ""
        raise Diagnosed(f"{reason}{back} Its weights were saved.", self.step)

    def _log_point(self, values: Mapping[str, float]) -> LogPoint:
        updates = self.divergence_monitor.updates_since((self.generator, self.discriminator))
        every, samples_every = self.logging.every, self.logging.samples_every
        regular = self.step % every == 0
        sampled = regular and self.step // samples_every > (self.step - every) // samples_every
        return LogPoint(self.step, self.step / self.steps, values, updates, regular, sampled)

    def _report_first_step(self, values: dict[str, float], images_per_second: float) -> None:
        values["progress/images_per_second"] = images_per_second
        self.observers.notify(lambda observer: observer.first_step(self.step, values))

    def _rolled_back(self, values: Mapping[str, float]) -> bool:
        """Whether training has gone back because updates were not finite. Raises TrainingFailed if it must end."""
        learners = (self.generator, self.discriminator)
        steps, self.reported = self.step - self.reported, self.step
        problem = self.divergence_monitor.check(
            learners, ("adversarial", *self.gan.regularizers), values, self.step, steps
        )
        if problem is None:
            return False
        if problem.action == "stop":
            self.divergence_monitor.reset_patience()  # for a run that is resumed from here
            self._score_once()
            try:
                self.save(last=True)
            except TrainingFailed as error:
                raise TrainingFailed(f"{problem.sentence} {error}") from error
            raise self.divergence_monitor.failed(problem, learners, self.step)
        self._roll_back(problem.sentence)
        return True

    def diverged(self) -> Diverged | None:
        """Returns the reason why a training that has done all its steps diverged, or None."""
        return self.divergence_monitor.diverged((self.generator, self.discriminator), self.step)

    def _roll_back(self, reason: str, before: int | None = None) -> None:
        """Restores the last checkpoint before which all updates were finite, and which is from ``before`` a step if
        there is one, with lower learning rates. After a kill at any point of it the newest checkpoint is from before
        the rollback, which is then repeated, or from after it."""
        try:
            state = self.checkpoints.last_finite(self.divergence_monitor.rollback_step, before)
        except UserError as error:
            raise TrainingFailed(f"{reason} Training cannot go back: {error}") from error
        rate_factor, rollbacks = (
            self.generator.rate_factor * self.divergence_monitor.policy.rate,
            self.divergence_monitor.rollbacks + 1,
        )
        best = self.scorer.best  # perhaps of a step that will be repeated; its checkpoint exists
        self.restore(state)
        self.scorer.best = best
        self.divergence_monitor.rolled_back(self.step, rollbacks)
        for learner in (self.generator, self.discriminator):
            learner.rate_factor = rate_factor
        log.warning(
            "note: %s Back to step %s for time %d, with learning rates times %g",
            reason,
            self.step,
            rollbacks,
            rate_factor,
        )
        if self.save(numbered=True):
            self.checkpoints.drop_after(self.step)
        self.observers.notify(lambda observer: observer.rolled_back(self.step))

    def _score_once(self) -> None:
        """Scores the last samples of a training that ends early, unless they are scored already."""
        if self.scorer.due(self.step, done=True) and self.scored_step != self.step:
            self._score()

    def _score(self) -> None:
        """Computes the scores of the present samples, and saves the checkpoint if its score is the best."""
        state, self.scored_step = self.state(), self.step
        if not self.ranks.first:
            return
        scores = self.scorer.score(self.step, self.sampler.fakes, self.sampler.weights)
        best = self.scorer.best
        if scores is None or best is None:
            return
        if best["step"] == self.step:
            self.checkpoints.save_best({**state, "best": best})
        self.observers.notify(lambda observer: observer.scored(self.step, scores, best))
        began = self.verdicts.began
        self.verdicts.score_row(self.step, scores.row())
        self._tell_verdicts()
        self.verdicts.began = (*began, *self.verdicts.began)  # those of this step's log point are not followed yet

    # ---------------------------------------------------------------------------------------------------- checkpoints

    def save(self, last: bool = False, numbered: bool = False) -> bool:
        """Writes a checkpoint, and returns whether it was written; a note reports a failure. A ``last`` checkpoint,
        such as that of the last step, is retried at once, since no other follows. The last step's is named ``final``
        unless ``numbered``. It contains rank 0's buffers: with batch norm per rank, the statistics of its part of the
        batches. All ranks call it together. Raises TrainingFailed after too many failures, or if the ranks' weights
        differ."""
        need_same_weights(self.ranks, self.step, (self.generator, self.discriminator))
        state, written = self.state(), False
        with self.ranks.together():
            if self.ranks.first:
                self.observers.notify(lambda observer: observer.flush())
                done = self.step == self.steps and not numbered
                written = self.checkpoints.save(self.step, state, final=done, last=last or done) is not None
        # All ranks receive the result, which decides whether they save once more before they stop.
        if self.ranks.most(int(written)) == 0:
            return False
        self.saved_step = self.step
        return True

    def state(self) -> dict[str, Any]:
        """Returns all that a resumed run needs, including the settings in ``header``. All ranks call it together."""
        return {**self.header, **state_of(self)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Loads a saved ``state``. Raises RuntimeError if names or shapes of the weights do not fit."""
        restore(self, state)
