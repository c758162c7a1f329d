"""The kinds that judge: planted failures and healthy runs of which none was seen before thresholds were set.

They were written down, with their labels, after the first round of measurements and before any detector saw one of
them. None repeats a change of ``planted.py`` or ``healthy.py``: where a cause returns, it does so in another network,
on other data, or by other settings. Whether a run failed is told from its scores alone.
"""

from __future__ import annotations

from benchmarks.diagnosis_collection.kinds import Kind, rates

_OVERPOWERED = ("discriminator_overpowers", "vanishing_gradients")
_COLLAPSE = ("mode_collapse", "partial_collapse")
_SLOPE = ("not_lipschitz", "divergence", "exploding_gradients")
_RUNAWAY = ("divergence", "exploding_gradients")
_FLAT_D = ("discriminator_at_chance", "vanishing_gradients")
_PLAIN_D = ("norm=batch", "norm.discriminator.layer=none")
_FREE_D = ("norm.discriminator.weight=none", "norm.discriminator.layer=none")
_PIXELS = ("evaluation.features=pixels",)  # too few images for a classifier
_DEEP_TANH = (
    "generator=mlp", "discriminator=mlp", "generator.hidden=[64,64,64,64,64,64]",
    "discriminator.hidden=[64,64,64,64,64,64]", "generator.activation=tanh", "discriminator.activation=tanh",
    "discriminator.dropout=0", "norm=none",
)  # fmt: skip


def _planted(name: str, base: str, changes: tuple[str, ...], accepted: tuple[str, ...], reason: str,
             steps: int | None = None) -> Kind:  # fmt: skip
    return Kind(name, base, changes, accepted, reason, "judging", steps)


def _healthy(name: str, base: str, *changes: str, steps: int | None = None) -> Kind:
    reason = "It reaches a score near the best of its data set."
    return Kind(f"healthy_{name}", base, changes, ("healthy",), reason, "judging", steps)


FRESH_PLANTED: tuple[Kind, ...] = (
    # The balance of the two networks
    _planted("d_rate_of_1e-8", "stacked", rates(2e-3, 1e-8),
             ("discriminator_at_chance", "no_learning", *_COLLAPSE),
             "D stays as it was initialized, and all images become what it happens to prefer."),
    _planted("narrow_g", "digits16", ("generator.width=1", *_FREE_D),
             ("discriminator_overpowers", *_COLLAPSE), "G has one channel before its output, and D has no restraint."),
    _planted("minimax_and_three_d_updates", "stacked",
             ("loss=minimax", "norm=none", "schedule.n_critic=3", *rates(2e-4, 4e-3)), _OVERPOWERED,
             "Where D is right, the saturating loss has no gradient for G (Arjovsky & Bottou 2017)."),
    _planted("minimax_on_a_grid", "grid", ("loss=minimax", "discriminator.hidden=[128,128]", *rates(1e-3, 1e-2)),
             (*_OVERPOWERED, *_COLLAPSE), "The saturating loss with a D that is faster than G."),
    # Rates and optimizers
    _planted("weights_of_g_decay", "digits", ("optimizer=adamw", "optimizer.generator.weight_decay=100", *rates(2e-3)),
             ("mode_collapse", "dead_layers", "vanishing_gradients", "discriminator_overpowers"),
             "Each update takes a fifth of G's weights away: all images are equal."),
    _planted("weights_of_d_decay", "digits", ("optimizer=adamw", "norm.discriminator.weight=none",
             "optimizer.discriminator.weight_decay=200", *rates(2e-3)), (*_FLAT_D, "dead_layers"),
             "Each update takes two fifths of D's weights away: it is constant."),
    _planted("rates_fall_at_once", "digits",
             tuple(f"optimizer.{name}.lr={{start: 0.002, end: 1.0e-8, shape: linear, until: 0.05}}"
                   for name in ("generator", "discriminator")), ("no_learning", *_COLLAPSE),
             "Both rates have fallen to nothing after 5 % of the run, while the images are still alike."),
    _planted("rmsprop_at_rate_1", "digits", ("optimizer=rmsprop", "norm=none", "init=he", *rates(1.0)),
             (*_RUNAWAY, "vanishing_gradients", "mode_collapse"),
             "Each update moves every weight by about 1: images are black and white, and logits enormous."),
    _planted("sgd_at_rate_50_lsgan", "grid", ("loss=lsgan", "optimizer=sgd", *rates(50.0)), _RUNAWAY,
             "The squared loss overflows after a few updates of gradient descent."),
    # Initialization
    _planted("d_all_zero", "digits16", ("init.discriminator={name: constant, value: 0}",
             *_FREE_D),
             (*_FLAT_D, "dead_layers", "no_learning"),
             "Every weight of D is 0: its logit is the same for all images, and its hidden weights have no gradient."),
    _planted("deep_tanh_saturated", "digits", (*_DEEP_TANH, "init.generator={name: normal, std: 2}",
             "init.discriminator={name: normal, std: 2}"),
             (*_RUNAWAY, *_OVERPOWERED), "Six saturated layers of tanh in each network: most of a gradient is lost."),
    _planted("orthogonal_with_gain_6", "digits16", ("norm=none", "init.generator={name: orthogonal, gain: 6}",
             "init.discriminator={name: orthogonal, gain: 6}"),
             (*_RUNAWAY, *_OVERPOWERED), "Each layer multiplies the signal by six: logits and gradients explode."),
    # Too little data, or too little variety
    _planted("few_images_16x16", "digits16", (*_PIXELS, "data.limit=212", "discriminator.width=48", *_PLAIN_D,
             "batch_size=12", "evaluation.reals=12"), ("discriminator_overfits", "mode_collapse"),
             "12 training images, 200 held out, and a wide D, which memorises them.", 400),
    _planted("few_images_hinge", "digits", (*_PIXELS, "data.limit=216", "discriminator=resnet",
             "discriminator.width=32", "loss=hinge", *_PLAIN_D, "batch_size=16", "evaluation.reals=16"),
             ("discriminator_overfits", "mode_collapse"),
             "16 training images, 200 held out, and a residual D, which memorises them.", 400),
    _planted("bottleneck_in_g", "grid", ("generator.hidden=[64,1]",), _COLLAPSE,
             "All that G makes passes one unit: its points lie on a curve."),
    _planted("latent_dim_1_stacked", "stacked", ("latent=uniform", "latent.dim=1"), _COLLAPSE,
             "All images lie on one curve: most of a thousand modes are out of reach."),
    _planted("ring_hinge", "ring", ("loss=hinge", *rates(1e-3, 4e-3)), ("oscillation", *_COLLAPSE),
             "The hinge loss without any penalty, and a fast D: G visits the modes one after the other."),
    _planted("grid_lsgan", "grid", ("loss=lsgan", *rates(1e-3)), ("oscillation", *_COLLAPSE),
             "The squared loss without any penalty keeps a few of 25 modes."),
    # What tells D nothing
    _planted("targets_exchanged", "digits", ("targets.flip=1.0",), (*_FLAT_D, *_COLLAPSE),
             "D learns to call images fake and fakes real, and G is content with whatever it makes."),
    _planted("weight_penalty_of_30", "digits", ("norm=layer", "norm.discriminator.layer=none",
             "regularizer=[weight_penalty]", "regularizer.weight_penalty.weight=30"), (*_FLAT_D, "dead_layers"),
             "The penalty on D's weights outweighs the loss: they go to 0, and D is constant."),
    _planted("gradient_penalty_of_1e6", "stacked", ("norm=layer", "norm.discriminator.layer=none",
             "regularizer=[gradient_penalty]", "regularizer.gradient_penalty.weight=1e6",
             "regularizer.gradient_penalty.center=0"), _FLAT_D,
             "The penalty on D's slope outweighs the loss: D is constant."),
    # Wasserstein critics
    _planted("wgan_gp_of_1e-6", "stacked", ("loss=wgan_gp", "regularizer.gradient_penalty.weight=1e-6", "norm=none",
             "init=he", "schedule.n_critic=2", *rates(1e-3)), _SLOPE,
             "The gradient penalty counts for nothing: nothing limits the critic's slope."),
    _planted("wgan_clip_3_ring", "ring", ("loss=wgan", "constraint.bound=3", "schedule.n_critic=2", *rates(1e-3, 1e-2)),
             _SLOPE, "The bound is hardly reached: the critic's slope may grow a thousandfold."),
    _planted("wgan_clip_1e-3_grid", "grid", ("loss=wgan", "constraint.bound=1e-3", "schedule.n_critic=2"),
             ("vanishing_gradients", "not_lipschitz", "no_learning"),
             "Weights below 1e-3 let neither signal nor gradient through the critic."),
)  # fmt: skip

FRESH_HEALTHY: tuple[Kind, ...] = (
    _healthy("group_norm", "digits", "norm=group"),
    _healthy("weight_norm", "digits", "norm=weight"),
    _healthy("dragan", "digits", "loss=dragan", "norm=layer"),
    _healthy("relativistic_average", "digits", "loss=relativistic", "loss.form=average"),
    _healthy("adamw_he", "digits", "optimizer=adamw", "init=he", *rates(2e-3)),
    _healthy("rmsprop", "digits", "optimizer=rmsprop", *rates(1e-3)),
    _healthy("cosine_decay", "digits", "tricks=[cosine_decay]", "norm=batch"),
    _healthy("label_smoothing", "digits", "tricks=[label_smoothing]", "norm=batch"),
    _healthy("diff_augment", "digits", "tricks=[diff_augment]", "augment.diff_augment.cutout=0", "norm=batch"),
    _healthy("packing", "digits", "tricks=[packing]", "norm=layer"),
    _healthy("lecam", "digits", "regularizer=[lecam]", "norm=batch"),
    _healthy("feature_matching", "digits", "regularizer=[feature_matching]"),
    _healthy("projection", "digits", "condition=projection", "norm=spectral"),
    _healthy("two_d_updates", "digits", "schedule.n_critic=2"),
    _healthy("large_g_batch", "digits", "tricks=[large_generator_batch]", "norm=batch"),
    _healthy("resnet_hinge", "digits", "generator=resnet", "discriminator=resnet", "generator.width=16",
             "discriminator.width=16", "loss=hinge"),
    _healthy("sphere", "digits", "latent=sphere", "latent.dim=16", "norm=layer"),
    _healthy("long_batch_norm", "digits", "norm=batch", steps=600),
    _healthy("long_r1_r2", "digits", "norm=layer", "regularizer=[r1,r2]", "regularizer.r1.weight=0.5",
             "regularizer.r2.weight=0.5", steps=600),
    _healthy("16x16_batch_norm", "digits16", "norm=batch"),
    _healthy("16x16_r1", "digits16", "norm=layer", "regularizer=[r1]", "regularizer.r1.weight=1"),
    _healthy("stacked_hinge", "stacked", "loss=hinge"),
    _healthy("stacked_r1", "stacked", "norm=layer", "regularizer=[r1]", "regularizer.r1.weight=1"),
    _healthy("ring_average", "ring", "loss=relativistic", "loss.form=average", "regularizer=[r1,r2]",
             "regularizer.r1.weight=0.1", "regularizer.r2.weight=0.1"),
    _healthy("grid_long", "grid", "loss=relativistic", "regularizer=[r1,r2]", "regularizer.r1.weight=0.05",
             "regularizer.r2.weight=0.05", steps=600),
)  # fmt: skip
