"""The healthy runs: recipes and variations that train. A verdict other than ``healthy`` on one is a false alarm."""

from __future__ import annotations

from benchmarks.diagnosis_collection.kinds import Half, Kind, rates

_TRAINS = "It reaches a score near the best of its data set."


def _healthy(name: str, base: str, half: Half, *changes: str) -> Kind:
    return Kind(f"healthy_{name}", base, changes, ("healthy",), _TRAINS, half)


HEALTHY: tuple[Kind, ...] = (
    _healthy("spectral", "digits", "thresholds"),
    _healthy("batch_norm", "digits", "judging", "norm=batch"),
    _healthy("layer_norm", "digits", "thresholds", "norm=layer"),
    _healthy("16x16", "digits16", "judging"),
    _healthy("hinge", "digits", "judging", "loss=hinge"),
    _healthy("lsgan", "digits", "thresholds", "loss=lsgan", "norm=batch"),
    _healthy("wgan_gp", "digits", "judging", "loss=wgan_gp", "norm=layer", "schedule.n_critic=2", *rates(1e-3)),
    # Planted as a failure at first (Gulrajani et al. 2017, section 4), and as good as the others by its score:
    _healthy("batch_norm_in_penalised_critic", "digits", "thresholds", "loss=wgan_gp", "norm=batch",
             "schedule.n_critic=2"),
    _healthy("relativistic_r1_r2", "digits", "thresholds", "loss=relativistic", "norm=layer", "regularizer=[r1,r2]",
             "regularizer.r1.weight=1", "regularizer.r2.weight=1"),
    _healthy("r1", "digits", "judging", "regularizer=[r1]", "regularizer.r1.weight=1", "norm=layer"),
    _healthy("orthogonal", "digits", "thresholds", "init=orthogonal"),
    _healthy("xavier", "digits", "judging", "init=xavier", "norm=batch"),
    _healthy("instance_noise", "digits", "thresholds", "augment=[instance_noise]", "augment.instance_noise.std=0.3"),
    _healthy("ttur", "digits", "judging", *rates(1e-3, 4e-3)),
    _healthy("minibatch_stddev", "digits", "thresholds", "tricks=[minibatch_stddev]", "norm=batch"),
    _healthy("labels", "digits", "judging", "condition=embedding"),
    _healthy("resnet", "digits", "thresholds", "generator=resnet", "discriminator=resnet", "generator.width=16",
             "discriminator.width=16"),
    _healthy("mlp", "digits", "judging", "generator=mlp", "discriminator=mlp", "generator.hidden=[64,64]",
             "discriminator.hidden=[64,64]", "norm=auto"),
    _healthy("stacked", "stacked", "thresholds"),
    _healthy("stacked_batch_norm", "stacked", "judging", "norm=batch"),
    _healthy("ring_relativistic", "ring", "judging", "loss=relativistic", "regularizer=[r1,r2]",
             "regularizer.r1.weight=0.1", "regularizer.r2.weight=0.1"),
    _healthy("grid_relativistic", "grid", "thresholds", "loss=relativistic", "regularizer=[r1,r2]",
             "regularizer.r1.weight=0.1", "regularizer.r2.weight=0.1"),
)  # fmt: skip
