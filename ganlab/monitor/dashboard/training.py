"""The charts of what training logs: losses, logits, scores, rates and speed, by the tags of ``metrics.jsonl``."""

from __future__ import annotations

from collections.abc import Mapping

from ganlab.monitor.dashboard.chart import DETAILS, HEALTH, LOSSES, Chart

OF_EACH: Mapping[str, Chart] = {
    "loss": Chart(
        LOSSES,
        "{network} loss",
        "The loss that {N} minimized: the adversarial loss plus each regularizer times its weight, averaged over the "
        "updates since the last log point.",
        good="no level by itself: the two losses oppose each other. Both should stay in their range; one that runs to "
        "an extreme while the other vanishes shows that one network has won. Judge progress by samples and scores",
    ),
    "adversarial": Chart(
        DETAILS,
        "{network} adversarial loss",
        "{N}'s loss without regularizers. It is drawn from the first value that differs from {N}'s loss.",
        held="repeat",
        repeats="{network}/loss",
    ),
    "gradient_norm": Chart(
        HEALTH,
        "{network} gradient norm",
        "The norm of {N}'s whole gradient, before clipping.",
        "loss per weight",
        "steady; orders of magnitude up is an explosion, towards 0 it learns nothing",
    ),
    "blocked": Chart(
        HEALTH,
        "{network} updates left out",
        "The share of {N}'s updates that changed no weight, because loss or gradient was not finite. It is drawn from "
        "the first value above 0 on.",
        "share, [0, 1]",
        "0; a run with more is about to diverge",
        held="zero",
    ),
    "learning_rate": Chart(
        DETAILS,
        "{network} learning rate",
        "The learning rate of {N}'s newest update. It is drawn from its first change on.",
        held="constant",
    ),
}
"""By the last part of the tag: each network has one."""

SIGMA = Chart(
    DETAILS,
    "{network} sigma",
    "The largest singular value of the layer's weight, by which spectral normalization divides it (Miyato et al. "
    "2018).",
    good="growth that ends; an explosion comes before a collapse (Brock et al. 2019, §4)",
)

SINGLE: Mapping[str, Chart] = {
    "discriminator/real": Chart(
        LOSSES,
        "discriminator on real images",
        "D's mean logit on real images, in the updates of D.",
        "logit",
        "a little above that on generated images. Equal means that D cannot tell them apart; a distance that grows all "
        "the time means that D wins",
    ),
    "discriminator/fake": Chart(
        LOSSES,
        "discriminator on generated images",
        "D's mean logit on generated images, in the updates of D.",
        "logit",
        "a little below that on real images",
    ),
    "discriminator/held_out": Chart(
        HEALTH,
        "discriminator on held-out images",
        "D's mean logit on real images that it never trains on (data.held_out).",
        "logit",
        "equal to that on training images; far below, D has learned its images by memory (it overfits)",
    ),
    "discriminator/trained_on": Chart(
        HEALTH,
        "discriminator on training images",
        "D's mean logit on as many training images, to compare with held-out ones.",
        "logit",
        "equal to that on held-out images",
    ),
    "progress/images": Chart(DETAILS, "real images seen", "The number of real images that D has trained on.", "images"),
    "progress/images_per_second": Chart(
        DETAILS, "real images per second", "The speed of training, without samples and checkpoints.", "images/s", "high"
    ),
    "augment/ada/p": Chart(
        DETAILS,
        "augmentation probability (ADA)",
        "The probability with which ADA augments an image that D sees (Karras et al. 2020).",
        "[0, 1]",
        "a level that it settles at; the less data, the higher",
    ),
    "augment/ada/r_t": Chart(
        DETAILS,
        "discriminator sign on real images (ADA)",
        "The mean sign of D's logits on reals, by which ADA moves its probability.",
        "[-1, 1]",
        "near ADA's target",
    ),
    "regularizer/lecam/real": Chart(
        DETAILS, "discriminator on real images (LeCam mean)", "LeCam's moving mean of D's logit on reals.", "logit"
    ),
    "regularizer/lecam/fake": Chart(
        DETAILS, "discriminator on generated images (LeCam mean)", "LeCam's moving mean of D's logit on fakes.", "logit"
    ),
}

SCORES: Mapping[str, tuple[str, str, str]] = {
    "fid": (
        "FID",
        "The Fréchet distance between the features of generated and of real images (Heusel et al. 2017).",
        "lower",
    ),
    "kid": (
        "KID",
        "The kernel distance between the features of generated and of real images (Bińkowski et al. 2018).",
        "lower; 0 is the data itself",
    ),
    "kid_std": ("KID error", "The standard deviation of KID over subsets.", ""),
    "precision": (
        "precision",
        "The share of generated images that lie among the real ones (Kynkäänniemi et al. 2019).",
        "higher, up to 1; low means bad images",
    ),
    "recall": (
        "recall",
        "The share of real images that lie among the generated ones (Kynkäänniemi et al. 2019).",
        "higher, up to 1; low means that kinds of images are missing",
    ),
    "density": ("density", "How densely real images surround generated ones (Naeem et al. 2020).", "higher, about 1"),
    "coverage": (
        "coverage",
        "The share of real images that have a generated one near (Naeem et al. 2020).",
        "higher, up to 1; low means that kinds of images are missing",
    ),
    "inception_score": (
        "inception score",
        "Whether images look like one class each and like all classes together (Salimans et al. 2016).",
        "higher, up to the number of classes",
    ),
    "inception_score_std": ("inception score error", "The standard deviation of the inception score over splits.", ""),
    "modes": ("modes", "The number of modes of the data that are among the samples.", "all of them"),
    "good_share": (
        "share of good samples",
        "The share of samples that lie near a mode of the data.",
        "higher, up to 1",
    ),
    "class_entropy": (
        "class entropy",
        "How evenly the samples' classes are spread.",
        "higher; 0 means that all samples are of one class",
    ),
    "reverse_kl": ("reverse KL", "The divergence of the samples' classes from those of the data.", "lower; 0 is equal"),
    "memorised": ("memorised", "The share of samples that copy a training image.", "lower"),
    "closer": (
        "closer to the training data",
        "The share of samples that are closer to a training image than 95 % of real images are.",
        "about 0.05",
    ),
}
"""The scores by name: how they are written, what they measure, and what is good."""

FIRST_SCORES = ("fid", "kid", "precision", "recall", "inception_score", "modes", "good_share")
"""The scores beside the losses; the others are details."""
