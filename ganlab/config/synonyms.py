"""Other names of options and settings: names in papers and libraries, and their abbreviations."""

from __future__ import annotations

from collections.abc import Iterable

from ganlab.errors import nearest

SYNONYMS: dict[str, tuple[str, ...]] = {
    option: tuple(words.split())
    for option, words in {
        # initializers
        "he": "kaiming kaiming_normal he_normal msra",
        "he_uniform": "kaiming_uniform",
        "xavier": "glorot glorot_uniform xavier_uniform",
        "xavier_normal": "glorot_normal",
        "default": "pytorch torch",
        "orthogonal": "ortho saxe",
        "constant": "zeros ones",
        "pretrained": "imagenet finetune",
        "normal": "gaussian",
        # norms and parametrizations
        "batch": "bn batchnorm batch_norm batchnorm2d",
        "layer": "ln layernorm layer_norm",
        "instance": "in instancenorm instance_norm",
        "group": "gn groupnorm group_norm",
        "pixel": "pn pixelnorm pixel_norm",
        "conditional_batch": "cbn conditional conditional_bn",
        "sync_batch": "syncbn sync_bn",
        "spectral": "sn spectralnorm spectral_norm",
        "weight": "wn weightnorm weight_norm lamda lambda lambda_gp gp_weight coefficient",  # of a penalty too
        "equalized": "equalized_lr equalised elr",
        # losses
        "bce": "gan ns nsgan non_saturating nonsaturating vanilla logistic standard cross_entropy",
        "minimax": "saturating mm",
        "lsgan": "ls least_squares mse l2",
        "hinge": "geometric",
        "relativistic": "rpgan ragan rsgan rgan relativistic_average",
        "wgan_gp": "wgangp wasserstein_gp",
        "wgan": "wasserstein",
        "bce_r1": "r1",
        # conditions
        "auxiliary": "acgan ac_gan aux auxiliary_classifier",
        "concat": "cgan onehot one_hot",
        "projection": "proj label labels class",
        # data
        "ring": "8gaussians 8_gaussians gaussians gaussians_8",
        "grid": "25gaussians 25_gaussians gaussians_25",
        "swiss_roll": "swissroll roll",
        "image_folder": "folder images imagefolder",
        "cifar10": "cifar",
        # regularizers and tricks
        "gradient_penalty": "gp wgan_gp dragan",
        "weight_penalty": "l2 weight_decay",
        "feature_matching": "fm",
        "consistency": "cr crgan cr_gan",
        "auxiliary_classifier": "acgan ac_gan classifier",
        "minibatch_stddev": "mbstd stddev",
        "uniform_average": "swa",
        "label_smoothing": "soft_labels smoothing",
        "packing": "pacgan",
        # others
        "uniform": "swa polyak mean",
        "ema": "moving_average",
        "sgd": "momentum",
        "weight_clipping": "clip clipping",
        "silu": "swish",
        "leaky_relu": "lrelu leakyrelu",
        "transposed": "deconv deconvolution",
        "pixel_shuffle": "subpixel",
        "stddev": "minibatch_stddev mbstd",
        "discrimination": "minibatch_discrimination",
        "resnet": "sngan",
        "torchvision": "resnet18 resnet34 resnet50 vgg vgg11 vgg13 vgg16 vgg19",
        "mlp": "fc dense linear",
        # settings; one with a point stands for itself alone
        "steps": "epochs iterations iters max_steps num_steps",
        "batch_size": "batch bs batchsize",
        "lr": "learning_rate",
        "betas": "beta beta1 beta2",
        "epsilon": "eps",
        "width": "channels",
        "latent.dim": "nz z_dim latent_dim",
        "generator.width": "ngf",
        "discriminator.width": "ndf",
        "data.size": "image_size resolution",
        "targets.real": "smoothing",
        "runtime.device": "device",
        "runtime.precision": "amp",
        "init": "initializer initialization",
        "norm": "normalization",
        "data": "dataset",
        "discriminator": "disc critic",
        "generator": "gen",
        "loss": "gan_mode objective",
    }.items()
}


def by_other_name(word: str, options: Iterable[str]) -> str | None:
    """Returns the option or setting of which ``word`` is another name, or None if there is none."""
    folded = word.lower().replace("-", "_")
    return next((option for option in options if folded in SYNONYMS.get(option, ())), None)


def also_called(word: str, options: Iterable[str]) -> str | None:
    """Returns the option of which ``word`` is another name or the beginning, or None if there is none."""
    known = list(options)
    folded = word.lower().replace("-", "_")
    beginnings = (option for option in known if option.startswith(f"{folded}_"))
    return by_other_name(word, known) or next(beginnings, None)


def meant(word: str, options: Iterable[str]) -> str | None:
    """Returns the option that ``word`` probably means: one that has it as another name, one that begins with it, or
    the one with the most similar spelling; None if none is similar."""
    known = list(options)
    if guess := also_called(word, known) or nearest(word, known):
        return guess
    other = nearest(word, [name for option in known for name in SYNONYMS.get(option, ())])  # another name, misspelt
    return other and also_called(other, known)
