"""The charts of the diagnosis: signals that show whether and why a training fails."""

from __future__ import annotations

from collections.abc import Mapping

from ganlab.monitor.dashboard.chart import DETAILS, HEALTH, Chart


def _health(name: str, what: str, unit: str = "", good: str = "", quiet: bool = False) -> Chart:
    return Chart(HEALTH, name, what, unit, good, held="zero" if quiet else "never")


OF_EACH: Mapping[str, Chart] = {
    "gradient_first": _health(
        "{network} gradient of the first layer",
        "The norm of {N}'s gradient by the weight of its first layer.",
        good="of the order of the last layer's; far below, the gradient vanishes on its way",
    ),
    "gradient_last": _health(
        "{network} gradient of the last layer", "The norm of {N}'s gradient by the weight of its last layer."
    ),
    "gradient_ratio": _health(
        "{network} gradient, smallest over largest",
        "The smallest root mean square gradient of {N}'s layers over the largest.",
        "(0, 1]",
        "steady; towards 0, some layers learn almost nothing beside others",
    ),
    "update": _health(
        "{network} update relative to its weights",
        "How far {N}'s weights moved in an update, as a share of their norm.",
        "share per update",
        "about 0.001; far below it hardly learns, above 0.01 it jumps",
    ),
    "weight": _health(
        "{network} size of weights", "The root mean square of {N}'s weights.", good="slow growth that ends"
    ),
    "dead": _health(
        "{network} dead units",
        "The share of {N}'s units that give the same output for all samples. It is drawn from the first value above 0.",
        "share, [0, 1]",
        "0",
        quiet=True,
    ),
    "activation": _health(
        "{network} size of activations",
        "The root mean square of the activations of {N}'s last hidden layer.",
        good="steady; towards 0 or growing without end, signals vanish or explode",
    ),
    "sigma": _health(
        "{network} largest singular value",
        "The largest singular value of the weights of {N}'s layers.",
        good="growth that ends; an explosion comes before a collapse (Brock et al. 2019, §4)",
    ),
    "sigma_fallen": _health(
        "{network} singular values that fell",
        "The number of singular values of {N}'s weights that fell below half of their earlier value (Liu et al. 2019). "
        "It is drawn from the first value above 0.",
        "number",
        "0; many fall in a mode collapse",
        quiet=True,
    ),
}
"""By the name after ``diagnosis/NETWORK_``."""

SINGLE: Mapping[str, Chart] = {
    **{
        f"accuracy_{kind}": _health(
            f"discriminator accuracy on {images} images",
            f"The share of {images} images that D takes for what they are.",
            "share, [0, 1]; 0.5 is chance",
            good,
        )
        for kind, images, good in (
            (
                "real",
                "real",
                "between 0.6 and 0.95. Near 1 is normal for a strong D as long as G's gradient does not vanish",
            ),
            ("fake", "generated", "between 0.6 and 0.95; at 1 for long, look at the norm of G's output gradient"),
            ("held_out", "held-out", "equal to that on real images; far below, D overfits"),
        )
    },
    **{
        f"sign_{kind}": Chart(
            DETAILS,
            f"discriminator sign on {images} images",
            f"The mean sign of D's logits on {images} images"
            + (", r_t of Karras et al. 2020." if kind == "real" else ".")
            + " It is twice the accuracy on reals minus 1, and the opposite on generated images.",
            "[-1, 1]",
        )
        for kind, images in (
            ("real", "real"),
            ("fake", "generated"),
            ("held_out", "held-out"),
            ("trained_on", "training"),
        )
    },
    "logit_gap": _health(
        "discriminator gap of logits",
        "D's mean logit on real images minus that on generated ones.",
        "logit",
        "small and steady; growth without end means that D wins",
    ),
    "logit_effect": _health(
        "discriminator gap of logits in standard deviations",
        "The gap of D's mean logits over the standard deviation of logits of one kind (Cohen's d).",
        "standard deviations",
        "about 0.5 to 3; below, D cannot tell the kinds apart; far above, they do not overlap any more",
    ),
    "logit_spread": Chart(
        DETAILS,
        "discriminator spread of logits",
        "The standard deviation of D's logits on images of one kind.",
        "logit",
    ),
    "input_gradient": _health(
        "discriminator gradient by its images",
        "The mean norm of the gradient of D's logit by an image.",
        "logit per pixel unit",
        "about 1 for WGAN-GP, whose penalty asks for it; otherwise steady, neither 0 nor growing",
    ),
    "output_gradient": _health(
        "generator gradient by its images",
        "The mean norm of the gradient of G's loss by a generated image: all that G learns from.",
        "loss per pixel unit",
        "steady; if it vanishes while D is always right, D overpowers G",
    ),
    "distance": _health(
        "samples: distance in pixels",
        "The mean distance between two samples over that between two real images, in pixels.",
        "ratio",
        "about 1; 0 means that all samples are equal (mode collapse)",
    ),
    "feature_distance": _health(
        "samples: distance in features",
        "The mean distance between two samples over that between two real images, in D's last features.",
        "ratio",
        "about 1; 0 means that all samples look equal to D",
    ),
    "duplicates": _health(
        "samples: duplicates",
        "The share of samples that have an almost equal one among the others (the birthday test, Arora et al. 2018). "
        "It is drawn from the first value above 0.",
        "share, [0, 1]",
        "0",
        quiet=True,
    ),
    "contrast": _health(
        "samples: contrast",
        "The standard deviation of the samples' pixels over that of the data's.",
        "ratio",
        "about 1; near 0 they are grey",
    ),
    "pixel_gap": _health(
        "samples: distance of the mean image",
        "The distance of the mean sample from the mean real image, over the data's standard deviation.",
        "ratio",
        "near 0",
    ),
    "classes": _health(
        "samples: evenness of classes",
        "The entropy of the samples' classes, as the evaluation's classifier sees them, over its largest value.",
        "[0, 1]",
        "1 if the data's classes are equally frequent; it falls when classes are lost",
    ),
    "condition": _health(
        "generator condition of its Jacobian",
        "The logarithm (base 10) of the condition number of G's Jacobian (Odena et al. 2018).",
        "log10",
        "below about 4; high values go with collapsed directions",
    ),
    "oscillation": _health(
        "discriminator oscillation",
        "How far D's mean logits swing from log point to log point, relative to their spread within a batch.",
        "ratio",
        "below 0.3; above 1 the networks chase each other",
    ),
    "not_finite": _health(
        "updates left out",
        "The number of updates of both networks since the last log point that were left out, because loss or gradient "
        "was not finite. It is drawn from the first value above 0 on.",
        "number",
        "0",
        quiet=True,
    ),
}
"""By the name after ``diagnosis/``."""


def verdict(key: str) -> Chart:
    """Returns the chart of the verdict ``key``, such as ``mode_collapse`` or ``dead_layers/generator``. Its name begins
    with a capital letter, so that TensorBoard puts it before the signals."""
    name, _, network = key.replace("_", " ").partition("/")
    return _health(
        f"Verdict: {name}{f' of the {network}' if network else ''}",
        "1 while this verdict lasts, and 0 before and after. It is drawn from its beginning on; the text `verdicts` "
        "has evidence, explanation and advice.",
        "0 or 1",
        "0",
        quiet=True,
    )


def unknown(name: str) -> Chart:
    """Returns the chart of a signal that the tables do not have."""
    return _health(name.replace("_", " "), f"The signal `diagnosis/{name}`.")
