"""What is taken home does what the run does, with what it says of itself beside it."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import ganlab
from ganlab.commands import export as module
from ganlab.commands.export import main
from ganlab.errors import UserError
from ganlab.initializers.weight_files import read as read_weights
from ganlab.run_folder import RunFolder
from ganlab.trained import TrainedGenerator
from tests.conftest import needs_onnx
from tests.data.images import save
from tests.test_trained import VARIANTS, train_here

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(
    params=["average", "spectral", "weight_norm", "projection", "concat", "embedding", "resnet", "ring_with_labels"]
)
def variant(request: pytest.FixtureRequest, trained_run: Callable[..., Path]) -> Path:
    return trained_run(**VARIANTS[request.param])


def export(run: Path, format: str, *words: str) -> Path:
    out = Path(f"mine{module.SUFFIXES[format]}")
    assert main([f"run={run}", f"format={format}", f"out={out}", *words]) == 0
    return out


def asked(generator: TrainedGenerator, count: int) -> tuple[torch.Tensor, ...]:
    labels = generator.labels(count)
    return (generator.latent(count, seed=1),) if labels is None else (generator.latent(count, seed=1), labels)


# ------------------------------------------------------------------------------------------------------- the formats


def test_safetensors_are_loaded_as_the_run_is(variant: Path) -> None:
    run = ganlab.load(variant)
    file = export(variant, "safetensors")
    home = ganlab.load(file)
    assert torch.equal(home.sample(9, seed=4, output="float"), run.sample(9, seed=4, output="float"))
    assert (home.step, home.weights, home.classes, home.image_shape) == (2, run.weights, run.classes, run.image_shape)
    assert home.model == run.model
    assert home.path == file
    whole = (variant / "checkpoints" / "final.safetensors").stat().st_size
    assert file.stat().st_size < whole / 2  # no discriminator, no optimizer


def test_safetensors_can_start_another_run(trained_run: Callable[..., Path]) -> None:
    """``init=pretrained`` reads them too."""
    run = ganlab.load(trained_run(**VARIANTS["spectral"]))
    weights = read_weights(export(run.path, "safetensors"), "generator", "auto")
    assert weights.parametrization["name"] == "spectral"
    assert "average of the generator" in weights.source
    assert all(torch.equal(tensor, weights.tensors[name]) for name, tensor in run.network.state_dict().items())


def test_onnx_says_the_same_in_onnxruntime_at_any_batch_size(variant: Path) -> None:
    onnxruntime = needs_onnx()
    file = export(variant, "onnx")
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    generator = ganlab.load(variant, device="cpu")
    names = ["latent", "labels"] if generator.classes else ["latent"]
    assert [one.name for one in session.get_inputs()] == names
    assert [one.name for one in session.get_outputs()] == ["images"]
    assert session.get_outputs()[0].shape[1:] == list(generator.image_shape)
    for count in (1, 5, 12):
        inputs = asked(generator, count)
        (images,) = session.run(None, {name: one.numpy() for name, one in zip(names, inputs, strict=True)})
        torch.testing.assert_close(torch.from_numpy(images), generator.generate(*inputs), rtol=0, atol=1e-4)
        assert count == 1 or abs(images[0] - images[1]).max() > 1e-3  # each its own
    kept = session.get_modelmeta().custom_metadata_map
    assert kept["ganlab.weights"] == generator.weights
    assert json.loads(kept["ganlab.classes"]) == list(generator.classes)
    assert {path.name for path in Path().iterdir()} == {"mine.onnx", "mine.json", "mine.md"}  # weights inside


@pytest.mark.parametrize(
    ("torch_version", "script", "works"),
    [("2.6.0+cu124", "0.7.2", False), ("2.6.0", "0.3.0", False), ("2.6.0", "0.2.7", True), ("2.7.0", "0.7.2", True)],
)  # fmt: skip
def test_onnx_where_pytorch_and_onnxscript_do_not_work_together(
    torch_version: str, script: str, works: bool, trained_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(module, "find_spec", lambda name: True)
    monkeypatch.setattr(module, "version", {"onnxscript": script}.__getitem__)
    monkeypatch.setattr(torch, "__version__", torch_version)
    if works:
        assert module.without_onnx() is None
        return
    assert main([f"run={trained_run()}", "format=onnx", "out=a.onnx"]) == 2
    assert capsys.readouterr().err == (
        f"format=onnx: PyTorch {torch_version} and onnxscript {script} do not work together; "
        "type pip install 'torch>=2.7', or pip install 'onnxscript<0.3'\n"
    )


def test_torch_export_loaded_back_is_the_same(variant: Path) -> None:
    file = export(variant, "torch_export")
    generator = ganlab.load(variant, device="cpu")
    program = torch.export.load(file).module()
    for count in (1, 5, 12):
        inputs = asked(generator, count)
        torch.testing.assert_close(program(*inputs), generator.generate(*inputs))
    assert {path.name for path in Path().iterdir()} == {"mine.pt2", "mine.json", "mine.md"}


def test_torch_export_needs_no_ganlab(trained_run: Callable[..., Path]) -> None:
    file = export(trained_run(**VARIANTS["projection"]), "torch_export")
    code = (
        "import sys, torch; program = torch.export.load(sys.argv[1]).module();"
        "print(tuple(program(torch.zeros(3, 6), torch.tensor([0, 1, 9])).shape)); assert 'ganlab' not in sys.modules"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True)
    assert ran.stdout == "(3, 1, 16, 16)\n"


def test_which_weights(trained_run: Callable[..., Path]) -> None:
    run = trained_run(**VARIANTS["average"])
    home = ganlab.load(export(run, "safetensors", "weights=network"))
    assert home.weights == "network"
    assert torch.equal(home.sample(3, output="float"), ganlab.load(run, "network").sample(3, output="float"))
    with pytest.raises(UserError, match="does not hold an average; type weights=network"):
        ganlab.load(home.path, weights="average")


# ------------------------------------------------------------------------------------------------ what goes beside it


def test_the_configuration_beside_it(trained_run: Callable[..., Path]) -> None:
    run = trained_run(**VARIANTS["projection"])
    kept = json.loads(export(run, "safetensors").with_suffix(".json").read_text())
    generator = ganlab.load(run)
    assert kept["file"] == "mine.safetensors"
    assert kept["inputs"] == {
        "latent": {"shape": ["batch", 6], "type": "float32"},
        "labels": {"shape": ["batch"], "type": "int64", "range": [0, 9]},
    }
    assert kept["outputs"]["images"] == {"shape": ["batch", 1, 16, 16], "type": "float32", "range": [-1, 1]}
    assert kept["parameters"] == sum(one.numel() for one in generator.network.parameters())
    assert kept["classes"] == list(map(str, range(10)))
    assert (kept["step"], kept["weights"]) == (2, "average")
    assert kept["model"] == {
        "image_shape": [1, 16, 16], "classes": 10, "class_names": kept["classes"], "images": 64,
        "fingerprint": generator.model.fingerprint, "sources": {}, "heads": {}, "shared": {},
    }  # fmt: skip
    assert kept["settings"]["generator"] == RunFolder(run).load_config()["generator"]


@pytest.mark.parametrize("format", ["safetensors", "onnx", "torch_export"])
@pytest.mark.parametrize("name", ["plain", "concat", "uniform", "sphere"])
def test_the_cards_three_lines_run(name: str, format: str, trained_run: Callable[..., Path]) -> None:
    if format == "onnx":
        needs_onnx()
    card = export(trained_run(**VARIANTS[name]), format).with_suffix(".md").read_text()
    code = card.split("```python\n")[1].split("```")[0]
    assert len(code.splitlines()) == 3
    names: dict[str, Any] = {}
    exec(code, names)  # what the reader of a card would do
    assert tuple(names["images"].shape) == (64, 1, 16, 16)
    assert ("Use this distribution instead" in card) == (name == "sphere" and format != "safetensors")


def test_the_card_says_on_what_and_how(tmp_path: Path) -> None:
    run = train_here(
        tmp_path / "the-run",
        loss="hinge",
        condition="projection",
        averaging={"name": "ema", "decay": 0.5},
        augment={"instance_noise": {"std": 0.25}},
    )
    generator = ganlab.load(run)
    card = export(run, "safetensors").with_suffix(".md").read_text()
    for said in (
        "# mine.safetensors",
        "Average of the generator dcgan after 2 steps on digits",
        f"{sum(one.numel() for one in generator.network.parameters()):,} parameters",
        "- data: digits (size=16, limit=64",
        "- images: 64, of shape 1×16×16",
        f"- fingerprint of the images: {generator.model.fingerprint}",
        "- made with: ganlab 0.1.0, python 3.",
        f", torch {torch.__version__}",
        "- steps: 2 updates of the generator, of 2 planned",
        "- loss: hinge",
        "- augment: instance_noise=(std=0.25, until=1.0)",
        "discriminator=(layer=layer (epsilon=1e-05), weight=none)",
        "betas=[0.0, 0.9]",
        "averaging: ema (decay=0.5",
        "## Scores\n\nNo scores were computed.",
        "It may repeat training images",
    ):
        assert said in card, said
    assert str(tmp_path) not in card
    assert "the-run" not in card  # a folder's name may tell where data is
    assert ganlab.load(Path("mine.safetensors")).versions == generator.versions


def test_the_cards_scores_are_the_steps_with_what_they_mean(tmp_path: Path) -> None:
    run = train_here(tmp_path / "run")
    pixels = {"features": "pixels", "images": 64, "weights": "network"}
    rows = [
        {"step": 1, "scores": {"fid": 300.5}, "fingerprint": {"features": "inception", "images": 50000}},
        {
            "step": 2,
            "scores": {"fid": 12.3456789, "fid_std": 0.25, "precision": 0.5},
            "fingerprint": pixels,
            "histogram": [1, 2],
        },
        {"step": 2, "scores": {"fid": 1.0}, "fingerprint": {**pixels, "weights": "average"}},
        {"step": 2, "scores": {"fid": 2.0}},
        {"step": 2, "scores": {}},
        {"step": 2, "scores": "none"},
        ["not", "a", "row"],
    ]

    def told(*rows: Any) -> str:
        (run / "scores.jsonl").write_text("\n".join([*map(json.dumps, rows), '{"step": 2, "sco']))
        card = export(run, "safetensors").with_suffix(".md")
        text = card.read_text()
        for made in Path().glob("mine.*"):
            made.unlink()
        return text.split("## Scores\n\n")[1].split("\n\n## ")[0]

    text = told(*rows)
    first, second, warning = text.split("Step 2, by ")[1], text.split("Step 2, by ")[2], text.split("\n\n")[-1]
    assert first.startswith(
        "pixels:\n\n| score | value | better | what it measures |\n|---|---|---|---|\n| FID | 12.3457 ± 0.25 | lower | "
    )
    assert "\n| precision | 0.5 | higher, up to 1; low means bad images | The share of generated images" in first
    assert "\n\nIt depends on: features=pixels, images=64, weights=network.\n" in first
    assert "300.5" not in text
    assert second.startswith("unknown features:")
    assert "It depends on: unknown settings." in second
    assert warning.startswith("Scores by pixels and unknown features are no published FID or KID")
    other = told(rows[0])
    assert other.startswith(
        "No scores were computed for these weights at step 2; these are other scores of the run.\n\nStep 1, by inception:"
    )
    assert "no published" not in other
    assert "compare with published ones" in other
    assert told() == "No scores were computed."


def test_no_folder_of_this_machine_is_told(tmp_path: Path) -> None:
    for number in range(8):
        save(tmp_path / "secret" / "cats" / f"{number}.png")
    run = train_here(tmp_path / "run", data={"name": "image_folder", "root": str(tmp_path / "secret" / "cats"), "size": 16},
                     runtime={"cache": str(tmp_path / "secret" / "cache")})  # fmt: skip
    export(run, "safetensors")
    for path in Path().glob("mine.*"):
        content = path.read_bytes()
        assert b"secret" not in content, path
        assert b"cats" in content, path
    assert ganlab.load("mine.safetensors").image_shape == (3, 16, 16)


@pytest.mark.parametrize("format", ["torch_export", "onnx"])
def test_no_file_holds_the_folder_of_the_code(format: str, trained_run: Callable[..., Path]) -> None:
    """The exporters of PyTorch note for each operation which lines of which files it is from."""
    if format == "onnx":
        needs_onnx()
    content = export(trained_run(), format).read_bytes()
    assert len(content) > 1000
    assert str(Path(ganlab.__file__).parent).encode() not in content
    assert str(Path(torch.__file__).parent).encode() not in content


@pytest.mark.parametrize(
    ("plain", "told"),
    [
        ({"root": "/home/me/secret/cats"}, {"root": "cats"}),
        ({"root": "../secret/cats/"}, {"root": "cats"}),
        ({"root": "secret/cats"}, {"root": "cats"}),
        ({"root": "~me"}, {"root": "~me"}),
        ({"path": "C:\\secret\\w.pt"}, {"path": "w.pt"}),
        ({"dataset": "owner/cats"}, {"dataset": "owner/cats"}),
        ({"dataset": "./secret/cats"}, {"dataset": "cats"}),
        ({"dataset": "there/cats"}, {"dataset": "cats"}),  # a folder
        ({"a": [{"b": "/x/y"}], "n": 1, "t": "bce"}, {"a": [{"b": "y"}], "n": 1, "t": "bce"}),
    ],
)
def test_settings_without_places(plain: Any, told: Any) -> None:
    Path("there/cats").mkdir(parents=True)
    assert module._without_places(plain) == told


# ------------------------------------------------------------------------------------------------------ where it goes


def test_its_own_names_are_in_the_runs_export_and_never_taken_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train_here(tmp_path / "run", checkpoint={"every": 1})
    for words in ([], [], ["checkpoint=1"], ["format=torch_export"]):
        assert main([f"run={run}", *words]) == 0
    names = {str(path.relative_to(run / "export")) for path in (run / "export").rglob("*.*")}
    assert len(names) == 12
    assert "safetensors/generator-0000002-network+2.md" in names
    assert "safetensors/generator-0000001-network.safetensors" in names
    assert "run/export/torch_export/generator-0000002-network.pt2" in capsys.readouterr().out
    assert main([f"run={run / 'checkpoints' / 'final.safetensors'}"]) == 0
    assert Path("generator-0000002-network.safetensors").exists()


def test_others_may_read_it_as_they_may_read_what_else_this_person_writes(trained_run: Callable[..., Path]) -> None:
    Path("other").touch()
    assert stat.S_IMODE(export(trained_run(), "safetensors").stat().st_mode) == stat.S_IMODE(
        Path("other").stat().st_mode
    )


# ----------------------------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["format=onx"], "format=onx: no such option; did you mean format=onnx?"),
        (["out=a.pt"], "out=a.pt: format=safetensors makes a .safetensors file; type out=a.safetensors"),
        (["out=folder"], "makes one file; type out=folder/generator.safetensors"),
        (["out=there.safetensors"], "there is there.md already; type another name"),
        (["weights=average"], "does not hold an average"),
        (["n=3"], "n: no such setting"),
        (["out=there.md/a.safetensors"], "it cannot be written there"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(
    words: list[str], sentence: str, trained_run: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("there.md").write_text("mine")
    assert main([f"run={trained_run()}", *words]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert [path.name for path in Path().iterdir()] == ["there.md"]
    assert Path("there.md").read_text() == "mine"


def test_without_the_packages_it_says_what_to_type(
    trained_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert main([f"run={trained_run()}", "format=onnx", "out=new/a.onnx"]) == 2
    assert (
        capsys.readouterr().err == "format=onnx: it needs onnx and onnxscript; type pip install 'ganlab-train[onnx]'\n"
    )
    assert not Path("new").exists()


def test_the_script_is_the_command(trained_run: Callable[..., Path]) -> None:
    script = [sys.executable, str(CHECKOUT / "scripts" / "export.py")]
    helped = subprocess.run([*script, "--help"], capture_output=True, text=True, check=True).stdout
    assert "export.py run=RUN format=onnx" in helped
    subprocess.run([*script, f"run={trained_run()}", "out=a.safetensors"], capture_output=True, check=True)
    assert ganlab.load("a.safetensors").step == 2


def test_the_settings_that_are_saved_are_of_the_whole_run(trained_run: Callable[..., Path]) -> None:
    run = trained_run()
    assert dict(ganlab.load(export(run, "safetensors")).settings) == RunFolder(run).load_config()
