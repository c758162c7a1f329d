"""A run folder that ganlab 49e0de0 wrote, as a kill after its third of four steps left it.

``tests/fixtures/run_before_end.*`` is what that version made of it: the weights after the fourth step, their
fingerprint, and the last row of ``metrics.jsonl``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import ganlab
from ganlab import tree_file
from ganlab.commands import train
from ganlab.networks.kernels import convolution
from tests.conftest import TORCH

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"


@pytest.fixture
def run_before(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FIXTURES / "run_before", tmp_path / "run"))


def flat(tree: Any, path: str = "") -> dict[str, Any]:
    if isinstance(tree, dict):
        return {name: leaf for key, value in tree.items() for name, leaf in flat(value, f"{path}/{key}").items()}
    return {path: tree}


def fingerprint(tensors: dict[str, Tensor]) -> str:
    found = hashlib.blake2b(digest_size=16)
    for name, value in sorted(tensors.items()):
        found.update(name.encode())
        found.update(value.contiguous().numpy().tobytes())
    return found.hexdigest()


def test_it_goes_on_to_the_end_that_it_would_have_had(run_before: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bit for bit, on a processor and with a PyTorch as then; others round differently. So does, with AVX2, the rule by
    which the way to the weights' gradients is chosen since; that of then was the same on every processor. PyTorch
    before 2.7 drops other values on the CPU from the same seed, so that there the run only goes on."""
    monkeypatch.setattr(
        convolution, "exchanges", lambda capability, dtype, large, small: max(small[2:]) <= convolution.SMALL_MAP
    )
    expected = json.loads((FIXTURES / "run_before_end.json").read_text())
    then = load_file(FIXTURES / "run_before_end.safetensors")
    start = tree_file.read(run_before / "checkpoints" / "step-0000002.safetensors")
    assert train.main([f"resume={run_before}"]) == 0
    end = tree_file.read(run_before / "checkpoints" / "final.safetensors")
    same_rounding = (torch.__version__, torch.backends.cpu.get_cpu_capability()) == (
        expected["torch"], expected["capability"],
    )  # fmt: skip
    other_dropout = TORCH < (2, 7)
    for network in ("generator", "discriminator"):
        before, after = (
            flat({"network": state[network]["network"], "average": state[network]["average"] or {}})
            for state in (start, end)
        )
        if same_rounding:
            assert fingerprint(after) == expected["fingerprints"][network]
        theirs = {name: then[f"{network}{name}".replace("/", ".")] for name in after}
        moved = torch.cat([(theirs[name] - before[name]).flatten().float() for name in after]).norm()
        apart = torch.cat([(theirs[name] - after[name]).flatten().float() for name in after]).norm()
        assert moved > 0.01
        assert apart < 0.02 * moved or other_dropout
    rows = [json.loads(row) for row in (run_before / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    ours = {tag: rows[-1].get(tag) for tag in expected["metrics"] if tag != "progress/images_per_second"}
    if not other_dropout:
        assert ours == pytest.approx({tag: expected["metrics"][tag] for tag in ours}, rel=1e-3, abs=1e-5)


def test_it_goes_on_with_other_settings(run_before: Path) -> None:
    """More steps and another schedule; its config.yaml has no setting that came later."""
    typed = ["steps=6", "schedule.generator_updates=2", "resume_override=true", "logging.observers=[csv]"]
    assert train.main([f"resume={run_before}", *typed]) == 0
    end = tree_file.read(run_before / "checkpoints" / "final.safetensors", "/generator/")
    assert end["step"] == 6
    assert end["generator"]["updates"] == 2 + 4 * 2
    assert (run_before / "metrics.csv").read_text().count("\n") == 1 + 4


def test_its_generator_loads(run_before: Path) -> None:
    generator = ganlab.load(run_before)
    assert generator.step == 2
    images = generator.sample(10, seed=0)
    assert images.shape == (10, 1, 16, 16)
    assert images.isfinite().all()
