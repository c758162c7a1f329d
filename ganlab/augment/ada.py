from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor

from ganlab.augment.transforms import blit, color, cutout, resample
from ganlab.scalars import Scheduled, at
from ganlab.table import Fraction, Moving, PositiveInt, Range
from ganlab.types import Augmentation, Observation, State, Values


@dataclass(frozen=True)
class ADA(Augmentation):
    """Adaptive discriminator augmentation: invertible-on-average transforms, each applied to an image with probability
    p, which follows D's overfitting. Karras et al. 2020, StyleGAN2-ADA, section 2.2 and 3, appendix B, and their
    published code, whose pipeline ``bgc`` this is.

    ``blit``: mirror image, quarter turns, whole-pixel translation. ``geometry``: isotropic and anisotropic scale,
    rotation, fractional translation. ``color``: brightness, contrast, luma flip and, for three channels, hue and
    saturation, each with probability ``color_share`` · p. ``cutout``: a rectangle of half the side is set to zero, off
    in ``bgc``. The constants are in ``transforms.py``.

    Every ``interval`` D updates, r_t is the mean over them of
    sign(D(x)) on augmented reals, against the loss's boundary, and p ← p + sign(r_t - target) · (images of these
    updates) / ``adjust_images``, in [0, 1]. ``p`` is the probability at the start of a run (a resumed one goes on with
    the one that it had reached).

    With ``target: null`` nothing is adapted: p is a constant, or a schedule (Huang et al. 2024, R3GAN, published code:
    from 0 to 0.55 on CIFAR-10, with ``color_share: 0.5`` and ``cutout: true``). Raises ValueError if settings
    contradict each other.
    """

    needs_pixels: ClassVar[bool] = True

    target: Annotated[float, Range(above=-1, below=1)] | None = 0.6  # r_t that p steers towards
    p: Moving[Fraction] = 0.0  # at the start, or always where target is null
    interval: PositiveInt = 4  # D updates
    adjust_images: PositiveInt = 500_000  # reals over which p may go from 0 to 1
    blit: bool = True
    geometry: bool = True
    color: bool = True
    color_share: Fraction = 1.0  # times p
    cutout: bool = False

    def __post_init__(self) -> None:
        if not (self.blit or self.geometry or self.color or self.cutout):
            raise ValueError(
                "blit, geometry, color and cutout are all off, so nothing is augmented; leave ada out instead"
            )
        if self.target is not None and isinstance(self.p, Scheduled):
            raise ValueError(
                f"found p={self.p} with target={self.target:g}, and both change p; type target=null, or a number for p"
            )
        if self.target is None and self.p == 0:
            raise ValueError("found target=null with p=0, so nothing is ever augmented; type p=0.2, or target=0.6")

    @property
    def needs_boundary(self) -> bool:
        return self.target is not None

    def augment(self, images: Tensor, rng: torch.Generator, progress: float | Tensor, state: State) -> Tensor:
        p = state["p"] if state else at(self.p, progress)
        if self.blit:
            images = blit(images, p, rng)
        if self.geometry:
            images = resample(images, p, rng)
        if self.color:
            images = color(images, p * self.color_share, rng)
        if self.cutout:
            images = cutout(images, p, rng)
        return images

    def initial_state(self, device: torch.device) -> State:
        if self.target is None:
            return {}
        assert not isinstance(self.p, Scheduled), "refused with a target"
        # ``signs`` and ``updates`` are sums since the last adjustment of p.
        names = ("p", "r_t", "signs", "updates", "adjustments")
        state = {name: torch.zeros((), device=device) for name in names}
        state["p"].fill_(self.p)
        return state

    def observe(self, state: State, observation: Observation) -> None:
        assert self.target is not None
        logits = observation.real_output.logits
        logits = logits.flatten(1).mean(dim=1) if logits.dim() > 1 else logits
        signs = state["signs"] + (logits - (observation.boundary or 0.0)).sign().mean()
        updates = state["updates"] + 1
        r_t, due = signs / updates, updates >= self.interval
        moved = state["p"] + (r_t - self.target).sign() * updates * (observation.images / self.adjust_images)
        state["p"].copy_(torch.where(due, moved.clamp(0, 1), state["p"]))
        state["r_t"].copy_(torch.where(due, r_t, state["r_t"]))
        state["signs"].copy_(signs * ~due)
        state["updates"].copy_(updates * ~due)
        state["adjustments"].add_(due)

    def report(self, state: State) -> Values:
        return {"p": state["p"], **({"r_t": state["r_t"]} if state["adjustments"] else {})}
