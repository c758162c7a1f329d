"""Every choice with every other: a random combination trains, or is refused before the first step by a sentence that
names what does not fit."""

from __future__ import annotations

import json
import random
import re
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from ganlab.commands.launch.ready import open_data
from ganlab.conditions import CONDITIONS
from ganlab.config import configure
from ganlab.config.build import build_trainer
from ganlab.config.compose import Composer, composer, config_folder
from ganlab.config.schema import hints, slot_tables
from ganlab.config.settings import Settings
from ganlab.data import SOURCES
from ganlab.errors import Refused
from ganlab.evaluation import feature_maps
from ganlab.latents import LATENTS
from ganlab.networks import DISCRIMINATORS, GENERATORS

# Options that a draw leaves out, and where they are tried instead.
ELSEWHERE = {
    **{
        ("data", file.stem): "tests/data"
        for file in (config_folder() / "data").glob("*.yaml")
        if file.stem
        not in ("digits", "digit_pairs", "glyph_pairs", "image_pairs", "image_folder", "ring", "grid", "swiss_roll")
    },
    ("init", "pretrained"): "tests/initializers/test_pretrained.py: it needs a file",
}
# The reviewed list: what may be refused, and why that is right. A refusal that no line knows fails the test.
REFUSALS = {
    r"points have no height and width": "convolutions on points of the plane",
    r"norm\.discriminator\.layer=\w+ cannot go with regularizer=": "a penalty per sample under batch statistics",
    r"targets\.\w+=\S+ .*with a \w+ loss": "smoothing where no head has targets",
    r"instance norm averages over height and width": "instance norm of vectors or of single pixels",
    r"constraint=weight_clipping with norm\.discriminator\.weight=": "clipping what is rescaled",
    r"regularizer=weight_penalty with norm\.discriminator\.weight=": "a penalty on a scale that is divided out",
    r"discriminator=\w+: with discriminator\.pack=\d+ .*no common label": "packed images have no common label",
    r"condition=\w+ needs labels": "data without classes",
    r"condition=\w+ gives G the class by its norm": "a norm without scales per class",
    r"condition=\w+ without regularizer\.auxiliary_classifier": "a head that nothing trains",
    r"regularizer=auxiliary_classifier with condition=": "a term without its head",
    r"conditional batch norm has a scale per class": "no labels for conditional batch norm",
    r"norm\.\w+\.weight=equalized with init\.\w+=": "two scales at once",
    r"init\.\w+=equalized with norm\.\w+\.weight=": "N(0, 1) without its scale",
    r"regularizer=\S+ with (loss|condition)=\w+, which adds \w+ already": "the same term twice",
    r"tricks=\[\w+,\w+\] both set": "two tricks that contradict each other",
    r"generator=unet: it translates an image": "a translation without an image to translate",
    r"generator=\w+: it makes images from a latent alone": "an image to translate and no translation",
    r"condition=\w+ needs an aligned image": "data without aligned images",
    r"regularizer=(reconstruction|perceptual) with condition=": "a reconstruction without sources",
    r"regularizer=perceptual compares features of a classifier": "a classifier of data without classes",
    r"condition\.heads=\w+ needs labels": "labels that the data does not have",
    r"generator=wnet: it needs two images": "a style without an image of it",
    r"regularizer=(code_constancy|encoder_classifier) with generator=": "codes of a generator without encoders",
    r"generator=wnet: generator\.heads=true predicts labels": "heads without labels",
    r"init\.\w+=\w+ with norm\.\w+\.weight=\w+: it starts some weights at 0": "a direction of a weight of 0",
    r"discriminator\.minibatch: patch has no such setting": "minibatch layers behind a map",
    r"augment=ada with": "ADA of points, or with a loss without a boundary",
    r"VGG|pixels a side|leave no patch": "a size that the architecture does not have",
}
SIDES = {"digits": 32, "digit_pairs": 32, "image_folder": 32, "glyph_pairs": 32, "image_pairs": 32}
LISTS = ("regularizer", "augment", "tricks")


def options(group: str) -> list[str]:
    return sorted(file.stem for file in (config_folder() / group).glob("*.yaml") if (group, file.stem) not in ELSEWHERE)


SINGLE = ("generator", "discriminator", "condition", "latent", "init", "norm", "loss", "optimizer", "constraint", "averaging")  # fmt: skip


def draws(seed: int) -> Iterator[dict[str, list[str]]]:
    """Choices as a person might make them: mostly pictures, points mostly with perceptrons, a few terms and tricks."""
    random_number = random.Random(seed)
    known = {group: options(group) for group in ("data", *SINGLE, *LISTS)}
    points = [name for name in known["data"] if name not in SIDES]
    while True:
        chosen = {group: [random_number.choice(known[group])] for group in SINGLE}
        chosen["data"] = [random_number.choice(sorted(SIDES) if random_number.random() < 0.7 else points)]
        if chosen["data"][0] in points and random_number.random() < 0.85:
            chosen["generator"] = chosen["discriminator"] = ["mlp"]
        # Labels are asked for half of the time; what is made for one thing is mostly chosen with it; and networks of
        # millions of weights are rare, since they take their time.
        if random_number.random() < 0.5:
            chosen["condition"] = ["none"]
        if random_number.random() < 0.6:
            chosen["constraint"] = ["none"]
        for group in LISTS:
            count = random_number.choice(
                {"regularizer": (0, 0, 0, 1, 2), "augment": (0, 0, 1), "tricks": (0, 1, 1, 2, 3)}[group]
            )
            chosen[group] = random_number.sample(known[group], min(count, len(known[group])))
        for group, option, companion, fitting in MOSTLY:
            if option in chosen[group] and random_number.random() < 0.8:
                chosen[companion] = [fitting]
        if chosen["condition"] == ["auxiliary"] and random_number.random() < 0.8:
            chosen["regularizer"] = [name for name in chosen["regularizer"] if name != "auxiliary_classifier"]
        yield chosen


MOSTLY = [
    ("norm", "equalized", "init", "equalized"),
    ("norm", "conditional_batch", "condition", "projection"),
    ("constraint", "weight_clipping", "norm", "batch"),
    ("discriminator", "torchvision", "discriminator", "resnet"),
    ("loss", "wgan_gp", "norm", "layer"),
    ("loss", "dragan", "norm", "layer"),
    ("loss", "bce_r1", "norm", "auto"),
    ("regularizer", "gradient_penalty", "norm", "layer"),
    ("regularizer", "r1", "norm", "group"),
    ("regularizer", "r2", "norm", "spectral"),
    ("regularizer", "auxiliary_classifier", "condition", "auxiliary"),
    ("tricks", "label_smoothing", "loss", "bce"),
    ("tricks", "label_noise", "loss", "minimax"),
    ("tricks", "label_flips", "loss", "lsgan"),
    ("tricks", "packing", "condition", "none"),
    ("regularizer", "reconstruction", "condition", "image"),
    ("regularizer", "perceptual", "condition", "image"),
    ("regularizer", "code_constancy", "generator", "wnet"),
    ("regularizer", "encoder_classifier", "generator", "wnet"),
    ("generator", "wnet", "condition", "content_style"),
    ("condition", "content_style", "data", "glyph_pairs"),
    ("condition", "content_style", "generator", "wnet"),
    ("generator", "unet", "condition", "image"),
    ("condition", "image", "data", "digit_pairs"),
    ("condition", "image", "generator", "unet"),
    ("augment", "ada", "loss", "bce"),
    ("augment", "ada", "data", "digits"),
    ("tricks", "ada", "loss", "bce"),
    ("tricks", "ada", "data", "digits"),
    ("init", "fixup", "norm", "layer"),
    ("init", "zero", "norm", "layer"),
]


@dataclass
class Outcomes:
    trained: Counter[tuple[str, str]] = field(default_factory=Counter)
    runs: int = 0
    refusals: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    unknown: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    diverged: list[str] = field(default_factory=list)


def overrides(chosen: dict[str, list[str]], folder: Path) -> list[str]:
    typed = [f"{group}={chosen[group][0]}" for group in ("data", *SINGLE)]
    typed += [f"{group}=[{','.join(chosen[group])}]" for group in LISTS if chosen[group]]
    data = chosen["data"][0]
    if data in ("image_folder", "image_pairs"):
        typed += [f"data.root={folder}"]
    if data == "glyph_pairs":
        typed += [f"data.root={Path(matplotlib.get_data_path(), 'fonts', 'ttf')}", "data.characters=[A,B,C,D,E,F]"]
    typed += [f"data.size={SIDES[data]}", "data.limit=32"] if data in SIDES else ["data.limit=64"]
    for network in ("generator", "discriminator"):
        architecture = chosen[network][0]
        if architecture in ("dcgan", "resnet", "unet", "wnet"):
            typed += [f"{network}.width=4", f"{network}.largest_width=8"]
        elif architecture == "patch":
            typed += ["discriminator.width=4", "discriminator.layers=1"]
        elif architecture == "mlp":
            typed += [f"{network}.hidden=[16,12]"]
    if chosen["generator"] == ["wnet"]:
        typed += ["generator.residual=1"]
        typed += ["generator.heads=true"] * ("encoder_classifier" in chosen["regularizer"])
    if "minibatch_discrimination" in chosen["tricks"]:
        typed += ["discriminator.minibatch.features=4"]
    if "pretrain_discriminator" in chosen["tricks"]:
        typed += ["schedule.pretrain_discriminator=2"]
    return [*typed, "batch_size=8", "latent.dim=8", "steps=2", "logging.samples=8", "logging.progress=false"]


def try_out(
    composing: Composer,
    chosen: dict[str, list[str]],
    images: Path,
    folder: Path,
    outcomes: Outcomes,
    more: Sequence[str] = (),
) -> None:
    outcomes.runs += 1
    typed = [*overrides(chosen, images), *more]
    try:
        read = composing.read(typed)
        configuration = configure(composing.plain(composing.rewrite(read)))
    except Refused as refusal:
        problems = refusal.problems
    except Exception:
        outcomes.failed.append(f"{' '.join(typed)}\n{traceback.format_exc()}")
        return
    else:
        try:
            if not train(configuration.settings, folder):
                outcomes.diverged.append(" ".join(typed))
        except Exception:  # also a sentence: it would come after the run's folder
            outcomes.failed.append(f"{' '.join(typed)}\n{traceback.format_exc()}")
            return
        outcomes.trained.update((group, option) for group, names in chosen.items() for option in names)
        outcomes.trained["all", "runs"] += 1
        return
    outcomes.refusals += 1
    for problem in problems:
        line = next((pattern for pattern in REFUSALS if re.search(pattern, problem)), None)
        if line is None:
            outcomes.unknown.append(f"{' '.join(typed)}: {problem}")
        else:
            outcomes.refused[line] += 1


def train(settings: Settings, folder: Path) -> bool:
    """Two steps, and what must be true after them. Whether no update was left out for not being finite."""
    trainer = build_trainer(settings, settings.runtime.resolve(), open_data(settings.data), folder)
    trainer.train_step()
    trainer.train_step()
    values = trainer.meter.read()
    finite = values["discriminator/blocked"] == values["generator/blocked"] == 0
    assert all(np.isfinite(value) for value in values.values()) is finite, values
    for learner in (trainer.generator, trainer.discriminator):
        assert all(parameter.isfinite().all() for parameter in learner.parameters)
    if trainer.scorer.due(2, done=True):
        scores = trainer.scorer.score(2, trainer.sampler.fakes, trainer.sampler.weights)
        assert scores is not None
    return finite


@pytest.fixture(autouse=True)
def _quickly_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """The classifier of the perceptual loss is trained for two steps."""
    monkeypatch.setattr(feature_maps, "Classifier", partial(feature_maps.Classifier, steps=2))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person's folder: colour pictures in a folder per class."""
    root = tmp_path_factory.mktemp("pictures")
    noise = np.random.default_rng(0)
    for label in ("cats", "dogs"):
        (root / label).mkdir()
        for number in range(20):
            Image.fromarray(noise.integers(0, 255, (40, 40, 3), dtype=np.uint8)).save(root / label / f"{number}.png")
    return root


def judge(outcomes: Outcomes, least: float = 0.6, diverging: int = 0) -> None:
    """``least`` is the share that must train, ``diverging`` how many may run away in their two steps: plain gradient
    descent on a gradient penalty in a network of four channels does."""
    assert len(outcomes.diverged) <= diverging, "\n".join(outcomes.diverged)
    assert not outcomes.failed, f"{len(outcomes.failed)} failed\n" + "\n".join(outcomes.failed[:10])
    assert not outcomes.unknown, f"{len(outcomes.unknown)} refused\n" + "\n".join(outcomes.unknown[:10])
    assert outcomes.trained["all", "runs"] >= least * outcomes.runs, outcomes.refused


@pytest.mark.parametrize("chunk", [0, *(pytest.param(chunk, marks=pytest.mark.slow) for chunk in range(1, 5))])
def test_random_combinations_train_or_are_refused_in_a_sentence(chunk: int, images: Path, tmp_path: Path) -> None:
    outcomes, drawn = Outcomes(), draws(chunk)
    with composer() as composing:
        for _ in range(35):
            try_out(composing, next(drawn), images, tmp_path, outcomes)
    judge(outcomes)


CHUNKS, DRAWS = 40, 50  # of combinations in `make test-all`


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_many_random_combinations(
    chunk: int, images: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """With more chosen than options: components of one network alone, or within one. What came of all of them is told
    in one line at the end of the tests."""
    outcomes, drawn = Outcomes(), draws(1000 + chunk)
    more = random.Random(chunk)
    with composer() as composing:
        for _ in range(DRAWS):
            chosen = next(drawn)
            try_out(composing, chosen, images, tmp_path, outcomes, [*slots(chosen, more), *values(chosen, more)])
    trained = outcomes.trained["all", "runs"]
    record_property(
        "combinations", json.dumps([outcomes.runs, trained, len(outcomes.diverged), dict(outcomes.refused)])
    )
    judge(
        outcomes, least=0.4, diverging=2
    )  # with components that were chosen without a look at the others, and 50 draws at a time
    assert set(outcomes.refused) <= set(REFUSALS)
    assert trained + outcomes.refusals == outcomes.runs


NOT_DRAWN = ("data", "evaluation", "init.generator", "init.discriminator")  # with components that need files
SLOTS = {key: list(table) for key, table in slot_tables(Settings) if not key.startswith(NOT_DRAWN)}
SLOTS |= {f"init.{network}": options("init") for network in ("generator", "discriminator")}


def slots(chosen: dict[str, list[str]], draw: random.Random) -> list[str]:
    """Up to two components that a network gets alone, or that stand within another."""
    tables = {f"{group}.": DRAWN_FROM[group][chosen[group][0]] for group in DRAWN_FROM}
    fitting = [
        key
        for key in SLOTS
        if "." in key
        and all(not key.startswith(start) or key.split(".")[1] in hints(kind) for start, kind in tables.items())
    ]
    if any(trick.startswith("minibatch") for trick in chosen["tricks"]):
        fitting = [key for key in fitting if key != "discriminator.minibatch"]  # whose features the draw has set
    keys = draw.sample(fitting, draw.choice((0, 0, 1, 2)))
    return [f"{key}={draw.choice(SLOTS[key])}" for key in keys]


VALUES = {  # of settings that are numbers or words, each beside what it needs
    "schedule.n_critic": (2, 3), "schedule.accumulation": (2,), "schedule.top_k": (0.5,), "schedule.generator_batch_factor": (2,),
    "targets.real": (0.9, "{start: 1, end: 0.8, until: 0.5}"), "targets.fake": (0.1,), "targets.flip": (0.1,), "runtime.precision": ("fp32", "bf16"),
    "runtime.fast": ("false",), "runtime.channels_last": ("false", "true"), "data.held_out": (8, 0.25), "latent.truncation": (0.7,),
    "discriminator.dropout": (0.2,), "discriminator.pack": (2,), "generator.depth": (2,), "discriminator.depth": (2,),
    "optimizer.generator.clip_norm": (1.0,), "optimizer.discriminator.clip_value": (0.1,), "condition.generator": ("concat", "norm"),
    "evaluation": ("scores",), "data.size": ("[34,45]",),
}  # fmt: skip


def values(chosen: dict[str, list[str]], draw: random.Random) -> list[str]:
    """Up to two values, in words that the chosen components know."""
    tables = {f"{group}.": DRAWN_FROM[group][chosen[group][0]] for group in DRAWN_FROM}
    fitting = [
        key
        for key in VALUES
        if all(not key.startswith(start) or key.split(".")[1] in hints(kind) for start, kind in tables.items())
        and (not key.startswith("optimizer.") or chosen["optimizer"])
        and (key != "data.size" or chosen["data"][0] in SIDES)
    ]
    keys = draw.sample(fitting, draw.choice((0, 0, 1, 2)))
    typed = [f"{key}={draw.choice(VALUES[key])}" for key in keys]
    return [*typed, *SCORES] if "evaluation" in keys else typed


SCORES = ["evaluation.features=pixels", "evaluation.images=16", "evaluation.reals=16"]
DRAWN_FROM = {
    "generator": GENERATORS, "discriminator": DISCRIMINATORS, "condition": CONDITIONS, "latent": LATENTS, "data": SOURCES,
}  # fmt: skip


IMAGES = {"data": ["digit_pairs"], "condition": ["image"], "generator": ["unet"]}
STYLES = {"data": ["glyph_pairs"], "condition": ["content_style"], "generator": ["wnet"]}
COMPANIONS = {
    ("norm", "conditional_batch"): {"condition": ["projection"]},
    ("generator", "unet"): IMAGES,
    ("condition", "image"): IMAGES,
    ("regularizer", "reconstruction"): IMAGES,
    ("regularizer", "perceptual"): IMAGES,
    ("generator", "wnet"): STYLES,
    ("condition", "content_style"): STYLES,
    ("regularizer", "code_constancy"): STYLES,
    ("regularizer", "encoder_classifier"): STYLES,
}


@pytest.mark.parametrize(
    ("group", "option"),
    [(group, option) for group in ("data", *SINGLE, *LISTS) for option in options(group)],
    ids=lambda part: part,
)
def test_every_option_trains(group: str, option: str, images: Path, tmp_path: Path) -> None:
    """Each beside the defaults, or beside what it is made for."""
    defaults = {
        "data": ["digits"], "generator": ["dcgan"], "discriminator": ["dcgan"], "condition": ["none"],
        "latent": ["normal"], "init": ["auto"], "norm": ["auto"], "loss": ["bce"], "optimizer": ["adam"],
        "constraint": ["none"], "averaging": ["none"], "regularizer": [], "augment": [], "tricks": [],
    }  # fmt: skip
    chosen = {**defaults, **COMPANIONS.get((group, option), {}), group: [option]}
    if group == "data" and option not in SIDES:
        chosen["generator"] = chosen["discriminator"] = ["mlp"]
    if (group, option) == ("regularizer", "auxiliary_classifier"):
        chosen["condition"] = ["auxiliary"]  # which brings it along
        chosen["regularizer"] = []
    outcomes = Outcomes()
    with composer() as composing:
        try_out(composing, chosen, images, tmp_path, outcomes)
    assert outcomes.trained["all", "runs"] == 1, (outcomes.refused, outcomes.unknown)
