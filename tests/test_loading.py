"""A generator is loaded from a run folder, a checkpoint or a file, and what holds none is one sentence."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import ganlab
from ganlab.errors import UserError
from tests.test_trained import VARIANTS, changed, final, train_here


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
