"""NumPy's numbers and arrays, and lists, where the Python interface takes numbers and tensors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ganlab
from ganlab.config import configure
from ganlab.errors import UserError
from ganlab.python_arguments import as_tensor, positive_number, whole_number
from tests.conftest import TINY


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3), np.arange(6, dtype=">f4").reshape(2, 3), np.arange(6)[::-1].reshape(2, 3),
        np.broadcast_to(np.float16(2), (2, 3)), [[0, 1, 2], [3, 4, 5]], [np.arange(3), np.arange(3)],
    ],
)  # fmt: skip
def test_arrays_become_tensors(array: Any) -> None:
    assert as_tensor("x", array).tolist() == np.asarray(array).tolist()


def test_a_tensor_stays_itself() -> None:
    tensor = torch.ones(2, requires_grad=True)
    assert as_tensor("x", tensor) is tensor


@pytest.mark.parametrize("wrong", [None, "text", [[1], [1, 2]], np.array(["a"]), {}])
def test_what_is_no_array(wrong: Any) -> None:
    with pytest.raises(UserError, match="x: need a tensor, an array or lists of numbers, found"):
        as_tensor("x", wrong)


def test_numbers() -> None:
    assert [whole_number("n", n) for n in (3, np.int64(3), np.uint8(3), torch.tensor(3), np.array(3))] == [3] * 5
    assert [positive_number("t", t, 1) for t in (2, np.float32(2), torch.tensor(2.0), np.array(2))] == [2.0] * 4
    for wrong in (True, np.bool_(True), 1.5, np.float64(2), "3", None, np.arange(2)):
        with pytest.raises(UserError, match="need a whole number"):
            whole_number("n", wrong)
    with pytest.raises(UserError, match="n='4': need a whole number"):
        whole_number("n", "4")
    for wrong in (True, 0, np.float32(-1), "x", float("nan"), np.arange(2)):
        with pytest.raises(UserError, match="need a number above 0, such as 1"):
            positive_number("t", wrong, 1)


def test_a_generator_takes_them(trained_run: Callable[..., Path]) -> None:
    run = trained_run(condition="concat")
    with pytest.raises(UserError, match=r"has no step-0000001\.safetensors; there are final"):
        ganlab.load(run, checkpoint=np.int64(1))
    generator = ganlab.load(run)
    expected = generator.sample(4, seed=1, labels=[0, 1, 2, 3], truncation=0.5)
    numbers = [
        np.arange(4),
        np.arange(4, dtype=np.uint8),
        np.array(["0", "1", "2", "3"]),
        [np.int64(0), np.int8(1), 2, "3"],
    ]
    for labels in numbers:
        found = generator.sample(
            np.int64(4), seed=np.int32(1), labels=labels, truncation=np.float32(0.5), batch_size=np.int8(3)
        )
        assert torch.equal(found, expected)
    latent = generator.latent(4)
    expected = generator.generate(latent, 3)
    for array in (latent.numpy(), latent.double().numpy(), latent.tolist()):
        assert torch.equal(generator.generate(array, np.int64(3)), expected)
    half = generator.between(latent[:2].numpy(), latent[2:].numpy(), np.float32(0.5))
    assert torch.equal(half, generator.between(latent[:2], latent[2:], 0.5))
    for wrong, said in (
        (np.array([True]), "no class True"),
        (np.array([0.5]), "no class 0.5"),
        (np.array([10]), "no class 10"),
    ):
        with pytest.raises(UserError, match=said):
            generator.labels(4, wrong)


def test_a_translating_generator_takes_them(trained_run: Callable[..., Path]) -> None:
    run = trained_run(
        data={"name": "digit_pairs", "size": 16, "limit": 64}, generator={"name": "unet", "width": 4}, condition="image"
    )
    generator = ganlab.load(run)
    images = torch.randint(0, 256, (2, 1, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(generator.generate(source=images.numpy()), generator.generate(source=images))
    assert torch.equal(generator.sample(2, source=images.numpy()), generator.sample(2, source=images))


def test_a_configuration_takes_them() -> None:
    plain = {**TINY, "steps": np.int64(3), "data": {**TINY["data"], "size": np.array([16, 16])}, "seed": np.uint8(2)}
    settings = configure({**plain, "optimizer": {"generator": {"name": "adam", "lr": np.float32(0.5)}}}).settings
    assert (settings.steps, settings.data.size, settings.seed) == (3, (16, 16), 2)  # type: ignore[attr-defined]
    assert settings.optimizer.generator.lr == 0.5
    assert configure(configure(plain).plain()).settings == configure(plain).settings
