"""Every setting of every option changes something that can be observed; none is silently ignored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib
import pytest

from ganlab.config import configure
from ganlab.config.build import build_discriminator, build_generator, build_trainer, initialize_network
from ganlab.config.schema import hints, is_mapping, table_of
from ganlab.config.settings import Settings
from ganlab.errors import UserError
from ganlab.evaluation import feature_maps
from ganlab.losses import LOSSES
from ganlab.monitor.settings import ProgressSetting
from ganlab.training.observer import Inspected, Observer, Samples
from tests.conftest import TINY, merged
from tests.diagnosis.verdicts.rows import THRESHOLDS

CLASSIFIER = {"regularizer": {"auxiliary_classifier": {}}}
PATCH = {"name": "patch", "width": 4, "layers": 1}
PAIRS = {
    "data": {"name": "digit_pairs", "size": 16, "limit": 64}, "condition": "image", "generator": {"name": "unet", "width": 4}
}  # fmt: skip
GLYPHS: dict[str, Any] = {
    "data": {"name": "glyph_pairs", "root": str(Path(matplotlib.get_data_path(), "fonts", "ttf")), "characters": list("ABCD"), "size": 16},
    "condition": {"name": "image", "source": ["content", "style"], "heads": ["font", "character"]},
    "generator": {"name": "wnet", "width": 4, "residual": 2},
    "discriminator": {"name": "wnet", "width": 4},
    "regularizer": {"auxiliary_classifier": {}},
}  # fmt: skip
RESNET18 = {"name": "torchvision", "backbone": "resnet18"}

# What stands beside a setting so that it matters, and another value for it. A key in two rows matters in two places.
CHANGES: list[tuple[dict[str, Any], str, Any]] = [
    ({}, "steps", 3),
    ({}, "batch_size", 4),
    ({}, "seed", 1),
    ({}, "data.size", 20),
    ({}, "data.limit", 32),
    ({}, "data.classes", [3, 8]),
    ({}, "data.held_out", 8),
    ({}, "data.held_out", 0.1),
    ({}, "generator.width", 6),
    ({"generator": {"width": 40}}, "generator.largest_width", 64),
    ({}, "generator.activation", "tanh"),
    ({"generator": {"activation": "leaky_relu"}}, "generator.activation.slope", 0.5),
    ({}, "discriminator.width", 6),
    ({"discriminator": {"width": 40}}, "discriminator.largest_width", 64),
    ({}, "discriminator.activation", "tanh"),
    ({"discriminator": {"activation": "leaky_relu"}}, "discriminator.activation.slope", 0.5),
    ({"generator": "mlp"}, "generator.hidden", [8]),
    ({"discriminator": {"name": "mlp", "hidden": [8, 8]}}, "discriminator.hidden", [8]),
    ({"discriminator": {"name": "mlp", "hidden": [8, 8]}}, "discriminator.dropout", 0.7),
    ({}, "latent.dim", 7),
    ({}, "generator.depth", 2),
    *(({}, "generator.upsampling", way) for way in ("nearest", "bilinear", "pixel_shuffle")),
    ({"generator": {"activation": {"name": "elu"}}}, "generator.activation.alpha", 0.5),
    ({}, "discriminator.depth", 2),
    *(({}, "discriminator.downsampling", way) for way in ("average", "max")),
    ({"discriminator": {"activation": {"name": "elu"}}}, "discriminator.activation.alpha", 0.5),
    ({}, "discriminator.dropout", 0.5),
    ({}, "discriminator.pack", 2),
    ({"discriminator": {"minibatch": "stddev"}}, "discriminator.minibatch.group", 2),
    ({"discriminator": {"minibatch": "discrimination"}}, "discriminator.minibatch.features", 7),
    ({"discriminator": {"minibatch": "discrimination"}}, "discriminator.minibatch.kernel", 2),
    *(
        ({network: {"name": "resnet", "width": 4}}, f"{network}.{field}", value)
        for network, field, value in (
            ("generator", "width", 8),
            ("generator", "largest_width", 6),
            ("generator", "depth", 2),
            ("generator", "activation", "silu"),
            ("generator", "upsampling", "transposed"),
            ("discriminator", "width", 8),
            ("discriminator", "largest_width", 6),
            ("discriminator", "depth", 2),
            ("discriminator", "activation", "silu"),
            ("discriminator", "downsampling", "strided"),
            ("discriminator", "dropout", 0.5),
            ("discriminator", "minibatch", "stddev"),
            ("discriminator", "pack", 2),
            ("discriminator", "flat", 2),
            ("discriminator", "coarsest", 8),
            ("discriminator", "stem", "convolution"),
            ("discriminator", "pool", "mean"),
        )
    ),
    *(({"condition": name}, "condition.labels", "uniform") for name in ("concat", "embedding", "projection")),
    ({"condition": "embedding"}, "condition.dim", 3),
    ({"condition": {"name": "projection", "generator": "embedding"}}, "condition.dim", 3),
    ({"condition": "projection"}, "condition.generator", "concat"),
    ({"norm": {"discriminator": {"layer": "group"}}}, "norm.discriminator.layer.groups", 2),
    ({"norm": {"generator": {"layer": "group"}}}, "norm.generator.layer.groups", 2),
    *(
        ({"norm": {network: {"weight": "equalized"}}}, f"norm.{network}.weight.gain", 3.0)
        for network in ("generator", "discriminator")
    ),
    ({"schedule": "alternating"}, "schedule.pretrain_discriminator", 1),
    ({"schedule": "alternating"}, "schedule.accumulation", 2),
    ({"schedule": "alternating"}, "schedule.generator_updates", 2),
    ({"schedule": "alternating"}, "schedule.discriminator_every", 2),
    ({"schedule": "alternating"}, "schedule.burst", {"first": 1, "every": 10, "updates": 2}),
    *(
        ({"schedule": {"name": "alternating", "burst": {"first": 1, "every": 10, "updates": 3}}}, f"schedule.burst.{field}", value)
        for field, value in (("first", 2), ("every", 1), ("updates", 2))
    ),
    ({"schedule": "alternating"}, "schedule.generator_batch_factor", 2),
    ({"schedule": {"name": "alternating", "top_k_until": 0.0}}, "schedule.top_k", 0.5),
    ({"schedule": {"name": "alternating", "top_k": 0.5}}, "schedule.top_k_until", 0.0),
    ({}, "latent.truncation", 0.5),
    *(({"latent": {"name": name, "dim": 6}}, "latent.dim", 7) for name in ("uniform", "sphere")),
    *(
        ({"data": {"name": name, "limit": 64}, "generator": "mlp", "discriminator": "mlp"}, f"data.{field}", value)
        for name, field, value in (
            ("ring", "modes", 5),
            ("ring", "radius", 0.5),
            ("ring", "std", 0.02),
            ("ring", "limit", 32),
            ("grid", "side", 3),
            ("grid", "extent", 0.5),
            ("grid", "std", 0.02),
            ("grid", "limit", 32),
            ("swiss_roll", "noise", 0.01),
            ("swiss_roll", "limit", 32),
        )
    ),
    *(
        ({"init": {network: {"name": name}}}, f"init.{network}.{field}", value)
        for network in ("generator", "discriminator")
        for name, field, value in (
            ("normal", "std", 0.1),
            ("normal", "norm_std", 0.2),
            ("truncated_normal", "std", 0.1),
            ("truncated_normal", "bound", 0.5),
            ("uniform", "bound", 0.1),
            ("xavier", "gain", 2.0),
            ("xavier_normal", "gain", 2.0),
            ("he", "fan", "out"),
            ("he_uniform", "fan", "out"),
            ("orthogonal", "gain", 3.0),
            ("delta_orthogonal", "gain", 3.0),
            ("constant", "value", 0.1),
            ("hybrid", "convolution", "he_uniform"),
            ("hybrid", "output", "normal"),
            ("lsuv", "variance", 4.0),
            ("lsuv", "tolerance", 100.0),
            ("lsuv", "iterations", 0),
            ("fixup", "zero_output", False),
        )
    ),
    ({"init": {"generator": "hybrid"}}, "init.generator.dense", "xavier"),
    ({"init": {"discriminator": "hybrid"}, "discriminator": {"name": "mlp", "hidden": [8, 8]}}, "init.discriminator.dense", "xavier"),
    *(
        ({"init": {network: "hybrid"}, "condition": "embedding"}, f"init.{network}.embedding", "normal")
        for network in ("generator", "discriminator")
    ),
    *(
        ({"norm": {network: {"layer": name}}}, f"norm.{network}.layer.epsilon", 0.1)
        for network in ("generator", "discriminator")
        for name in ("batch", "layer", "instance")
    ),
    ({"norm": {"generator": {"layer": "batch"}}}, "norm.generator.layer.momentum", 0.5),
    ({"norm": {"discriminator": {"layer": "batch"}}}, "norm.discriminator.layer.momentum", 0.5),
    *(
        ({"norm": {network: {"layer": "none", "weight": "spectral"}}}, f"norm.{network}.weight.{field}", value)
        for network in ("generator", "discriminator")
        for field, value in (("iterations", 3), ("floor", 50.0))
    ),
    ({}, "loss", "wasserstein"),
    *(({"loss": name}, "loss.weight", 2.0) for name in LOSSES if name != "wasserstein"),
    ({"loss": "wasserstein", "regularizer": {"gradient_penalty": {}}, "norm": {"discriminator": {"layer": "none"}}}, "loss.weight", 2.0),
    ({}, "targets.real", 0.9),
    ({}, "targets.fake", 0.1),
    ({}, "targets.noise", 0.2),
    ({}, "targets.flip", 0.5),
    ({"loss": "relativistic"}, "loss.form", "average"),
    *(
        ({"norm": {"discriminator": {"layer": "layer"}}, "regularizer": {term: {}}}, f"regularizer.{term}.{field}", value)
        for term, field, value in (
            *((term, "weight", 3.0) for term in (
                "gradient_penalty", "r1", "r2", "weight_penalty", "orthogonal", "consistency", "drift", "feature_matching",
            )),
            *((term, "interval", 2) for term in (
                "gradient_penalty", "r1", "r2", "weight_penalty", "orthogonal", "consistency", "drift", "feature_matching",
            )),
            ("gradient_penalty", "center", 0.0),
            ("gradient_penalty", "one_sided", True),
            ("gradient_penalty", "at", "real"),
            ("orthogonal", "form", "strict"),
            ("orthogonal", "networks", "both"),
            ("consistency", "images", "both"),
            ("consistency", "shift", 1),
            ("consistency", "flip", False),
            ("feature_matching", "features", "all"),
        )
    ),
    ({"norm": {"discriminator": {"layer": "layer"}}, "regularizer": {"gradient_penalty": {"at": "neighbourhood"}}}, "regularizer.gradient_penalty.spread", 2.0),
    *(
        ({"condition": "auxiliary", "regularizer": {"auxiliary_classifier": {}}}, f"regularizer.auxiliary_classifier.{field}", value)
        for field, value in (("weight", 2.0), ("interval", 2), ("generator_weight", 0.1), ("on_fake", False))
    ),
    ({"augment": {"instance_noise": {}}}, "augment.instance_noise.std", 0.5),
    ({"augment": {"instance_noise": {}}}, "augment.instance_noise.until", 0.5),
    ({"augment": {"diff_augment": {}}}, "augment.diff_augment.color", False),
    ({"augment": {"diff_augment": {}}}, "augment.diff_augment.translation", 0.5),
    ({"augment": {"diff_augment": {}}}, "augment.diff_augment.cutout", 0.25),
    ({"schedule": "alternating"}, "schedule.n_critic", 2),
    *(
        ({"optimizer": {network: "adam"}}, f"optimizer.{network}.{field}", value)
        for network in ("generator", "discriminator")
        for field, value in (("lr", 1e-2), ("betas", [0.1, 0.2]), ("epsilon", 0.1), ("weight_decay", 0.5))
    ),
    *(
        ({"optimizer": {network: {"name": name}}}, f"optimizer.{network}.{field}", value)
        for network in ("generator", "discriminator")
        for name, field, value in (
            *((name, "lr", 1e-2) for name in ("adamw", "rmsprop", "sgd")),
            *((name, "decay", "linear") for name in ("adam", "adamw", "rmsprop", "sgd")),
            *((name, "clip_norm", 1e-3) for name in ("adam", "adamw", "rmsprop", "sgd")),
            *((name, "clip_value", 1e-4) for name in ("adam", "adamw", "rmsprop", "sgd")),
            *((name, "weight_decay", 0.5) for name in ("adamw", "rmsprop", "sgd")),
            ("adamw", "betas", [0.1, 0.2]),
            ("adamw", "epsilon", 0.1),
            ("rmsprop", "alpha", 0.5),
            ("rmsprop", "epsilon", 0.1),
            ("sgd", "momentum", 0.5),
        )
    ),
    *(
        ({"optimizer": {network: {"name": "adam", "decay": decay}}}, f"optimizer.{network}.decay.{field}", value)
        for network in ("generator", "discriminator")
        for decay, field, value in (("linear", "start", 0.5), ("linear", "to", 0.5), ("cosine", "to", 0.5))
    ),
    ({"constraint": "weight_clipping"}, "constraint.bound", 0.001),
    ({"averaging": {"name": "ema", "ramp": None}}, "averaging.decay", 0.1),
    ({"averaging": {"name": "ema", "decay": 0.9}}, "averaging.start", 2),
    ({"averaging": "ema"}, "averaging.ramp", None),
    ({"averaging": {"name": "ema", "ramp": None}}, "averaging.half_life", 1.0),
    ({"averaging": "uniform", "steps": 3}, "averaging.start", 2),
    *(
        ({"condition": "auxiliary", **CLASSIFIER}, f"condition.{field}", value)
        for field, value in (("labels", "uniform"), ("generator", "embedding"))
    ),
    ({"condition": {"name": "auxiliary", "generator": "embedding"}, **CLASSIFIER}, "condition.dim", 3),
    ({"discriminator": {"name": "mlp", "hidden": [8]}}, "discriminator.pack", 2),
    *(
        ({"discriminator": {**network, "minibatch": name}}, f"discriminator.minibatch.{field}", value)
        for network in ({"name": "mlp", "hidden": [8]}, {"name": "resnet", "width": 4}, RESNET18)
        for name, field, value in (
            ("stddev", "group", 2),
            ("discrimination", "features", 7),
            ("discrimination", "kernel", 2),
        )
    ),
    *(
        ({"discriminator": {**PATCH, **more}}, f"discriminator.{field}", value)
        for more, field, value in (
            ({}, "width", 6), ({}, "layers", 2), ({}, "dropout", 0.5), ({}, "pack", 2), ({}, "activation", "relu"),
            ({"activation": "elu"}, "activation.alpha", 0.5), ({"activation": "leaky_relu"}, "activation.slope", 0.5),
        )
    ),
    *(
        ({**PAIRS, "generator": {"name": "unet", "width": 4, **more}}, f"generator.{field}", value)
        for more, field, value in (
            ({}, "width", 6), ({"width": 40}, "largest_width", 48), ({}, "dropout", 0.5),
            ({}, "down_activation", "elu"), ({}, "up_activation", "elu"),
            *(
                ({f"{way}_activation": activation}, f"{way}_activation.{setting}", 0.5)
                for way in ("down", "up") for activation, setting in (("elu", "alpha"), ("leaky_relu", "slope"))
            ),
        )
    ),
    *((PAIRS, f"data.{field}", value) for field, value in (("size", 20), ("source", "blur"), ("limit", 32), ("held_out", 8), ("classes", [3, 8]))),
    *(
        ({**PAIRS, "regularizer": {"reconstruction": {}}, "steps": 2}, f"regularizer.reconstruction.{field}", value)
        for field, value in (("weight", 1.0), ("interval", 2), ("distance", "l2"))
    ),
    *(
        (merged(GLYPHS, {"generator": more}), f"generator.{field}", value)
        for more, field, value in (
            ({}, "width", 6), ({"width": 40}, "largest_width", 48), ({}, "residual", 4),
            ({}, "down_activation", "elu"), ({}, "up_activation", "elu"),
            *(
                ({f"{way}_activation": activation}, f"{way}_activation.{setting}", 0.5)
                for way in ("down", "up") for activation, setting in (("elu", "alpha"), ("leaky_relu", "slope"))
            ),
        )
    ),
    *(
        (merged(GLYPHS, {"discriminator": more}), f"discriminator.{field}", value)
        for more, field, value in (
            ({}, "width", 6), ({"width": 40}, "largest_width", 48), ({}, "activation", "elu"), ({}, "dropout", 0.5),
            ({"activation": "elu"}, "activation.alpha", 0.5), ({"activation": "leaky_relu"}, "activation.slope", 0.5),
        )
    ),
    ({**GLYPHS, "condition": {"name": "image", "source": ["content", "style"]}, "regularizer": {}}, "discriminator.pack", 2),
    *(
        (merged(GLYPHS, {"generator": {"heads": True}, "regularizer": {"encoder_classifier": {}}}), f"regularizer.encoder_classifier.{field}", value)
        for field, value in (("weight", 2.0), ("interval", 2))
    ),
    *(
        (merged(GLYPHS, {"regularizer": {"code_constancy": {}}}), f"regularizer.code_constancy.{field}", value)
        for field, value in (("weight", 2.0), ("interval", 2), ("of", {"content": 3.0}))
    ),
    *(
        ({**PAIRS, "regularizer": {"perceptual": {}}}, f"regularizer.perceptual.{field}", value)
        for field, value in (("weight", 2.0), ("interval", 2), ("layers", {"block2": 1.0}))
    ),
    *(
        ({"augment": {"ada": {"p": 0.5, **more}}, "steps": 2}, f"augment.ada.{field}", value)
        for more, field, value in (
            ({}, "p", 0.1), ({}, "blit", False), ({}, "geometry", False), ({}, "color", False),
            ({}, "color_share", 0.2), ({}, "cutout", True),
            ({"adjust_images": 30}, "interval", 1), ({"interval": 1}, "adjust_images", 20),
            ({"interval": 1, "adjust_images": 30}, "target", -0.9),
        )
    ),
    *(
        ({"regularizer": {"lecam": more}, "steps": 3}, f"regularizer.lecam.{field}", value)
        for more, field, value in (({}, "weight", 3.0), ({}, "interval", 2), ({}, "decay", 0.1), ({}, "start", 3))
    ),
    *(({"discriminator": RESNET18}, f"discriminator.{field}", value) for field, value in (("dropout", 0.5), ("pack", 2))),
    *(
        ({network: {"name": name, **small, "activation": activation}}, f"{network}.activation.{field}", value)
        for network in ("generator", "discriminator")
        for name, small in (("mlp", {"hidden": [8]}), ("resnet", {"width": 4}))
        for activation, field, value in (("elu", "alpha", 0.5), ("leaky_relu", "slope", 0.5))
    ),
    *(
        ({"norm": {network: {"layer": name}}}, f"norm.{network}.layer.epsilon", 0.1)
        for network in ("generator", "discriminator")
        for name in ("sync_batch", "pixel", "group")
    ),
    *(
        ({"norm": {network: {"layer": "sync_batch"}}}, f"norm.{network}.layer.momentum", 0.9)
        for network in ("generator", "discriminator")
    ),
    *(
        ({"condition": "concat", "norm": {"generator": {"layer": "conditional_batch"}}}, f"norm.generator.layer.{field}", value)
        for field, value in (("epsilon", 0.1), ("momentum", 0.9))
    ),
    *(
        ({"condition": "projection", "norm": {"discriminator": {"layer": "conditional_batch"}}}, f"norm.discriminator.layer.{field}", value)
        for field, value in (("epsilon", 0.1), ("momentum", 0.9))
    ),
    *(
        ({"optimizer": {network: {"name": name, "decay": decay}}}, f"optimizer.{network}.decay.{field}", value)
        for network in ("generator", "discriminator")
        for name in ("adamw", "rmsprop", "sgd")
        for decay, field, value in (("linear", "start", 0.5), ("linear", "to", 0.5), ("cosine", "to", 0.5))
    ),
    ({}, "runtime.precision", "bf16"),
    ({}, "runtime.channels_last", False),
    ({}, "runtime.fast", False),  # other roundings
    ({}, "logging.every", 1),
    ({}, "logging.samples_every", 1),
    ({}, "logging.samples", 5),
    ({}, "logging.inspection", True),
    ({"logging": {"every": 1}}, "diagnosis", "none"),
    *(
        # At 0.1 of the reals' distance some images of a G with its first weights have a twin.
        ({"logging": {"every": 1, "samples_every": 1}, "diagnosis": {"name": "default", "near": 0.1}}, f"diagnosis.{field}", value)
        for field, value in (("samples", 4), ("pictures", 16), ("latents", 0), ("near", 0.25))
    ),
    ({}, "checkpoint.every", 1),
    ({"checkpoint": {"every": 1}, "steps": 4}, "checkpoint.keep", 1),
]  # fmt: skip

IMAGES = ("size", "crop", "classes", "limit", "held_out", "flip")
COLOURS = ("color", "background", "range")

# Settings that a test of their own covers, by component, with that test.
ELSEWHERE = {
    "runtime.device": "test_rules.test_what_the_machine_has_not",
    "runtime.threads": "test_every_setting.test_threads_and_bar",
    "runtime.cuda_graph": "test_cuda_graph",
    "runtime.deterministic": "test_device.test_deterministic_kernels_are_one_jobs_choice",
    "logging.observers.tensorboard.histograms": "monitor.test_monitor.test_histograms_come_every_so_many_steps",
    "logging.observers.tensorboard.graph": "diagnosis.test_graph.test_it_is_in_the_event_file_if_it_is_asked_for",
    "logging.progress": "monitor.test_progress_lines.test_what_is_shown",
    **{f"logging.observers.mlflow.{field}": "monitor.test_mlflow_run" for field in ("experiment", "uri")},
    **{f"logging.observers.wandb.{field}": "monitor.test_wandb_run" for field in ("project", "entity", "mode")},
    "discriminator.torchvision.backbone": "test_backbone.test_parameters_are_torchvisions_without_the_classifier",
    **{
        f"init.{network}.pretrained.{field}": "test_every_setting.test_pretrained_weights"
        for network in ("generator", "discriminator")
        for field in ("path", "layers", "weights", "rest")
    },
    "condition.image.heads": "conditions.test_several_images",
    "condition.content_style.source": "conditions.test_several_images",
    "condition.content_style.heads": "conditions.test_several_images",
    "generator.wnet.heads": "networks.test_wnet.test_the_table_of_the_generator_at_64_pixels_and_full_width",
    "regularizer.perceptual.network": "regularizers.test_perceptual",
    "regularizer.perceptual.weights": "regularizers.test_perceptual",
    "condition.image.source": "conditions.test_image.test_what_is_refused",
    "rules": "test_lifted_rules.test_a_lifted_rule_trains",
    "plugins": "test_train.test_a_plugin_brings_a_loss",
    "resume": "test_train.test_resume_goes_on_in_the_same_folder",
    "resume_override": "test_resume.test_learning_rates_go_on_with_the_override",
    "branch": "test_branch.test_what_a_resume_refuses_may_change",
    "jobs": "test_sweep.test_side_by_side_a_stop_and_a_kill_lose_nothing",
    "checkpoint.retries": "test_checkpoint.test_a_write_may_fail_so_often_in_a_row",
    "checkpoint.minutes": "test_checkpoint.test_minutes_count_from_the_last_checkpoint",
    **{
        f"divergence.{policy}.loss_limit": "test_divergence.test_a_loss_beyond_float32s_whole_numbers_is_told"
        for policy in ("stop", "skip", "rollback")
    },
    **{f"divergence.rollback.{field}": "test_divergence" for field in ("patience", "rate", "times")},
    "divergence.stop.patience": "test_divergence",
    "diagnosis.default.on_verdict": "diagnosis.verdicts.test_training",
    **{f"diagnosis.default.verdicts.{key}": "diagnosis.verdicts.test_thresholds" for key in THRESHOLDS},
    "runtime.cache": "test_cache.test_where_the_cache_is",
    "runtime.resident": "test_feed.test_images_stay_where_they_fit",
    **{f"evaluation.scores.{field}": "test_scoring" for field in ("every", "images", "reals", "best", "diverged")},
    **{
        f"evaluation.scores.features.{field}": "test_features"
        for field in ("classifier.steps", "inception.weights", "pixels.side", "file.path", "file.size")
    },
    **{
        f"data.{name}.{field}": "data.test_every_data_setting"
        for name, fields in {
            "image_folder": (*IMAGES, *COLOURS, "root", "split"),
            "zip": (*IMAGES, *COLOURS, "root", "split"),
            "tar": (*IMAGES, *COLOURS, "root", "split"),
            "arrays": (*IMAGES, *COLOURS, "root", "images", "labels"),
            "fonts": ("root", "size", "classes", "limit", "held_out", "characters", "ink", "margin"),
            "glyph_pairs": (
                "root", "fonts", "content", "characters", "size", "ink", "margin", "per_family", "limit",
                "unseen_fonts", "unseen_characters",
            ),
            "image_pairs": (
                "root", "folders", "direction", "size", "color", "crop", "background", "limit", "held_out", "flip",
            ),
            "stacked_digits": ("size", "classes", "limit", "held_out"),
            "stacked_mnist": ("root", "size", "classes", "limit", "held_out"),
            "lsun": (*IMAGES, "root", "category", "split"),
            "huggingface": (*IMAGES, *COLOURS, "dataset", "split"),
            "torchvision": (*IMAGES, "root", "split", "dataset", "channels", "all_classes"),
        }.items()
        for field in fields
    },
    "data.stacked_mnist.download": "test_stacked",
    **{f"data.torchvision.{field}": "test_torchvision_sets" for field in ("folder", "download", "options")},
    **{f"data.huggingface.{field}": "test_huggingface" for field in ("config", "revision", "image_column", "label_column")},
}  # fmt: skip


class Recorder(Observer):
    def __init__(self) -> None:
        self.events: list[Any] = []

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        self.events.append(("logged", step, {tag: value for tag, value in values.items() if "per_second" not in tag}))

    def sampled(self, step: int, samples: Samples) -> None:
        images = {name: batch.tolist() for name, batch in samples.images.items()}
        self.events.append(("sampled", step, images, samples.columns))

    def inspected(self, step: int, inspection: Inspected) -> None:
        self.events.append(("inspected", step))


def observe(plain: dict[str, Any], folder: Path) -> Any:
    """All that a run of few steps leaves for others to see."""
    configuration = configure(merged(TINY, plain))
    settings, recorder = configuration.settings, Recorder()
    machine = settings.runtime.resolve()
    trainer = build_trainer(settings, machine, settings.data.open(), folder, [recorder])
    trainer.run()
    layouts = [parameter.stride() for parameter in trainer.discriminator.parameters]
    files = sorted(file.name for file in (folder / "checkpoints").iterdir())
    networks = (trainer.generator.network, trainer.discriminator.network)
    weights = [tensor.tolist() for network in networks for tensor in network.state_dict().values()]
    return recorder.events, files, layouts, weights


def nested(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    return value  # type: ignore[no-any-return]


def with_value(plain: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """``plain`` with ``key`` set; a component that stands as a bare name becomes a dict."""
    *parents, last = key.split(".")
    copied: dict[str, Any] = {**plain}
    node = copied
    for part in parents:
        inner = node.get(part, {})
        node[part] = {"name": inner} if isinstance(inner, str) else {**inner}
        node = node[part]
    node[last] = value
    return copied


def _marks(beside: dict[str, Any]) -> list[pytest.MarkDecorator]:
    """A backbone of torchvision has no small form: each change takes many seconds."""
    discriminator = beside.get("discriminator")
    name = discriminator.get("name") if isinstance(discriminator, dict) else discriminator
    return [pytest.mark.slow] if name == "torchvision" else []


@pytest.fixture(autouse=True)
def _quickly_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """The classifier of the perceptual loss is trained for two steps."""
    monkeypatch.setattr(feature_maps, "Classifier", partial(feature_maps.Classifier, steps=2))


@pytest.mark.parametrize(
    ("beside", "key", "value"),
    [pytest.param(*change, id=change[1], marks=_marks(change[0])) for change in CHANGES],
)
def test_changing_it_changes_something(beside: dict[str, Any], key: str, value: Any, tmp_path: Path) -> None:
    base = merged(merged(TINY, {"steps": 2}), beside)
    assert observe(base, tmp_path / "a") != observe(with_value(base, key, value), tmp_path / "b")


def test_the_observation_is_the_same_where_nothing_changes(tmp_path: Path) -> None:
    assert observe({"steps": 2}, tmp_path / "a") == observe({"steps": 2}, tmp_path / "b")


def leaves(kind: type, prefix: str = "") -> Iterator[str]:
    """Yields the keys of all settings of every component, with the component's name behind each slot's:
    ``generator.mlp.hidden``."""
    for name, annotation in hints(kind).items():
        full = f"{prefix}{name}"
        table = table_of(annotation)
        if table is not None:
            for entry, component in table.items():
                yield from leaves(component, f"{full}.{entry}.")
        elif isinstance(annotation, type) and is_dataclass(annotation):
            yield from leaves(annotation, f"{full}.")
        else:
            yield full


def with_components(key: str, settings: Settings) -> str:
    """``generator.hidden`` as ``generator.mlp.hidden``, where that is the component of these settings."""
    node: Any = settings
    found: list[str] = []
    *parents, last = key.split(".")
    for part in parents:
        found.append(part)
        if isinstance(node, Mapping):
            node = node[part]
            continue
        annotation = hints(type(node))[part]
        node, table = getattr(node, part), table_of(annotation)
        if table is not None and not is_mapping(annotation):
            found.append(table.name_of(node))
    return ".".join([*found, last])


def test_no_setting_is_left_out() -> None:
    changed = {
        with_components(key, configure(with_value(merged(merged(TINY, {"steps": 2}), beside), key, value)).settings)
        for beside, key, value in CHANGES
    }
    assert set(leaves(Settings)) - changed - set(ELSEWHERE) == set()
    assert set(ELSEWHERE) <= set(leaves(Settings)), "settings that no longer exist"


def test_pretrained_weights(tmp_path: Path) -> None:
    def trained(folder: Path, **changes: Any) -> None:
        averaged = {"averaging": {"name": "ema", "decay": 0.5, "ramp": None}, "steps": 3, **changes}
        configuration = configure(merged(TINY, averaged))
        settings = configuration.settings
        header = {"settings": configuration.plain()}
        build_trainer(settings, settings.runtime.resolve(), settings.data.open(), folder, header=header).run()

    def started(network: str, **pretrained: Any) -> list[Any]:
        """The weights that a network starts with which is deeper than the trained one."""
        deeper = {network: {"depth": 2}, "init": {network: {"name": "pretrained", **pretrained}}}
        settings = configure(merged(TINY, deeper)).settings
        built = build_generator(settings) if network == "generator" else build_discriminator(settings)
        initialize_network(built, network, settings)  # type: ignore[arg-type]
        return [tensor.tolist() for tensor in built.state_dict().values()]

    trained(tmp_path / "a")
    trained(tmp_path / "b", seed=1)
    for network in ("generator", "discriminator"):
        plain = {"path": str(tmp_path / "a")}
        before = started(network, **plain)
        assert started(network, path=str(tmp_path / "b")) != before
        assert started(network, **plain, rest="he") != before
        with pytest.raises(UserError, match="does not fit"):
            started(network, **plain, layers="all")
        if network == "generator":
            assert started(network, **plain, weights="network") != before
        else:
            with pytest.raises(UserError, match="no average of the discriminator"):
                started(network, **plain, weights="average")


def test_threads_and_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ganlab.commands.launch import training_run
    from ganlab.run_folder import RunFolder
    from ganlab.training import device

    threads, bars = [], []
    monkeypatch.setattr(device.torch, "set_num_threads", threads.append)
    monkeypatch.setattr(ProgressSetting, "build", lambda self, run: bars.append(1) or Observer())
    for settings in ({"runtime": {"threads": 3}}, {"logging": {"progress": True}}):
        folder = tmp_path / str(len(bars))
        folder.mkdir(exist_ok=True)
        training_run.train(configure(merged(merged(TINY, {"steps": 1}), settings)), RunFolder(folder))
    assert threads == [3, device.THREADS]  # and back, for the next job of a sweep
    assert len(bars) == 1
