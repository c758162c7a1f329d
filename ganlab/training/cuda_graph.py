"""Training steps as CUDA graphs: one recording per plan, replayed with other reals, random numbers and rates.

A step of small networks consists of hundreds of short kernels, and a GPU waits for the host to launch them. A graph
launches them at once. It repeats exactly what was recorded, so every value that differs from step to step must lie in
memory that the host fills before each replay: ``StepInputs`` lists these values. A plugin's component that decides by
other means, such as Python's ``random`` or a count of its calls, would repeat the recorded decision.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ganlab.errors import UserError
from ganlab.training.cuda_recorder import CudaRecorder, Recorder
from ganlab.training.device import HALF_MOVES, Machine
from ganlab.training.learner import Learner
from ganlab.training.schedule import Plan
from ganlab.types import Batch, Values

log = logging.getLogger("ganlab")

EAGER = 3  # steps of each plan that run one by one before it is recorded: optimizers and libraries are set up in them
MOST = 16  # graphs, each with its own buffers; further plans are rare


@dataclass(frozen=True)
class StepInputs:
    """The inputs of a step that differ from step to step.

    ``real`` returns the next reals, a given number or a batch; ``seed`` and ``rngs`` return the seed and the
    generator of a random stream, by network, number of the update and name; ``networks`` seeds PyTorch's global
    generator. In a graph the shares are scalar tensors, ``top_share`` only if it is below 1.
    """

    real: Callable[[int | None], Batch]
    seed: Callable[[str, int, str], int]
    rngs: Callable[[str, int, str], torch.Generator]
    networks: int
    progress: float | Tensor
    top_share: float | Tensor = 1.0


Stream = tuple[str, int, str]
"""A random stream: the network, the number of its update, and a name."""

Updates = Callable[[Plan, StepInputs], list[Values]]
"""Runs the updates of one step and returns what each reports."""


def graphs(discriminator: Learner, generator: Learner, machine: Machine) -> tuple[Graphs | None, list[str]]:
    """Returns the graphs of a training, None if steps run one by one, and notes for the user if CUDA graphs were
    expected but cannot be used. Raises UserError if ``runtime.cuda_graph=on`` is not possible."""
    if machine.cuda_graph == "off" or machine.device.type != "cuda":
        return None, []
    obstacle = None
    if generator.ranks.count > 1:
        obstacle = "several ranks exchange gradients in each, which is not recorded; start one process"
    if machine.dtype == torch.float16:
        obstacle = HALF_MOVES
    for learner in (discriminator, generator):
        if not learner.gated_on_device:
            obstacle = (
                f"optimizer.{learner.name} reads a number back in every update; type optimizer.{learner.name}=adam"
            )
        if moving := learner.setting.moving_options:
            obstacle = (
                f"optimizer.{learner.name}.{moving[0]} is a schedule, and PyTorch's optimizers take its value as a "
                "number that a graph would repeat; type a number"
            )
    if obstacle is None:
        return Graphs(discriminator, generator, CudaRecorder(machine.device), machine.device), []
    if machine.cuda_graph == "on":
        raise UserError(f"runtime.cuda_graph=on: {obstacle}, or runtime.cuda_graph=auto")
    return None, [f"training steps run without CUDA graphs: {obstacle}"]


@dataclass
class _Requests:
    """The requests of the last step of a plan to its ``StepInputs``, in order, and the number of steps so far."""

    steps: int = 0
    reals: list[int | None] = field(default_factory=list)
    draws: list[Stream] = field(default_factory=list)

    def recording(self, inputs: StepInputs) -> StepInputs:
        """Returns ``inputs`` with functions that record each request."""
        self.steps, self.reals, self.draws = self.steps + 1, [], []

        def real(count: int | None) -> Batch:
            self.reals.append(count)
            return inputs.real(count)

        def rngs(*stream: Any) -> torch.Generator:
            self.draws.append(stream)
            return inputs.rngs(*stream)

        return replace(inputs, real=real, rngs=rngs)


class Graphs:
    """Runs the steps of a training: the first ``EAGER`` of each plan one by one, and later ones as a graph. Weights,
    random numbers and reports are the same either way, and no step is computed twice: a recording executes nothing.

    If a recording fails, that step and all later ones run one by one, and a note reports it.
    """

    def __init__(self, discriminator: Learner, generator: Learner, recorder: Recorder, device: torch.device) -> None:
        self.recorder, self.device = recorder, device
        self.discriminator, self.generator = discriminator, generator
        self.failed = False
        self.forget()
        for learner in (discriminator, generator):
            learner.hold_numbers()

    def forget(self) -> None:
        """Deletes all graphs, since the tensors to which they write are about to be replaced."""
        self._requests: dict[Hashable, _Requests] = {}
        self._graphs: dict[Hashable, _Graph] = {}

    def step(self, plan: Plan, inputs: StepInputs, updates: Updates) -> list[Values]:
        """Runs one step by ``updates`` or by its graph, and returns its reports, which are valid until the next
        step."""
        progress = inputs.progress
        assert not isinstance(progress, Tensor)
        key = plan, inputs.top_share < 1  # without top-k, G's loss is a mean over all samples
        if key not in self._graphs:
            requests = self._requests.setdefault(key, _Requests())
            if self.failed or requests.steps < EAGER or len(self._graphs) >= MOST:
                with self.recorder.aside():
                    return updates(plan, requests.recording(inputs))
            reals = [inputs.real(count) for count in requests.reals]
            inputs = replace(inputs, real=_in_order(reals))
            for learner, due in self._updates_of(plan):
                learner.begin_recording(len(due))
            try:
                self._graphs[key] = self._recorded(partial(updates, plan), requests.draws, reals, inputs)
            except Exception as error:  # of a component or the driver; the eager step raises real errors
                self._give_up(inputs, error)
                return updates(plan, inputs)
        else:
            reals = [inputs.real(count) for count in self._requests[key].reals]
        # In the order of a step: first the host's part, which reads nothing back, then the device's.
        for learner, due in self._updates_of(plan):
            learner.prepare(progress, len(due))
        return self._graphs[key].replay(reals, inputs)

    def _updates_of(self, plan: Plan) -> list[tuple[Learner, tuple[frozenset[str], ...]]]:
        """Returns the networks that a step updates, in order, with the regularizers due in each of their updates."""
        every = (self.discriminator, plan.discriminator), (self.generator, plan.generator)
        return [(learner, due) for learner, due in every if due]

    def _recorded(
        self,
        step: Callable[[StepInputs], list[Values]],
        draws: Sequence[Stream],
        reals: Sequence[Batch],
        inputs: StepInputs,
    ) -> _Graph:
        graph = _Graph(draws, reals, self.device)
        graph.fill(reals, inputs)  # a generator is not seeded while it is recorded
        inside = graph.inputs(inputs)
        graph.run = self.recorder.record(partial(step, inside), graph.generators)
        return graph

    def _give_up(self, inputs: StepInputs, error: Exception) -> None:
        self.failed = True
        self.forget()
        self.recorder.recover()
        for learner in (self.discriminator, self.generator):
            learner.drop_gradients()  # recorded, never computed
        torch.manual_seed(inputs.networks)
        cause = error.__context__ or error  # ending a recording that failed fails too
        reason = (str(cause).splitlines() or [type(cause).__name__])[0]
        log.warning(
            "note: training steps run without CUDA graphs, slower and with the same results, as one could not be "
            "recorded (%s); runtime.cuda_graph=off does not try",
            reason,
        )


class _Graph:
    """One recorded step, and the memory from which it reads the values that differ from step to step."""

    run: Callable[[], list[Values]]

    def __init__(self, draws: Sequence[Stream], reals: Sequence[Batch], device: torch.device) -> None:
        # A stream begins anew at each request, so each request has its own generator.
        self.draws, self.generators = draws, [torch.Generator(device) for _ in draws]
        self.reals = [
            Batch(
                torch.empty_like(real.images), {key: torch.empty_like(value) for key, value in real.condition.items()}
            )
            for real in reals
        ]
        # In float64 as on the host, so that the results are the same.
        self.progress = torch.zeros((), dtype=torch.float64, device=device)
        self.top_share = torch.ones_like(self.progress)

    def inputs(self, inputs: StepInputs) -> StepInputs:
        """Returns the inputs of the recorded step. They raise RuntimeError if its requests differ from those of
        earlier steps."""
        reals = _in_order(self.reals)
        generators = iter(zip(self.draws, self.generators, strict=True))

        def rngs(*stream: Any) -> torch.Generator:
            expected, generator = next(generators, (None, None))
            if stream != expected or generator is None:
                raise RuntimeError(f"it requested the random stream {stream} in place of {expected}")
            return generator

        top_share = self.top_share if inputs.top_share < 1 else 1.0
        return replace(inputs, real=reals, rngs=rngs, progress=self.progress, top_share=top_share)

    def fill(self, reals: Sequence[Batch], inputs: StepInputs) -> None:
        """Copies one step's reals, seeds and numbers to the memory that the graph reads."""
        for place, real in zip(self.reals, reals, strict=True):
            place.images.copy_(real.images)
            for key, value in real.condition.items():
                place.condition[key].copy_(value)
        for stream, generator in zip(self.draws, self.generators, strict=True):
            generator.manual_seed(inputs.seed(*stream))
        self.progress.fill_(inputs.progress)
        self.top_share.fill_(inputs.top_share)

    def replay(self, reals: Sequence[Batch], inputs: StepInputs) -> list[Values]:
        self.fill(reals, inputs)
        return self.run()


def _in_order(reals: Sequence[Batch]) -> Callable[[int | None], Batch]:
    remaining = iter(reals)

    def real(count: int | None) -> Batch:
        batch = next(remaining, None)
        if batch is None or (count is not None and count != len(batch.images)):
            raise RuntimeError("it requested other reals than before")
        return batch

    return real
