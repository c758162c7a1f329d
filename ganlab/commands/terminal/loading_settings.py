"""Settings that all commands have which load a trained generator, with their help."""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

from ganlab.commands.terminal.arguments import Help
from ganlab.loading import load
from ganlab.table import PATH
from ganlab.trained import TrainedGenerator

RunOrFile = Annotated[
    str, PATH, Help("a run folder, latest, a checkpoint, or a file of export with format=safetensors")
]
Weights = Annotated[
    Literal["auto", "average", "network"], Help("average, network, or auto: the average where one is kept")
]
Checkpoint = Annotated[int | str | None, Help("one of the run's, its step or name; otherwise the newest")]
Device = Annotated[str, Help("auto, cpu, mps, cuda, cuda:1")]
Plugins = Annotated[tuple[str, ...], Help("your own modules to import, for an architecture of yours")]


class LoadingSettings(Protocol):
    """The settings of a command, as far as they are about the generator."""

    @property
    def run(self) -> str: ...
    @property
    def weights(self) -> Literal["auto", "average", "network"]: ...
    @property
    def checkpoint(self) -> int | str | None: ...
    @property
    def plugins(self) -> tuple[str, ...]: ...


def generator_of(settings: LoadingSettings, device: str) -> TrainedGenerator:
    """Returns the generator that the settings name, on a device. Raises UserError."""
    return load(settings.run, settings.weights, device, settings.plugins, settings.checkpoint)
