"""Recorders of device work: what a CUDA graph needs of CUDA, so that tests can replace it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import torch

from ganlab.types import Values


class Recorder(Protocol):
    """Records device work without executing it. ``CudaRecorder`` is the implementation for CUDA."""

    def aside(self) -> AbstractContextManager[None]:
        """Returns a context for steps that run one by one and will be recorded later."""

    def record(
        self, body: Callable[[], list[Values]], generators: Sequence[torch.Generator]
    ) -> Callable[[], list[Values]]:
        """Records ``body``, which draws from ``generators``, and returns a function that repeats it and returns its
        result, always the same tensors. Raises an error if it cannot be recorded."""

    def recover(self) -> None:
        """Makes PyTorch usable again after a recording that failed."""


class CudaRecorder:
    """Records with ``torch.cuda.CUDAGraph``, on a stream of its own. All graphs share one memory pool: only a step's
    reports remain in it from one replay to the next, and they are read before the next."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.stream = torch.cuda.Stream(device)
        self.pool = torch.cuda.graph_pool_handle()

    @contextmanager
    def aside(self) -> Iterator[None]:
        # Autograd sums a gradient on the stream of its first use, which must be the recorded one.
        usual = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(usual)
        with torch.cuda.stream(self.stream):
            yield
        usual.wait_stream(self.stream)

    def record(
        self, body: Callable[[], list[Values]], generators: Sequence[torch.Generator]
    ) -> Callable[[], list[Values]]:
        graph = torch.cuda.CUDAGraph()
        for generator in generators:
            graph.register_generator_state(generator)
        # The outer context, because older PyTorch stays on the recording's stream where ending it fails. Only this
        # thread's calls are watched: another one may be copying the next images.
        with (
            torch.cuda.stream(self.stream),
            torch.cuda.graph(graph, pool=self.pool, stream=self.stream, capture_error_mode="thread_local"),
        ):
            # Autocast begins and ends in each update, so its copies of weights live in the recording alone.
            reports = body()

        def replay() -> list[Values]:
            with torch.cuda.device(self.device):
                graph.replay()
            return reports

        return replay

    def recover(self) -> None:
        # Older PyTorch leaves its default generator as if it were still being recorded: it gets a new state.
        index = self.device.index if self.device.index is not None else torch.cuda.current_device()
        torch.cuda.default_generators[index].graphsafe_set_state(torch.Generator(self.device).graphsafe_get_state())
