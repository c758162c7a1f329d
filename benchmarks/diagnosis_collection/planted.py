"""The planted failures of the half for thresholds: kinds of runs with one change that is known to make a GAN fail.

They are all 33 planted kinds of the first round of measurements. Half of them judged then, and has been seen since, so
that the second round sets its thresholds on all of them, and judges on the kinds of ``fresh.py``.

Planted at first, and left out because their scores say that they are no failures (in brackets the FID over that of the
healthy runs): D's rate times 100 with spectral norm, and times 100 and 1,000 without a norm (1.1: with Adam, G's step
does not depend on the size of D's slope, and the loss does not saturate), dropout of 95 % in D (1.0), batches of 2
(1.6), targets of 0.5 for all images (1.9). G's rate times 100 with batch norm (1.0), weights times 30 without a norm
(1.7), and noise that falls to 0 (1.6) were made harder. Batch norm in a penalised critic (0.9) is a healthy kind now.
Two kinds meant as healthy were left out because they missed modes: R1 on the ring, and WGAN-GP on the grid.
"""

from __future__ import annotations

from benchmarks.diagnosis_collection.kinds import Kind, rates

_NO_NORM = ("norm=none", "init=normal")
_PLAIN_D = ("norm=batch", "norm.discriminator.layer=none")
_PLAIN_G = ("norm.generator.layer=none", "init.generator=he")  # with batch norm G stands a rate of 0.2
_DEEP = (
    "generator=mlp", "discriminator=mlp", "generator.hidden=[64,64,64,64,64,64,64,64]",
    "discriminator.hidden=[64,64,64,64,64,64,64,64]", "discriminator.dropout=0", "norm=none",
)  # fmt: skip
_OVERPOWERED = ("discriminator_overpowers", "vanishing_gradients")
_CHANCE = ("discriminator_at_chance",)
_SLOPE = ("not_lipschitz", "divergence", "exploding_gradients")
_COLLAPSE = ("mode_collapse", "partial_collapse")
_PIXELS = ("evaluation.features=pixels",)  # too few images for a classifier

PLANTED: tuple[Kind, ...] = (
    # The balance of the two networks
    Kind("g_rate_times_0.001", "digits", rates(2e-6, 2e-3), ("no_learning", *_OVERPOWERED),
         "G hardly moves, and D tells its images from real ones without effort.", "thresholds"),
    Kind("g_rate_times_100", "digits", (*_PLAIN_G, *rates(2e-1, 2e-3)),
         ("divergence", "oscillation", "exploding_gradients", "mode_collapse", "vanishing_gradients"),
         "G's weights move by 0.2 an update: its images jump, and saturate at black and white.", "thresholds"),
    Kind("d_rate_times_0.001", "digits", rates(2e-3, 2e-6), ("discriminator_at_chance", "no_learning", "mode_collapse"),
         "D stays as it was initialized: it tells nothing apart, and all images become what it happens to prefer.",
         "thresholds"),
    Kind("d_every_50th_step", "digits", ("schedule.discriminator_every=50",),
         ("discriminator_at_chance", "oscillation", *_COLLAPSE),
         "G has 50 updates against a D that stands still, and fools it each time.", "thresholds"),
    Kind("strong_d_minimax", "digits", ("loss=minimax", "norm=none", *rates(2e-4, 5e-3)), _OVERPOWERED,
         "Where D is right, the saturating loss has no gradient for G (Arjovsky & Bottou 2017).", "thresholds"),
    Kind("pretrained_d_minimax", "digits", ("loss=minimax", "norm=none", "schedule.pretrain_discriminator=100",
         *rates(2e-4, 2e-3)), _OVERPOWERED,
         "D has 100 updates before G's first, and the saturating loss has no gradient for G then.", "thresholds"),
    Kind("many_d_updates", "digits", ("schedule.n_critic=5", "norm=none", "loss=minimax", *rates(2e-4, 2e-3)),
         _OVERPOWERED, "Five updates of D, which nothing restrains, for each of G.", "thresholds", 120),
    # Rates and optimizers
    Kind("both_rates_tiny", "digits", rates(1e-7), ("no_learning",), "No weight moves visibly.", "thresholds"),
    Kind("gradients_clipped_away", "digits", ("optimizer=sgd", "optimizer.generator.clip_norm=1e-6",
         "optimizer.discriminator.clip_norm=1e-6", *rates(1e-2)), ("no_learning",),
         "SGD with gradients clipped to a norm of 1e-6: no weight moves visibly.", "thresholds"),
    Kind("momentum_0.99", "ring",
         ("optimizer.generator.betas=[0.99,0.999]", "optimizer.discriminator.betas=[0.99,0.999]"),
         ("oscillation", "divergence", *_COLLAPSE),
         "The updates of each network answer what the other did 100 updates ago.", "thresholds"),
    Kind("sgd_momentum_0.99", "ring", ("optimizer=sgd", "optimizer.generator.momentum=0.99",
         "optimizer.discriminator.momentum=0.99", *rates(3e-2)),
         ("oscillation", "divergence", "exploding_gradients", *_COLLAPSE),
         "Momentum turns the game around its equilibrium into a spiral outwards.", "thresholds"),
    Kind("rate_of_g_1e6", "digits", (*_PLAIN_G, "optimizer.generator.lr=1e6"),
         ("divergence", "exploding_gradients", "mode_collapse", "vanishing_gradients"),
         "One update destroys G, whose images are black and white from then on.", "thresholds"),
    Kind("rate_of_d_1e6_lsgan", "digits", ("loss=lsgan", "norm=none", "optimizer.discriminator.lr=1e6"),
         ("divergence", "exploding_gradients"), "One update destroys D, whose squared loss overflows.", "thresholds"),
    # Initialization
    Kind("constant_init", "digits", ("init=constant",), ("dead_layers", *_COLLAPSE),
         "All units of a layer are equal and stay so: a network of width 1, with nearly equal images.", "thresholds"),
    Kind("g_all_zero", "digits", ("init.generator={name: constant, value: 0}",),
         ("dead_layers", "vanishing_gradients", "no_learning", "mode_collapse"),
         "Every weight of G is 0: all images are equal, and no gradient reaches a weight below the last.",
         "thresholds"),
    Kind("weights_times_100", "digits", (*_NO_NORM, "init.generator.std=2", "init.discriminator.std=2"),
         ("exploding_gradients", "vanishing_gradients", "divergence", "discriminator_overpowers"),
         "Logits in the thousands, and images that saturate G's tanh, behind which no gradient is left.", "thresholds"),
    Kind("weights_times_0.01", "digits16", (*_NO_NORM, "init.generator.std=0.0002", "init.discriminator.std=0.0002"),
         ("vanishing_gradients", "no_learning", "mode_collapse"),
         "The signal shrinks a hundredfold at each layer: equal images, no gradient.", "thresholds"),
    Kind("deep_and_small_weights", "digits", (*_DEEP, "init=normal"),
         ("vanishing_gradients", "no_learning", "mode_collapse", "discriminator_at_chance"),
         "Nine layers with N(0, 0.02²) and no norm: neither signal nor gradient passes them.", "thresholds"),
    Kind("deep_and_large_weights", "digits", (*_DEEP, "init.generator={name: normal, std: 0.5}",
         "init.discriminator={name: normal, std: 0.5}"),
         ("exploding_gradients", "divergence", "vanishing_gradients", "discriminator_overpowers"),
         "Nine layers that double the signal each: logits and gradients explode, G's tanh saturates.", "thresholds"),
    Kind("relu_bias_minus_5", "digits", ("plugins=[benchmarks.diagnosis_collection.biased]", "norm=none",
         "init.generator={name: biased, bias: -5.0}", "discriminator.activation=relu",
         "init.discriminator={name: biased, bias: -5.0}"),
         ("dead_layers", "no_learning", "vanishing_gradients"),
         "No ReLU ever opens: hidden units are 0 for every input, and so is every gradient.", "thresholds"),
    Kind("relu_bias_minus_5_in_g", "ring", ("plugins=[benchmarks.diagnosis_collection.biased]",
         "init.generator={name: biased, bias: -5.0}"),
         ("dead_layers", "no_learning", "vanishing_gradients", "mode_collapse"),
         "No ReLU of G ever opens: all points are equal.", "thresholds"),
    # Too little data, or too little variety
    Kind("eight_images", "digits", (*_PIXELS, "evaluation=none", "data.limit=208", "batch_size=8", "norm=batch"),
         ("discriminator_overfits", "mode_collapse"),
         "8 training images, 200 held out: D knows them by their pixels, and G shows nothing else.", "thresholds", 400),
    Kind("few_images_wide_d", "digits", (*_PIXELS, "data.limit=216", "discriminator.width=64",
         *_PLAIN_D, "batch_size=16", "evaluation.reals=16"),
         ("discriminator_overfits",), "16 training images, 200 held out, and a wide D, which memorises them.",
         "thresholds", 400),
    Kind("few_stacked_wide_d", "stacked", (*_PIXELS, "data.limit=224", "discriminator.width=64",
         *_PLAIN_D, "batch_size=16", "evaluation.reals=24"),
         ("discriminator_overfits",), "24 training images, 200 held out, and a wide D, which memorises them.",
         "thresholds", 400),
    Kind("latent_dim_1", "digits", ("latent.dim=1",), ("partial_collapse", "mode_collapse"),
         "All images lie on one curve: most of the variety of digits is out of reach.", "thresholds"),
    Kind("ring_bce", "ring", ("init=normal", "generator.hidden=[32,32]", "discriminator.hidden=[128,128]",
         *rates(1e-3, 4e-3)), ("oscillation", *_COLLAPSE),
         "The original loss with a D that is faster than G visits the modes one after the other (Metz et al. 2017).",
         "thresholds"),
    Kind("grid_bce", "grid", rates(1e-3), ("oscillation", *_COLLAPSE),
         "The original loss without any penalty keeps a few of 25 modes.", "thresholds"),
    # What tells D nothing
    Kind("labels_flipped_half", "digits", ("targets.flip=0.5",), _CHANCE,
         "Half of D's labels are wrong: they say nothing.", "thresholds"),
    Kind("noise_of_10", "digits",
         ("augment=[instance_noise]", "augment.instance_noise.std={start: 10, shape: constant}"), _CHANCE,
         "Noise twenty times as large as the images hides them from D.", "thresholds"),
    Kind("r1_of_1e5", "ring", ("regularizer=[r1]", "regularizer.r1.weight=1e5"),
         ("discriminator_at_chance", "vanishing_gradients"),
         "The penalty on D's slope outweighs the loss: D is constant.", "thresholds"),
    # Wasserstein critics
    Kind("wgan_clip_1e-4", "digits", ("loss=wgan", "norm=none", "constraint.bound=1e-4", "schedule.n_critic=2"),
         ("vanishing_gradients", "not_lipschitz", "no_learning"),
         "Weights below 1e-4 let neither signal nor gradient through the critic.", "thresholds"),
    Kind("wgan_clip_10", "digits", ("loss=wgan", "norm=none", "constraint.bound=10", "schedule.n_critic=2",
         *rates(1e-3, 1e-2)), _SLOPE, "The bound is never reached: nothing limits the critic's slope.", "thresholds"),
    Kind("wgan_unconstrained", "digits", ("loss=wgan_gp", "regularizer=[]", "norm=none", "schedule.n_critic=2"),
         _SLOPE, "Nothing limits the critic's slope, and its loss falls without end.", "thresholds"),
)  # fmt: skip
