from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import safetensors.torch
import torch
import torchvision.models._api
from torch import Tensor, nn

from ganlab import tree_file
from ganlab.config.build import build_generator, build_trainer, initialize_network
from ganlab.errors import UserError
from ganlab.initializers import INITIALIZERS
from ganlab.initializers.normal import NormalInitializer
from ganlab.initializers.pretrained import Pretrained
from ganlab.networks import parametrize, uninitialized
from ganlab.networks.activations import ReLU
from ganlab.networks.layers import Convolution, Dense, Embedding, TransposedConvolution, WeightLayer
from ganlab.networks.norms import BatchNorm
from ganlab.networks.parametrizations import PARAMETRIZATIONS, Equalized, Plain, Spectral, WeightSetting
from ganlab.training import checkpoint
from ganlab.training.trainer import Trainer
from tests.conftest import open_data, tiny

MakeTrainer = Callable[..., Trainer]


class Every(nn.Module):
    """A layer of each kind, square so that a transposed one cannot be told by its shape."""

    def __init__(self, width: int = 5) -> None:
        super().__init__()
        self.dense = Dense(width, width, follows=ReLU())
        self.convolution = Convolution(width, width, 3, follows=ReLU())
        self.transposed = TransposedConvolution(width, width, 4, stride=2, follows=ReLU())
        self.embedding = Embedding(width, width)
        self.norm = BatchNorm().build(width, None)

    def applied(self) -> dict[str, Tensor]:
        return {n: m.applied_weight().detach() for n, m in self.named_modules() if isinstance(m, WeightLayer)}


def trained(setting: WeightSetting) -> Every:
    network = Every()
    NormalInitializer().initialize(uninitialized(network, "generator"), torch.Generator().manual_seed(0))
    parametrize(network, setting)
    with torch.no_grad():  # an update moves everything apart
        rng = torch.Generator().manual_seed(1)
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=rng))
        network.norm.running_variance.add_(2)
        for module in network.modules():
            if isinstance(module, WeightLayer):
                module.advance()
    return network


def start_from(
    path: Path | str, network: nn.Module, setting: WeightSetting | None = None, **settings: Any
) -> list[str]:
    seed = torch.Generator().manual_seed(7)
    notes = Pretrained(str(path), **settings).initialize(uninitialized(network, "generator", weight=setting), seed)
    if setting is not None:
        parametrize(network, setting)
    return list(notes)


@pytest.mark.parametrize("theirs", PARAMETRIZATIONS)
@pytest.mark.parametrize("ours", ["none", "weight", "equalized"])
def test_the_same_weights_are_applied_whatever_parametrized_them(theirs: str, ours: str, tmp_path: Path) -> None:
    source = trained(PARAMETRIZATIONS[theirs]())
    safetensors.torch.save_file(source.state_dict(), tmp_path / "x.safetensors")
    target = Every()
    start_from(tmp_path / "x.safetensors", target, PARAMETRIZATIONS[ours]())
    for name, weight in target.applied().items():
        torch.testing.assert_close(weight, source.applied()[name], msg=name)
    torch.testing.assert_close(target.norm.running_variance, torch.full((5,), 3.0))
    torch.testing.assert_close(target.dense.bias, source.dense.bias)


def test_spectral_norm_divides_by_its_own_singular_value(tmp_path: Path) -> None:
    source, target = trained(Plain()), Every()
    safetensors.torch.save_file(source.state_dict(), tmp_path / "x.safetensors")
    start_from(tmp_path / "x.safetensors", target, Spectral(iterations=50))
    for name, weight in source.applied().items():
        matrix = weight.transpose(0, 1).flatten(1) if name in ("transposed", "embedding") else weight.flatten(1)
        sigma = torch.linalg.matrix_norm(matrix, 2)
        torch.testing.assert_close(target.applied()[name], weight / sigma, rtol=1e-3, atol=1e-4)


def test_the_floor_of_a_spectral_checkpoint_counts(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    spectral = {"norm": {"generator": {"weight": {"name": "spectral", "floor": 50.0}}}}
    trainer = make_trainer(steps=1, **spectral)
    trainer.run()
    network = start_generator(tmp_path)
    theirs = trainer.generator.network.project
    torch.testing.assert_close(network.project.weight.detach(), theirs.weight.detach() / 50)


@pytest.mark.parametrize("rest", ["normal", "he", "xavier", "orthogonal"])
def test_what_is_not_loaded_is_filled_as_applied_under_an_equalized_rate_too(rest: str, tmp_path: Path) -> None:
    safetensors.torch.save_file({"dense.bias": torch.ones(5)}, tmp_path / "x.safetensors")
    applied = []
    for setting in (Plain(), Equalized()):
        network = Every()
        start_from(tmp_path / "x.safetensors", network, setting, rest=rest)
        applied.append(network.applied())
    by_hand = Every()
    INITIALIZERS[rest]().initialize(uninitialized(by_hand, "generator"), torch.Generator().manual_seed(7))
    for name, weight in by_hand.applied().items():
        torch.testing.assert_close(applied[0][name], weight)
        torch.testing.assert_close(applied[1][name], weight)
    assert torch.equal(network.dense.bias, torch.ones(5))


def test_a_default_rest_is_what_pytorch_built(tmp_path: Path) -> None:
    safetensors.torch.save_file({"dense.bias": torch.ones(5)}, tmp_path / "x.safetensors")
    network = Every()
    before = network.convolution.weight.clone()
    start_from(tmp_path / "x.safetensors", network, rest="default")
    assert torch.equal(network.convolution.weight, before)


# ---------------------------------------------------------------------------------------------------------------- runs


def start_generator(path: Path, **changes: Any) -> nn.Module:
    settings = tiny(
        init={"generator": {"name": "pretrained", "path": str(path), **changes.pop("init", {})}}, **changes
    ).settings
    network = build_generator(settings)
    initialize_network(network, "generator", settings)
    return network


def same(one: nn.Module, other: nn.Module) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in one.state_dict().items())


def test_the_newest_whole_checkpoint_of_a_run(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    for steps in (1, 3):
        make_trainer(steps=steps, seed=steps, folder=tmp_path / str(steps)).run()
    first, third = (start_generator(tmp_path / str(steps)) for steps in (1, 3))
    assert not same(first, third)
    run = tmp_path / "run" / "checkpoints"
    run.mkdir(parents=True)
    shutil.copy(tmp_path / "1" / "checkpoints" / "final.safetensors", run / "final.safetensors")
    shutil.copy(tmp_path / "3" / "checkpoints" / "final.safetensors", run / "step-0000003.safetensors")
    assert same(start_generator(run.parent), third)  # resumed with more steps: the final one is old
    whole = (run / "step-0000003.safetensors").read_bytes()
    (run / "step-0000003.safetensors").write_bytes(whole[:-100])
    assert same(start_generator(run.parent), first)
    assert same(start_generator(run / "final.safetensors"), first)


def test_a_network_or_its_average(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    trainer = make_trainer(steps=3, averaging={"name": "ema", "decay": 0.5, "ramp": None})
    trainer.run()
    network = start_generator(tmp_path, init={"weights": "network"})
    average = start_generator(tmp_path, init={"weights": "average"})
    assert trainer.generator.average
    assert same(network, trainer.generator.network)
    assert same(average, trainer.generator.average.network)
    assert not same(network, average)
    assert same(start_generator(tmp_path), average)


def test_a_resumed_run_needs_no_file(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    trainer = make_trainer(steps=1, norm={"discriminator": {"layer": "none", "weight": "spectral"}})
    trainer.run()
    settings = tiny(
        steps=2,
        norm={"discriminator": {"layer": "none", "weight": "spectral"}},
        init={"generator": {"name": "pretrained", "path": "gone"}},
    ).settings
    resumed = build_trainer(
        settings, settings.runtime.resolve(), open_data(settings.data), tmp_path / "b", initialize=False
    )
    resumed.restore(checkpoint.newest(tmp_path / "checkpoints")[1])
    assert same(resumed.generator.network, trainer.generator.network)
    assert same(resumed.discriminator.network, trainer.discriminator.network)


# ------------------------------------------------------------------------------------------------- what fits, and notes


def test_what_fits_is_loaded_and_the_rest_is_told(tmp_path: Path) -> None:
    state = trained(Plain()).state_dict()
    state["dense.weight"] = torch.zeros(3, 5)
    del state["embedding.weight"]
    state["fc.weight"] = torch.zeros(2)
    safetensors.torch.save_file(state, tmp_path / "x.safetensors")
    network = Every()
    notes = start_from(tmp_path / "x.safetensors", network)
    assert notes == [
        f"9 of 11 tensors from {tmp_path / 'x.safetensors'}",
        "2 tensors that it does not hold, filled by normal: dense.weight, embedding.weight",
        "2 of its tensors have no place here: dense.weight, fc.weight",
    ]
    assert torch.equal(network.convolution.weight, state["convolution.weight"])
    assert network.dense.weight.std() < 0.04


def test_all_must_fit_where_that_is_asked(tmp_path: Path) -> None:
    state = trained(Plain()).state_dict()
    file = tmp_path / "x.safetensors"
    safetensors.torch.save_file(state, file)
    assert start_from(file, Every(), layers="all") == [f"11 of 11 tensors from {file}"]
    safetensors.torch.save_file({**state, "dense.weight": torch.zeros(3, 5)}, file)
    network = Every()
    before = network.convolution.weight.clone()
    with pytest.raises(UserError, match=r"in 1 tensors: dense\.weight \(3×5 there, 5×5 here\); type init\.generator"):
        start_from(file, network, layers="all")
    assert torch.equal(network.convolution.weight, before)
    safetensors.torch.save_file({**state, "more.weight": torch.zeros(3, 5)}, file)
    with pytest.raises(UserError, match=r"more\.weight \(not here\)"):
        start_from(file, Every(), layers="all")


def test_a_file_of_which_nothing_fits_is_refused(tmp_path: Path) -> None:
    safetensors.torch.save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(UserError, match="none of its 1 tensors fits this generator"):
        start_from(tmp_path / "x.safetensors", Every())


def test_pytorch_files_are_read_as_safetensors_are(tmp_path: Path) -> None:
    state = trained(Plain()).state_dict()
    theirs = {name.replace("running_variance", "running_var"): tensor for name, tensor in state.items()}
    theirs["norm.num_batches_tracked"] = torch.tensor(3)
    for name, content, zipped in (
        ("a.pth", theirs, True),
        ("b.pt", {"state_dict": theirs}, True),
        ("c.pth", theirs, False),
    ):
        torch.save(content, tmp_path / name, _use_new_zipfile_serialization=zipped)
        network = Every()
        assert start_from(tmp_path / name, network, layers="all") == [f"11 of 11 tensors from {tmp_path / name}"]
        assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())


class Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("ran",)


def test_nothing_in_a_pytorch_file_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"dense.weight": Runs()}, "x.pth")
    with pytest.raises(UserError, match="not a PyTorch file of tensors alone"):
        start_from("x.pth", Every())
    assert not Path("ran").exists()


def test_a_parametrization_that_cannot_be_undone_is_refused(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    state = {**trained(Plain()).state_dict(), "dense.parametrization.angle": torch.zeros(1)}
    safetensors.torch.save_file(state, tmp_path / "x.safetensors")
    with pytest.raises(UserError, match="cannot be computed from the tensors in the file"):
        start_from(tmp_path / "x.safetensors", Every())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, r"without a path: type init\.generator\.path"),
        ({"path": "gone"}, "gone is not there; type the path of a run folder"),
        ({"path": "empty"}, "empty holds no whole ganlab checkpoint"),
        ({"path": "text.safetensors"}, "not a whole safetensors file"),
        ({"path": "nobody.safetensors"}, "neither a generator nor a discriminator"),
        (
            {"path": "final.safetensors", "weights": "average"},
            "holds no average of G's weights; type init.generator.weights=auto",
        ),
        (
            {"path": "plain.safetensors", "weights": "average"},
            "holds no average of G's weights; type init.generator.weights=auto",
        ),
        ({"path": "future.safetensors"}, "has checkpoint format 2; this ganlab reads format 1"),
    ],
)
def test_what_is_not_there_is_told_before_training(
    settings: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("text.safetensors").write_text("text")
    tree = {"generator": {"network": {"x": torch.zeros(1)}, "average": {}}, "step": 1}
    tree_file.write(Path("final.safetensors"), tree)
    tree_file.write(Path("nobody.safetensors"), {"step": 1})
    safetensors.torch.save_file({"x": torch.zeros(1)}, "plain.safetensors")
    safetensors.torch.save_file({}, "future.safetensors", {"ganlab": '{"format": 2, "tree": {}}'})
    with pytest.raises(UserError, match=said) as error:
        Pretrained(**settings).check()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["a.safetensors", "b.pth", "."])
def test_what_is_there_passes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    safetensors.torch.save_file({"x": torch.zeros(1)}, "a.safetensors")
    torch.save({"x": torch.zeros(1)}, "b.pth")
    tree_file.write(Path("checkpoints/final.safetensors"), {"generator": {"network": {"x": torch.zeros(1)}}, "step": 1})
    Pretrained(name).check()


def test_a_part_that_a_checkpoint_lacks_is_told(tmp_path: Path) -> None:
    file = tmp_path / "final.safetensors"
    tree_file.write(file, {"discriminator": {"network": {"x": torch.zeros(1)}}, "step": 1})
    with pytest.raises(UserError, match=r"holds no generator; type another init\.generator\.path"):
        start_from(file, Every())


# ------------------------------------------------------------------------------------------------------------ imagenet


class Published(Every):
    origin = "resnet18"


def test_published_weights_are_downloaded_with_their_hash_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    state = trained(Plain()).state_dict()

    def download(url: str, **settings: Any) -> dict[str, Tensor]:
        asked.append((url.rpartition("/")[2].partition("-")[0], settings))
        return state

    monkeypatch.setattr(torchvision.models._api, "load_state_dict_from_url", download)
    network = Published()
    assert start_from("imagenet", network) == ["11 of 11 tensors from torchvision's ResNet18_Weights.IMAGENET1K_V1"]
    assert asked == [("resnet18", {"progress": False, "check_hash": True, "weights_only": True})]
    assert torch.equal(network.dense.weight, state["dense.weight"])


def test_a_download_that_fails_says_to_give_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(url: str, **settings: Any) -> None:
        raise URLError("no route")

    monkeypatch.setattr(torchvision.models._api, "load_state_dict_from_url", fail)
    with pytest.raises(UserError, match=r"no route.*type init\.generator\.path=FILE\.safetensors") as error:
        start_from("imagenet", Published())
    assert "\n" not in str(error.value)


def test_imagenet_is_for_networks_that_were_published() -> None:
    with pytest.raises(UserError, match="nobody has published weights of this generator"):
        start_from("imagenet", Every())
