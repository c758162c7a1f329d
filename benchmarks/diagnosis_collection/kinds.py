"""The kinds of runs of the collection: what each changes, what a verdict on it may be called, and its half."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Half = Literal["thresholds", "judging"]

VERDICTS = (
    "discriminator_overpowers", "discriminator_at_chance", "mode_collapse", "partial_collapse", "oscillation",
    "divergence", "vanishing_gradients", "exploding_gradients", "discriminator_overfits", "not_lipschitz",
    "dead_layers", "no_learning", "healthy",
)  # fmt: skip
"""The names of verdicts that a label may have."""

SEEDS: Mapping[Half, tuple[int, ...]] = {"thresholds": (0, 1), "judging": (20, 21)}
"""The seeds of each half: no seed of one half is used in the other. Seeds 10 and 11 judged in the first round."""

COMMON = (
    "logging.observers=[files]", "logging.every=5", "logging.inspection=false", "logging.progress=false",
    "runtime.device=cpu", "runtime.precision=fp32", "runtime.threads=1", "rules=warn",
    "evaluation=scores", "evaluation.images=500", "evaluation.reals=500",
)  # fmt: skip
"""The settings of all runs. With as many samples as real images KID has one subset, and is cheap."""


def rates(generator: float, discriminator: float | None = None) -> tuple[str, ...]:
    """Returns the settings of the learning rates; D's is G's unless it is given."""
    other = generator if discriminator is None else discriminator
    return (f"optimizer.generator.lr={generator:g}", f"optimizer.discriminator.lr={other:g}")


@dataclass(frozen=True)
class Base:
    """What the kinds on one data set have in common: settings, and the number of ``steps``."""

    settings: tuple[str, ...]
    steps: int


def _networks(name: str, size: str) -> tuple[str, ...]:
    return tuple(f"{network}{text}" for network in ("generator", "discriminator") for text in (f"={name}", f".{size}"))


_EMA = ("averaging=ema", "averaging.decay=0.95")
_POINTS = (
    *_networks("mlp", "hidden=[64,64]"), "discriminator.dropout=0", "latent.dim=2", "norm=none", "init=he_uniform",
    "data.limit=5000", "data.std=0.045", *rates(3e-3),
)  # fmt: skip

BASES: Mapping[str, Base] = {
    "digits": Base(
        ("data=digits", "data.size=8", "data.held_out=200", *_networks("dcgan", "width=16"), "batch_size=32",
         "latent.dim=16", "norm=spectral", *_EMA, *rates(2e-3)), 200,
    ),
    "digits16": Base(
        ("data=digits", "data.size=16", "data.held_out=200", *_networks("dcgan", "width=8"), "batch_size=32",
         "latent.dim=16", "norm=spectral", *_EMA, *rates(2e-3)), 200,
    ),
    "stacked": Base(
        ("data=stacked_digits", "data.size=8", "data.limit=4000", "data.held_out=200", *_networks("dcgan", "width=16"),
         "batch_size=32", "latent.dim=16", "norm=spectral", *_EMA, *rates(2e-3)), 200,
    ),
    "ring": Base(("data=ring", "data.radius=0.7", "batch_size=64", *_POINTS), 300),
    "grid": Base(("data=grid", "data.extent=0.7", "batch_size=64", *_POINTS), 300),
}  # fmt: skip
"""The small trainings that the kinds change: digits at 8×8 and 16×16, three digits stacked, and points of a plane."""


@dataclass(frozen=True)
class Kind:
    """A kind of run: the ``changes`` to its base, and the verdicts that are right (``accepted``) with the ``reason``.

    ``accepted`` was written down before any detector saw the runs; ``half`` says whether thresholds may be set on its
    runs, or whether they judge.
    """

    name: str
    base: str
    changes: tuple[str, ...]
    accepted: tuple[str, ...]
    reason: str
    half: Half
    planned: int | None = None  # steps, where they differ from the base's

    @property
    def healthy(self) -> bool:
        """Whether the runs are healthy ones."""
        return self.accepted == ("healthy",)

    @property
    def steps(self) -> int:
        """The number of steps of its runs."""
        return self.planned or BASES[self.base].steps

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of its runs."""
        return SEEDS[self.half]

    def overrides(self, seed: int) -> list[str]:
        """Returns what is typed for one of its runs, but for the folder. A later setting replaces an earlier one."""
        steps = self.steps
        every = (
            f"steps={steps}", f"evaluation.every={steps // 4}", f"logging.samples_every={steps // 4}",
            f"checkpoint.every={max(steps // 10, 1)}", "checkpoint.keep=10", f"seed={seed}",
        )  # fmt: skip
        return without_replaced((*COMMON, *BASES[self.base].settings, *every, *self.changes))


def without_replaced(typed: Sequence[str]) -> list[str]:
    """Returns the settings without those that a later one replaces: a choice of an option, ``generator=mlp``, replaces
    earlier settings of the group, ``generator.width=16``, too."""
    last: dict[str, str] = {}
    for text in typed:
        key = text.partition("=")[0]
        last = {other: kept for other, kept in last.items() if other != key and not other.startswith(f"{key}.")}
        last[key] = text
    return list(last.values())
