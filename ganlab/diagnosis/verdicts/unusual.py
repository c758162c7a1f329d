"""Advice on settings that are far from those with which GANs train: where a run has one, it is the first suspect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ganlab.diagnosis.verdicts.facts import Facts, best_of
from ganlab.diagnosis.verdicts.records import Advice

NETWORKS = ("generator", "discriminator")
FAR = 30.0
"""A rate that is so many times the usual one, or less, is far from it: the rates of published recipes are within."""
EARLY = 0.2
"""A rate that falls before this share of the training is over falls early."""
MOMENTUM = 0.8
DECAY = 1.0
"""Weight decay times the learning rate is the share of the weights that an update takes away. Published: 1e-4 to
0.1."""
INITIALIZERS = {
    "adaptive", "default", "delta_orthogonal", "equalized", "fixup", "he", "he_uniform", "hybrid", "lsuv", "normal",
    "orthogonal", "pretrained", "truncated_normal", "uniform", "xavier", "xavier_normal", "zero", "auto",
}  # fmt: skip
"""The initializers that suit a whole network. ``constant`` is a control, and others come from plugins."""


def rates(facts: Facts) -> Advice | None:
    """Returns advice for usual rates where one is far from usual. A rate that is far too high spoils the weights in a
    few updates, so that a new run is needed."""
    words, reasons, high = [], [], False
    for network in NETWORKS:
        rate, usual = facts.rate(network), facts.usual(network)
        if rate and not usual / FAR <= rate <= usual * FAR:
            words.append(f"optimizer.{network}.lr={usual:.3g}")
            reasons.append(f"the rate of the {network} is {rate:.3g}")
            high = high or rate > usual
    return Advice(tuple(words), " and ".join(reasons), restart=high) if words else None


def early_decay(facts: Facts) -> Advice | None:
    """Returns advice for constant rates where a schedule lets them fall to nothing early."""
    words = []
    for network in NETWORKS:
        rate = facts.get(f"optimizer.{network}.lr")
        if isinstance(rate, Mapping) and _falls_early(rate):
            words.append(f"optimizer.{network}.lr={rate['start']:g}")
    return Advice(tuple(words), "the learning rate falls to nothing early in the training") if words else None


def _falls_early(rate: Mapping[str, Any]) -> bool:
    start, end, until = (rate.get(key) for key in ("start", "end", "until"))
    numbers = all(isinstance(one, int | float) for one in (start, end, until))
    return bool(numbers and until <= EARLY and end < start / FAR)  # type: ignore[operator]


def momentum(facts: Facts) -> Advice | None:
    """Returns advice against a momentum that the adversarial game does not stand (Gidel et al. 2019)."""
    words = []
    for network in NETWORKS:
        betas = facts.get(f"optimizer.{network}.betas")
        if isinstance(betas, list | tuple) and isinstance(betas[0], int | float) and betas[0] >= MOMENTUM:
            words.append(f"optimizer.{network}.betas=[0.5,{betas[1]:g}]")
        if (found := facts.number(f"optimizer.{network}.momentum")) is not None and found >= MOMENTUM:
            words.append(f"optimizer.{network}.momentum=0")
    return Advice(tuple(words), "momentum drives the two networks in circles (Gidel et al. 2019)") if words else None


def weight_decay(facts: Facts) -> Advice | None:
    """Returns advice for no weight decay where it is strong."""
    strong = [one for one in NETWORKS if (facts.number(f"optimizer.{one}.weight_decay") or 0.0) > DECAY]
    words = tuple(f"optimizer.{one}.weight_decay=0" for one in strong)
    return Advice(words, f"weight decay shrinks the {' and the '.join(strong)}", restart=True) if words else None


def clipping(facts: Facts) -> Advice | None:
    """Returns advice for no clipping where gradients are clipped to almost nothing."""
    words = [
        f"optimizer.{network}.{key}=null"
        for network in NETWORKS
        for key in ("clip_norm", "clip_value")
        if (limit := facts.number(f"optimizer.{network}.{key}")) is not None and limit < 1e-3
    ]
    return Advice(tuple(words), "gradients are clipped to almost nothing") if words else None


def initialization(facts: Facts) -> Advice | None:
    """Returns advice for orthogonal weights where the initializer, its scale or its gain is unusual."""
    words, odd = [], []
    for network in NETWORKS:
        key = f"init.{network}"
        std, gain = facts.number(f"{key}.std"), facts.number(f"{key}.gain")
        scaled = (std is not None and not 0.005 <= std <= 0.2) or (gain is not None and not 0.3 <= gain <= 3)
        if facts.name(key) and (scaled or facts.name(key) not in INITIALIZERS):
            words.append(f"{key}.gain=auto" if facts.name(key) == "orthogonal" else f"{key}=orthogonal")
            odd.append(network)
    reason = f"the weights of the {' and the '.join(odd)} begin at an unusual scale"
    return Advice(tuple(words), reason, restart=True) if words else None


def penalties(facts: Facts) -> Advice | None:
    """Returns advice for the usual weight of a penalty on D that is more than ten times as strong."""
    usual = {"r1": 10.0, "r2": 10.0, "gradient_penalty": 10.0, "weight_penalty": 1e-4, "orthogonal": 1e-4}
    for name, weight in usual.items():
        if (found := facts.number(f"regularizer.{name}.weight")) is not None and found > 10 * weight:
            return Advice((f"regularizer.{name}.weight={weight:g}",), f"the weight of {name} is {found:g}")
    return None


def targets(facts: Facts) -> Advice | None:
    """Returns advice for true targets of D where many are exchanged or random."""
    flip, noise = facts.number("targets.flip", 0.0) or 0.0, facts.number("targets.noise", 0.0) or 0.0
    if flip > 0.1:
        return Advice(("targets.flip=0",), f"{100 * flip:.0f} % of D's labels are exchanged")
    return Advice(("targets.noise=0",), "D's targets are mostly noise") if noise > 0.5 else None


def noise(facts: Facts) -> Advice | None:
    """Returns advice for less noise on what D sees, where it hides the images."""
    std = facts.number("augment.instance_noise.std")
    if std is None or std <= 1:
        return None
    return Advice(("augment.instance_noise.std=0.1",), f"noise of {std:g} hides images whose range is [-1, 1]")


def rare_updates(facts: Facts) -> Advice | None:
    """Returns advice for an update of D in each step, where it has fewer than G."""
    every, of_g = facts.number("schedule.discriminator_every"), facts.number("schedule.generator_updates")
    if every is not None and every > 2:
        return Advice(("schedule.discriminator_every=1",), f"D is updated in every {every:.0f}th step only")
    if of_g is not None and of_g > 2:
        return Advice(("schedule.generator_updates=1",), f"G has {of_g:.0f} updates in a step")
    return None


def bound(facts: Facts) -> Advice | None:
    """Returns advice for the published bound of clipped weights where it is far below that."""
    found = facts.number("constraint.bound") if facts.name("constraint") == "weight_clipping" else None
    if found is None or found >= 0.002:
        return None
    reason = f"the critic's weights are clipped to ±{found:g} (Arjovsky et al. 2017: 0.01)"
    return Advice(("constraint.bound=0.01",), reason)


def free_critic(facts: Facts) -> Advice | None:
    """Returns advice for a gradient penalty where nothing holds the slope of a critic, or next to nothing. Such a
    penalty helped more than a lower bound of clipped weights."""
    clipped = facts.number("constraint.bound") if facts.name("constraint") == "weight_clipping" else None
    penalty = facts.number("regularizer.gradient_penalty.weight")
    held = (clipped is not None and clipped <= 0.05) or (penalty is not None and penalty >= 0.01)
    return facts.lipschitz() if facts.is_critic and not held else None


def latent(facts: Facts) -> Advice | None:
    """Returns advice for a latent of more numbers than a few."""
    dim, least = facts.number("latent.dim"), 2 if facts.are_points else 8
    if dim is None or dim >= least:
        return None
    return Advice(("latent.dim=64",), f"all variety must come from {dim:.0f} random numbers", restart=True)


OF_COLLAPSE = (
    free_critic, rates, momentum, Facts.saturating, weight_decay, initialization, latent, targets, noise, penalties,
    rare_updates, bound, early_decay, clipping,
)  # fmt: skip
CAUSES: Mapping[str, Sequence[Callable[[Facts], Advice | None]]] = {
    "divergence": (free_critic, rates, momentum, initialization),
    "exploding_gradients": (free_critic, rates, initialization, momentum),
    "dead_layers": (rates, weight_decay, initialization, penalties),
    "no_learning": (rates, early_decay, clipping, initialization, weight_decay, Facts.saturating),
    "not_lipschitz": (bound, free_critic, rates),
    "discriminator_overpowers": (
        Facts.saturating, rates, momentum, Facts.fewer_updates, initialization, weight_decay, targets, early_decay
    ),
    "vanishing_gradients": (
        Facts.saturating, rates, momentum, initialization, weight_decay, penalties, bound, clipping,
        Facts.fewer_updates, targets,
    ),
    "discriminator_overfits": (),
    "discriminator_at_chance": (
        targets, noise, penalties, weight_decay, rates, momentum, early_decay, rare_updates, clipping, initialization,
    ),
    "mode_collapse": OF_COLLAPSE,
    "partial_collapse": OF_COLLAPSE,
    "oscillation": (momentum, rates, rare_updates, initialization, targets),
}  # fmt: skip
"""For each verdict the settings that may cause it, the likeliest first."""


def unusual(facts: Facts, verdict: str) -> tuple[Advice, ...]:
    """Returns advice on the unusual settings of a run that may cause a verdict, at most two."""
    return best_of(*(cause(facts) for cause in CAUSES[verdict]))
