"""A trained generator is loaded with no more than its file, and says the same wherever it is asked."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import ganlab
from ganlab import tree_file
from ganlab.commands.launch.ready import open_data
from ganlab.config import configure
from ganlab.config.build import build_trainer
from ganlab.errors import UserError
from ganlab.run_folder import RunFolder
from tests.conftest import tiny

EMA = {"averaging": {"name": "ema", "decay": 0.5}}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "average": EMA,
    "spectral": {"norm": {"generator": {"weight": "spectral"}}, **EMA},
    "weight_norm": {"norm": {"generator": {"weight": "weight"}}},
    "equalized": {"norm": {"generator": {"weight": "equalized"}}},
    "uniform": {"latent": {"name": "uniform", "dim": 5}},
    "sphere": {"latent": {"name": "sphere", "dim": 5}},
    "projection": {"condition": "projection", **EMA},
    "concat": {"condition": "concat"},
    "embedding": {"condition": {"name": "embedding", "dim": 3}},
    "auxiliary": {"condition": "auxiliary", "regularizer": {"auxiliary_classifier": {}}},
    "resnet": {"generator": {"name": "resnet", "width": 4}},
    "ring": {
        "data": {"name": "ring", "limit": 64},
        "generator": {"name": "mlp", "hidden": [8]},
        "discriminator": {"name": "mlp", "hidden": [8]},
    },
    "ring_with_labels": {
        "data": {"name": "ring", "limit": 64},
        "generator": {"name": "mlp", "hidden": [8]},
        "discriminator": {"name": "mlp", "hidden": [8]},
        "condition": "concat",
    },
}


@pytest.fixture(params=list(VARIANTS))
def variant(request: pytest.FixtureRequest, trained_run: Callable[..., Path]) -> Path:
    return trained_run(**VARIANTS[request.param])


def final(run: Path) -> Path:
    return run / "checkpoints" / "final.safetensors"


def changed(source: Path, target: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    tree = tree_file.read(source)
    change(tree)
    tree_file.write(target, tree)
    return target


# ----------------------------------------------------------------------------------------------------- what is loaded


def test_it_makes_what_the_trainer_made(variant: Path, tmp_path: Path) -> None:
    """Beside the trainer itself, restored from the same checkpoint."""
    settings = configure(RunFolder(variant).load_config()).settings
    trainer = build_trainer(settings, settings.runtime.resolve(), open_data(settings.data), tmp_path, initialize=False)
    trainer.restore(tree_file.read(final(variant)))
    average = trainer.generator.average
    generator = ganlab.load(variant, device="cpu")
    assert (generator.step, generator.weights) == (2, "average" if average else "network")
    latent, labels = generator.latent(6), generator.labels(6)
    condition = {} if labels is None else {"labels": labels}
    for weights, network in (("network", trainer.gan.generator), ("average", average and average.network)):
        if network is not None:
            expected = network.eval()(latent, condition).images
            found = ganlab.load(variant, weights, "cpu").generate(latent, labels)
            torch.testing.assert_close(found, expected)
    if average:
        both = [ganlab.load(variant, weights, "cpu").sample(4, output="float") for weights in ("average", "network")]
        assert (both[0] - both[1]).abs().max() > 1e-5


def test_shape_range_and_kind_are_as_said(variant: Path) -> None:
    generator = ganlab.load(variant)
    numbers = generator.sample(5, output="float")
    assert tuple(numbers.shape) == (5, *generator.image_shape)
    assert numbers.dtype == torch.float32
    assert -1 <= numbers.min() < numbers.max() <= 1
    assert numbers.device.type == "cpu"
    samples = generator.sample(5)
    if generator.is_of_points:
        assert torch.equal(samples, numbers)
        with pytest.raises(UserError, match="no pixels"):
            generator.sample(5, output="uint8")
    else:
        assert generator.image_shape == (1, 16, 16)
        assert samples.dtype == torch.uint8
        assert (samples.float() - (numbers + 1) * 127.5).abs().max() <= 0.501
    assert not generator.network.training
    assert generator.generate(generator.latent(2), generator.labels(2)).requires_grad is False


def test_the_batch_size_changes_nothing(variant: Path) -> None:
    generator = ganlab.load(variant)
    for batch_size, count in ((1, 8), (7, 20), (64, 70)):
        at_once = generator.sample(count, batch_size=count, output="float")
        torch.testing.assert_close(generator.sample(count, batch_size=batch_size, output="float"), at_once)
        assert at_once.std(dim=0).max() > 1e-3  # images that differ


def test_the_first_of_more_are_those_of_fewer(variant: Path) -> None:
    generator = ganlab.load(variant)
    many = generator.latent(200, seed=3)
    for count in (1, 8, 63, 64, 65, 199):
        assert torch.equal(generator.latent(count, seed=3), many[:count])
    assert len(many.unique(dim=0)) == 200
    assert not torch.equal(generator.latent(8, seed=4), many[:8])
    torch.testing.assert_close(generator.sample(70, seed=3, output="float")[:8], generator.sample(8, 3, output="float"))
    assert torch.equal(generator.latent(8), generator.latent(8, seed=0))


def test_latents_are_those_of_the_training(trained_run: Callable[..., Path]) -> None:
    normal = ganlab.load(trained_run(**VARIANTS["plain"])).latent(5000)
    assert abs(float(normal.mean())) < 0.03
    assert abs(float(normal.std()) - 1) < 0.03
    uniform = ganlab.load(trained_run(**VARIANTS["uniform"])).latent(5000)
    assert -1 <= float(uniform.min()) < -0.98
    assert abs(float(uniform.std()) - 3**-0.5) < 0.02
    sphere = ganlab.load(trained_run(**VARIANTS["sphere"])).latent(50)
    torch.testing.assert_close(sphere.norm(dim=1), torch.full((50,), 5**0.5))


def test_truncation_cuts_off(trained_run: Callable[..., Path]) -> None:
    run = trained_run(**VARIANTS["plain"])
    generator = ganlab.load(run)
    assert generator.latent(100, truncation=0.5).abs().max() <= 0.5
    assert generator.latent(100).abs().max() > 1
    assert torch.equal(generator.latent(70, truncation=0.5)[:3], generator.latent(3, truncation=0.5))
    assert not torch.equal(generator.sample(4, truncation=0.3), generator.sample(4))
    configured = ganlab.load(trained_run(latent={"truncation": 0.5}))
    assert configured.latent(100).abs().max() <= 0.5
    assert configured.latent(100, truncation=3).abs().max() > 1


def test_what_lies_between_is_as_long_as_latents_are(trained_run: Callable[..., Path]) -> None:
    sphere = ganlab.load(trained_run(**VARIANTS["sphere"]))
    start, end = sphere.latent(40).split(20)
    for share in (0.0, 0.3, 1.0):
        torch.testing.assert_close(sphere.between(start, end, share).norm(dim=1), torch.full((20,), 5**0.5))
    uniform = ganlab.load(trained_run(**VARIANTS["uniform"]))
    start, end = uniform.latent(40).split(20)
    torch.testing.assert_close(uniform.between(start, end, 0.25), 0.75 * start + 0.25 * end)
    for generator in (sphere, uniform, ganlab.load(trained_run())):
        start, end = generator.latent(40).split(20)
        torch.testing.assert_close(generator.between(start, end, 0.0), start)
        torch.testing.assert_close(generator.between(start, end, 1.0), end)


def test_gradients_reach_the_latent_alone(trained_run: Callable[..., Path]) -> None:
    generator = ganlab.load(trained_run())
    latent = generator.latent(2).requires_grad_()
    generator.generate(latent).sum().backward()
    assert latent.grad is not None
    assert latent.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in generator.network.parameters())


def test_loading_and_sampling_leave_the_persons_random_numbers_alone(trained_run: Callable[..., Path]) -> None:
    run = trained_run(**VARIANTS["spectral"])
    before = torch.get_rng_state()
    ganlab.load(run).sample(3)
    assert torch.equal(torch.get_rng_state(), before)


# ----------------------------------------------------------------------------------------------------------- labels


@pytest.mark.parametrize("name", ["projection", "concat", "embedding", "auxiliary", "ring_with_labels"])
def test_labels_by_number_name_tensor_or_in_turn(name: str, trained_run: Callable[..., Path]) -> None:
    generator = ganlab.load(trained_run(**VARIANTS[name]))
    count = 8 if name.startswith("ring") else 10
    assert generator.classes == tuple(map(str, range(count)))
    in_turn = generator.sample(count + 2, output="float")
    numbers = [*range(count), 0, 1]
    for labels in (numbers, [str(one) for one in numbers], torch.tensor(numbers), np.arange(count)):
        torch.testing.assert_close(generator.sample(count + 2, labels=labels, output="float"), in_turn)
    assert generator.labels(5, [1, 2]).tolist() == [1, 2, 1, 2, 1]
    assert generator.labels(2, 3).tolist() == generator.labels(2, "3").tolist() == [3, 3]
    latent = generator.latent(1).repeat(count, 1)
    assert generator.generate(latent, list(range(count))).unique(dim=0).shape[0] == count


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """A folder of two classes whose names are no numbers, but for one that is another's number."""
    random = np.random.default_rng(0)
    for name in ("0", "cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(4):
            pixels = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / name / f"{number}.png")
    return tmp_path / "pets"


def train_here(folder: Path, **changes: Any) -> Path:
    from ganlab.commands.launch.training_run import train

    folder.mkdir()
    train(tiny(steps=2, **changes), RunFolder(folder))
    return folder


def test_neither_data_nor_configs_nor_hydra_are_needed(
    pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = {"name": "image_folder", "root": str(pets), "size": 16, "classes": ["dog", "cat"]}
    run = train_here(tmp_path / "run", data=data, condition="concat")
    generator = ganlab.load(run, device="cpu")
    expected = generator.sample(4)
    assert generator.classes == ("dog", "cat")
    assert generator.labels(3, ["cat", "dog", 0]).tolist() == [1, 0, 0]
    assert (generator.model.images, len(generator.model.fingerprint) > 8) == (8, True)
    shutil.rmtree(pets)
    (run / "config.yaml").unlink()
    code = (
        "import sys, pathlib, ganlab, ganlab.data.source as source\n"
        "def forbidden(*args): raise AssertionError('the data is looked at')\n"
        "from ganlab.data.image_folder import ImageFolder\n"
        "ImageFolder.class_count = ImageFolder.image_shape = property(forbidden); ImageFolder.open = forbidden\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == 'open' else None)\n"
        f"images = ganlab.load({str(run)!r}, device='cpu').sample(4)\n"
        "assert not {'hydra', 'omegaconf'} & set(sys.modules), 'Hydra is imported'\n"
        "assert not [one for one in opened if one.endswith('.yaml')], opened\n"
        "print(images.flatten().tolist())"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    there = torch.tensor(json.loads(ran.stdout.splitlines()[-1]), dtype=torch.uint8)
    assert (there.int() - expected.flatten().int()).abs().max() <= 1


def test_a_name_wins_where_classes_are_called_by_numbers(pets: Path, tmp_path: Path) -> None:
    data = {"name": "image_folder", "root": str(pets), "size": 16, "classes": ["cat", "0", "dog"]}
    generator = ganlab.load(train_here(tmp_path / "run", data=data, condition="concat"))
    assert generator.labels(3, [0, 2, "cat"]).tolist() == [1, 2, 0]
    assert generator.labels(3, torch.tensor([0, 1, 2])).tolist() == [0, 1, 2]


def test_without_classes_it_has_none_though_the_data_has(trained_run: Callable[..., Path]) -> None:
    generator = ganlab.load(trained_run())
    assert generator.classes == ()
    assert generator.labels(3) is None
    assert len(generator.model.class_names) == 10


# --------------------------------------------------------------------------------------------------- which file, which


# -------------------------------------------------------------------------------------------------------------- plugins


# ------------------------------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"n": 0}, "n=0: need a whole number, at least 1"),
        ({"n": -3}, "n=-3: need a whole number"),
        ({"n": 2.5}, "n=2.5: need a whole number"),
        ({"n": True}, "n=True: need a whole number"),
        ({"n": 3, "seed": "a"}, "seed='a': need a whole number"),
        ({"n": 3, "batch_size": 0}, "batch_size=0: need a whole number, at least 1"),
        ({"n": 3, "labels": [10]}, "there is no class 10; the classes are 0, 1, 2"),
        ({"n": 3, "labels": [-1]}, "there is no class -1"),
        ({"n": 3, "labels": ["dog"]}, "there is no class dog"),
        ({"n": 3, "labels": [1.5]}, "there is no class 1.5"),
        ({"n": 3, "labels": [True]}, "there is no class True"),
        ({"n": 3, "labels": torch.tensor([0.0])}, "there is no class 0.0"),
        ({"n": 3, "labels": torch.tensor([11])}, "there is no class 11"),
        ({"n": 3, "labels": []}, "there are 0 for 3 images"),
        ({"n": 1, "labels": [0, 1]}, "there are 2 for 1 images"),
        ({"n": 3, "truncation": 0}, "truncation=0: need a number above 0"),
        ({"n": 3, "truncation": True}, "truncation=True: need a number above 0"),
        ({"n": 3, "truncation": float("nan")}, "truncation=nan: need a number above 0"),
        ({"n": 3, "output": "int8"}, "output=int8: need uint8 or float"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_one_sentence(
    arguments: dict[str, Any], sentence: str, trained_run: Callable[..., Path]
) -> None:
    generator = ganlab.load(trained_run(**VARIANTS["concat"]))
    with pytest.raises(UserError) as told:
        generator.sample(**arguments)
    assert sentence in str(told.value)
    assert "\n" not in str(told.value)


def test_requests_that_this_generator_cannot_fulfil(trained_run: Callable[..., Path]) -> None:
    generator = ganlab.load(trained_run(**VARIANTS["uniform"]))
    with pytest.raises(UserError, match="trained without classes"):
        generator.sample(2, labels=[0])
    with pytest.raises(UserError, match="these are uniform"):
        generator.sample(2, truncation=0.5)
    for shape in ((2, 6), (5,), (0, 5), (1, 5, 1)):
        with pytest.raises(UserError, match="need n×5"):
            generator.generate(torch.zeros(shape))


@pytest.mark.parametrize("name", ["projection", "ring"])
def test_a_picture_of_samples(name: str, trained_run: Callable[..., Path]) -> None:
    generator = ganlab.load(trained_run(**VARIANTS[name]))
    picture = generator.show(4, seed=3, columns=4)
    assert picture.mode == "RGB"
    assert picture.tobytes() != generator.show(4, seed=4, columns=4).tobytes()
    if name == "projection":
        assert picture.width >= 512 > picture.height  # four side by side
        factor = picture.width // (4 * 18 + 2)
        pixel = picture.getpixel((factor * 2, factor * 2))  # the first of the first image, after the padding
        assert pixel == (int(generator.sample(1, seed=3)[0, 0, 0, 0]),) * 3
        with pytest.raises(ganlab.UserError, match="columns=0"):
            generator.show(4, columns=0)


def test_it_says_what_it_is(trained_run: Callable[..., Path]) -> None:
    generator = ganlab.load(trained_run(**VARIANTS["projection"]))
    assert repr(generator) == (
        "<average of the generator dcgan after 2 steps on digits: images of 1×16×16 of 10 classes from 6 numbers>"
    )
    assert generator.settings["steps"] == 2
    assert generator.latent_dim == 6
