"""Which modules a command imports: what a person waits for before anything happens."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import TINY_OVERRIDES, TORCH

HEAVY = ("torch", "torchvision", "numpy", "scipy", "sklearn", "matplotlib", "PIL", "tensorboard")
# A step needs none of these: PyTorch's compiler and what it imports, and packages of other commands. scikit-learn is
# imported where the digits are not in the cache of decoded images yet.
UNUSED = ("torch._dynamo", "torch._inductor", "sympy", "torchvision", "matplotlib", "onnx",
          "tensorboard.compat.tensorflow_stub", "torch.utils.tensorboard", "fsspec", "absl")  # fmt: skip

SCRIPT = """
import contextlib, io, json, sys
commands, watched = json.loads(sys.argv[1])
found = {}
for words in commands:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        from ganlab import commands as entry
        sys.argv = ["ganlab", *words]
        try:
            entry.main()
            code = 0
        except SystemExit as ended:
            code = ended.code
    found[" ".join(words)] = [code, [name for name in watched if name in sys.modules], said.getvalue()]
print(json.dumps(found))
"""


def imported(
    commands: list[list[str]], watched: tuple[str, ...], folder: Path
) -> dict[str, tuple[int, list[str], str]]:
    """Runs commands one after another in a new process: the exit code, the watched modules, and the output of each."""
    words = [sys.executable, "-c", SCRIPT, json.dumps([commands, watched])]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=folder)
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def test_mistakes_and_help_import_no_pytorch(tmp_path: Path) -> None:
    imported([["train", "stepps=1"]], ("torch",), tmp_path)  # writes the outline of the settings where there is none
    refused = {
        "init=orthogonl": "did you mean init=orthogonal?",
        "normm=batch": "did you mean norm?",
        "optimizer.generator.lrr=1": "did you mean optimizer.generator.lr?",
        "batch_size=0": "need a whole number at least 1",
        "-m init=he,normal stepps=5": "did you mean steps?",
        "experiment=dcgan_digits loss.name=bec": "did you mean loss=bce?",
        "--no-flag": "there is no such flag",
    }
    shown = [["--help"], ["--version"], ["train", "--help"], ["train", "--hydra-help"], ["data"], ["trian"]]
    found = imported([*shown, *(["train", *words.split()] for words in refused)], HEAVY, tmp_path)
    assert {words: modules for words, (_, modules, _) in found.items()} == {words: [] for words in found}
    for words, sentence in refused.items():
        code, _, said = found[f"train {words}"]
        assert (code, sentence in said) == (2, True), said
    assert [found[" ".join(words)][0] for words in shown] == [0, 0, 0, 0, 0, 2]


def test_training_imports_no_compiler(tmp_path: Path) -> None:
    words = ["train", *TINY_OVERRIDES, "steps=1", "hydra.run.dir=run"]
    ((code, modules, said),) = imported([words], UNUSED, tmp_path).values()
    assert code == 0, said
    assert modules == []


def test_what_writes_nothing_imports_no_tensorboard(tmp_path: Path) -> None:
    words = [["train", "--cfg", "job"], ["train", "loss=wgan_gp", "norm.discriminator.layer=batch"]]
    found = imported(words, (*UNUSED, "tensorboard", "google.protobuf", "scipy", "sklearn"), tmp_path)
    assert [(code, modules) for code, modules, _ in found.values()] == [(0, []), (2, [])]


def test_a_trained_generator_is_loaded_without_hydra(tmp_path: Path) -> None:
    words = ["train", *TINY_OVERRIDES, "steps=1", "hydra.run.dir=run"]
    imported([words], (), tmp_path)
    own = {"sympy"} if TORCH < (2, 7) else set()  # PyTorch 2.6 imports it for tensors without memory (device meta)
    unused = tuple({*UNUSED, "tensorboard", "hydra", "omegaconf", "scipy", "sklearn"} - own)
    ((code, modules, said),) = imported([["sample", "run=run", "n=4", "out=new"]], unused, tmp_path).values()
    assert (code, modules) == (0, []), said


@pytest.mark.parametrize("words", [["optimizer=sgd"], ["optimizer=rmsprop"], ["loss=wgan_gp"]], ids=str)
@pytest.mark.slow
def test_nor_do_other_optimizers_and_penalties(words: list[str], tmp_path: Path) -> None:
    typed = ["train", *TINY_OVERRIDES, *words, "steps=1", "hydra.run.dir=run"]
    ((code, modules, said),) = imported([typed], UNUSED, tmp_path).values()
    assert code == 0, said
    assert modules == []
