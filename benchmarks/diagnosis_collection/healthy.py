"""The healthy runs of the half for thresholds: recipes and variations that train. A verdict other than ``healthy`` on
one is a false alarm."""

from __future__ import annotations

from benchmarks.diagnosis_collection.kinds import Half, Kind, rates

_TRAINS = "It reaches a score near the best of its data set."


def _healthy(name: str, base: str, half: Half, *changes: str, steps: int | None = None) -> Kind:
    return Kind(f"healthy_{name}", base, changes, ("healthy",), _TRAINS, half, steps)


HEALTHY: tuple[Kind, ...] = (
    _healthy("spectral", "digits", "thresholds"),
    _healthy("batch_norm", "digits", "thresholds", "norm=batch"),
    _healthy("layer_norm", "digits", "thresholds", "norm=layer"),
    _healthy("16x16", "digits16", "thresholds"),
    _healthy("hinge", "digits", "thresholds", "loss=hinge"),
    _healthy("lsgan", "digits", "thresholds", "loss=lsgan", "norm=batch"),
    _healthy("wgan_gp", "digits", "thresholds", "loss=wgan_gp", "norm=layer", "schedule.n_critic=2", *rates(1e-3)),
    # Planted as a failure at first (Gulrajani et al. 2017, section 4), and as good as the others by its score:
    _healthy("batch_norm_in_penalised_critic", "digits", "thresholds", "loss=wgan_gp", "norm=batch",
             "schedule.n_critic=2"),
    _healthy("relativistic_r1_r2", "digits", "thresholds", "loss=relativistic", "norm=layer", "regularizer=[r1,r2]",
             "regularizer.r1.weight=1", "regularizer.r2.weight=1"),
    _healthy("r1", "digits", "thresholds", "regularizer=[r1]", "regularizer.r1.weight=1", "norm=layer"),
    _healthy("orthogonal", "digits", "thresholds", "init=orthogonal"),
    _healthy("xavier", "digits", "thresholds", "init=xavier", "norm=batch"),
    _healthy("instance_noise", "digits", "thresholds", "augment=[instance_noise]", "augment.instance_noise.std=0.3"),
    _healthy("ttur", "digits", "thresholds", *rates(1e-3, 4e-3)),
    _healthy("minibatch_stddev", "digits", "thresholds", "tricks=[minibatch_stddev]", "norm=batch"),
    _healthy("labels", "digits", "thresholds", "condition=embedding"),
    _healthy("resnet", "digits", "thresholds", "generator=resnet", "discriminator=resnet", "generator.width=16",
             "discriminator.width=16"),
    _healthy("mlp", "digits", "thresholds", "generator=mlp", "discriminator=mlp", "generator.hidden=[64,64]",
             "discriminator.hidden=[64,64]", "norm=auto"),
    _healthy("stacked", "stacked", "thresholds"),
    _healthy("stacked_batch_norm", "stacked", "thresholds", "norm=batch"),
    _healthy("ring_relativistic", "ring", "thresholds", "loss=relativistic", "regularizer=[r1,r2]",
             "regularizer.r1.weight=0.1", "regularizer.r2.weight=0.1"),
    _healthy("grid_relativistic", "grid", "thresholds", "loss=relativistic", "regularizer=[r1,r2]",
             "regularizer.r1.weight=0.1", "regularizer.r2.weight=0.1"),
    # Added in the second round: three times as long, so that D comes near to chance, and more that hold D back
    _healthy("long_layer_norm", "digits", "thresholds", "norm=layer", steps=600),
    _healthy("long_r1", "digits", "thresholds", "regularizer=[r1]", "regularizer.r1.weight=1", "norm=layer", steps=600),
    _healthy("long_relativistic", "digits", "thresholds", "loss=relativistic", "norm=layer", "regularizer=[r1,r2]",
             "regularizer.r1.weight=1", "regularizer.r2.weight=1", steps=600),
    _healthy("r1_of_10", "digits", "thresholds", "regularizer=[r1]", "regularizer.r1.weight=10", "norm=layer"),
    _healthy("ring_relativistic_long", "ring", "thresholds", "loss=relativistic", "regularizer=[r1,r2]",
             "regularizer.r1.weight=0.1", "regularizer.r2.weight=0.1", steps=600),
)  # fmt: skip
