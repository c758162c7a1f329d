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
from ganlab.commands.training_run import open_data
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
    for weights, network in (("network", trainer.game.generator), ("average", average and average.network)):
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
    from ganlab.commands.training_run import train

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


def test_a_run_folder_is_its_newest_checkpoint_unless_another_is_named(tmp_path: Path) -> None:
    run = train_here(tmp_path / "run", checkpoint={"every": 1})
    assert ganlab.load(run).step == 2
    assert ganlab.load(run, checkpoint=1).step == ganlab.load(run, checkpoint="step-0000001").step == 1
    assert ganlab.load(run, checkpoint="final").step == 2
    assert ganlab.load(run / "checkpoints" / "step-0000001.safetensors").step == 1
    with pytest.raises(UserError, match=r"has no step-0000003\.safetensors; there are final, step-0000001"):
        ganlab.load(run, checkpoint=3)
    with pytest.raises(UserError, match=r"has no best\.safetensors"):
        ganlab.load(run, checkpoint="best")
    with pytest.raises(UserError, match="leave it out"):
        ganlab.load(final(run), checkpoint=1)
    # One that is not whole is passed over, as resume does.
    final(run).write_bytes(final(run).read_bytes()[:-100])
    assert ganlab.load(run).step == 1


def test_the_latest_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs").mkdir()
    run = train_here(tmp_path / "outputs" / "run")
    assert ganlab.load("latest").path.samefile(final(run))


def test_a_checkpoint_of_before_says_it_through_the_data(trained_run: Callable[..., Path], tmp_path: Path) -> None:
    run = trained_run(**VARIANTS["concat"])
    old = changed(final(run), tmp_path / "old.safetensors", lambda tree: tree.pop("model"))
    generator = ganlab.load(old)
    assert torch.equal(generator.sample(12), ganlab.load(run).sample(12))
    assert len(generator.classes) == 10


def test_only_what_makes_the_generator_must_be_known(trained_run: Callable[..., Path], tmp_path: Path) -> None:
    """A loss of somebody's plugin, or a data set that is called otherwise by now, is no reason not to load."""

    def age(tree: dict[str, Any]) -> None:
        settings = tree["settings"]
        settings["loss"] = {"name": "of_a_plugin"}
        settings["data"] = {"name": "cifar10", "nothing": 1}
        settings["discriminator"] = settings["norm"]["discriminator"] = settings["optimizer"] = {"name": "gone"}
        settings["retired"] = True

    run = trained_run()
    old = changed(final(run), tmp_path / "old.safetensors", age)
    assert torch.equal(ganlab.load(old).sample(3), ganlab.load(run).sample(3))


# -------------------------------------------------------------------------------------------------------------- plugins


PLUGIN = """
import pathlib
pathlib.Path("it-ran").touch()
from dataclasses import dataclass
from ganlab.networks import GENERATORS
from ganlab.networks.dcgan import DCGANGenerator
@GENERATORS.register("mine")
@dataclass(frozen=True)
class Mine(DCGANGenerator):
    pass
"""


def test_what_a_file_names_as_plugins_is_not_imported(
    trained_run: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ganlab.networks import GENERATORS

    monkeypatch.setattr(GENERATORS, "_components", dict(GENERATORS._components))  # other tests do without it
    monkeypatch.chdir(tmp_path)
    (tmp_path / "of_somebody.py").write_text(PLUGIN)
    run = trained_run()
    named = changed(
        final(run), tmp_path / "named.safetensors", lambda tree: tree["settings"].update(plugins=["of_somebody"])
    )
    assert torch.equal(ganlab.load(named).sample(2), ganlab.load(run).sample(2))
    needed = changed(
        named, tmp_path / "needed.safetensors", lambda tree: tree["settings"]["generator"].update(name="mine")
    )
    with pytest.raises(UserError, match=r"generator=mine: no such option.*load it with plugins=\['of_somebody'\]"):
        ganlab.load(needed)
    assert "of_somebody" not in sys.modules
    assert not (tmp_path / "it-ran").exists()
    assert torch.equal(ganlab.load(needed, plugins=["of_somebody"]).sample(2), ganlab.load(run).sample(2))
    assert (tmp_path / "it-ran").exists()
    with pytest.raises(UserError, match="neither in the current folder nor installed"):
        ganlab.load(run, plugins=["not_there"])
    sys.modules.pop("of_somebody")


# ------------------------------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"n": 0}, "n=0: need a whole number, at least 1"),
        ({"n": -3}, "n=-3: need a whole number"),
        ({"n": 2.5}, "n=2.5: need a whole number"),
        ({"n": True}, "n=True: need a whole number"),
        ({"n": 3, "seed": "a"}, "seed=a: need a whole number"),
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


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"weights": "ema"}, "weights=ema: need auto, average or network"),
        ({"weights": "average"}, "does not hold an average; type weights=network"),
        ({"device": "gpu"}, "device: found 'gpu', need auto, cpu"),
        ({"device": "cuda:99"}, "device=cuda:99: "),
    ],
)
def test_a_wrong_way_to_load_is_one_sentence(
    arguments: dict[str, Any], sentence: str, trained_run: Callable[..., Path]
) -> None:
    with pytest.raises(UserError) as told:
        ganlab.load(trained_run(), **arguments)
    assert sentence in str(told.value)
    assert "runtime" not in str(told.value)


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no settings": (lambda tree: tree.pop("settings"), "does not say with which settings"),
    "no generator": (lambda tree: tree.pop("generator"), "holds no generator"),
    "settings of another": (lambda tree: tree["settings"]["generator"].update(width=5), "do not fit its settings"),
    "impossible settings": (lambda tree: tree["settings"]["generator"].update(width=-5), "generator.width: found -5"),
    "unknown settings": (lambda tree: tree["settings"]["generator"].update(wings=2), "generator.wings: dcgan has no"),
    "another shape": (lambda tree: tree["model"].update(image_shape=[3, 16, 16]), "do not fit its settings"),
    "impossible shape": (lambda tree: tree["model"].update(image_shape=[1, 3, 3]), "do not fit its settings"),
    "no shape": (lambda tree: tree["model"].pop("image_shape"), "image_shape: missing"),
    "a model that is none": (lambda tree: tree.update(model=3), "not understood by this ganlab"),
    "a weight that is none": (lambda tree: tree["generator"]["network"].update(more="text"), "holds no generator"),
    "a weight too many": (lambda t: t["generator"]["network"].update(more=torch.zeros(1)), "do not fit its settings"),
}


@pytest.mark.parametrize("case", list(BROKEN))
def test_a_file_that_does_not_fit_is_one_sentence(case: str, trained_run: Callable[..., Path], tmp_path: Path) -> None:
    change, sentence = BROKEN[case]
    file = changed(final(trained_run()), tmp_path / "broken.safetensors", change)
    with pytest.raises(UserError) as told:
        ganlab.load(file)
    assert sentence in str(told.value)
    assert str(file) in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["a" * 5000, "~nobody-here/run", "a\0b", ""])
def test_a_name_that_no_file_can_have(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError):
        ganlab.load(name)


def test_what_is_no_checkpoint(trained_run: Callable[..., Path], tmp_path: Path) -> None:
    whole = final(trained_run()).read_bytes()
    deep = b'{"__metadata__": {"ganlab": "' + b"[" * 100_000 + b'"}}'
    files = {
        "part": whole[: len(whole) // 2],
        "nothing": b"",
        "noise": bytes(range(256)),
        "deep": len(deep).to_bytes(8, "little") + deep,
        "of_others": (2).to_bytes(8, "little") + b"{}",
    }
    for name, content in files.items():
        file = tmp_path / f"{name}.safetensors"
        file.write_bytes(content)
        with pytest.raises(UserError, match="is not a whole ganlab checkpoint"):
            ganlab.load(file)
    future = tmp_path / "future.safetensors"
    future.write_bytes(whole.replace(b'\\"format\\": 1', b'\\"format\\": 9', 1))
    with pytest.raises(UserError, match="has checkpoint format 9; this ganlab reads format 1"):
        ganlab.load(future)
    for name, sentence in (("gone", "there is no such run folder or file"), ("generator.onnx", "other programs")):
        with pytest.raises(UserError, match=sentence):
            ganlab.load(tmp_path / name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no checkpoint"):
        ganlab.load(tmp_path / "empty")


def test_ganlab_itself_is_there_without_pytorch() -> None:
    code = "import sys, ganlab; assert 'torch' not in sys.modules; assert ganlab.load; assert 'torch' in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
    with pytest.raises(AttributeError, match="lod"):
        ganlab.lod  # noqa: B018


def test_it_says_what_it_is(trained_run: Callable[..., Path]) -> None:
    generator = ganlab.load(trained_run(**VARIANTS["projection"]))
    assert repr(generator) == (
        "<average of the generator dcgan after 2 steps on digits: images of 1×16×16 of 10 classes from 6 numbers>"
    )
    assert generator.settings["steps"] == 2
    assert generator.latent_dim == 6
