from __future__ import annotations

import pytest
import torch
from scipy.linalg import hadamard as scipy_hadamard

from ganlab.initializers.zero import ZerO, hadamard, zero_matrix
from ganlab.networks.layers import Dense
from tests.initializers.modules import by_outputs, fill, layer


@pytest.mark.parametrize("side", [1, 2, 8, 64])
def test_the_hadamard_matrix_is_scipys(side: int) -> None:
    assert hadamard(side).tolist() == scipy_hadamard(side).tolist()


@pytest.mark.parametrize(("outputs", "inputs"), [(5, 5), (3, 7), (7, 3), (8, 2), (6, 5)])
def test_the_matrix_is_the_published_codes(outputs: int, inputs: int) -> None:
    """I* if it has no more outputs than inputs, otherwise I* H I* / sqrt(side), written out by loops."""
    matrix = zero_matrix(outputs, inputs)
    side = 8
    for row in range(outputs):
        for column in range(inputs):
            if outputs <= inputs:
                expected = float(row == column)
            else:
                expected = (-1.0) ** bin(row & column).count("1") / side**0.5
            assert matrix[row, column].item() == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["convolution", "transposed"])
@pytest.mark.parametrize(("inputs", "outputs", "kernel"), [(4, 4, 3), (3, 6, 3), (6, 3, 4)])
def test_a_convolution_has_the_matrix_in_its_centre(kind: str, inputs: int, outputs: int, kernel: int) -> None:
    module = layer(kind, inputs=inputs, outputs=outputs, kernel=kernel)
    fill(ZerO(), module)
    rows = by_outputs(kind, module.weight).view(outputs, inputs, kernel, kernel)
    centre = kernel // 2
    assert torch.equal(rows[:, :, centre, centre], zero_matrix(outputs, inputs))
    rows = rows.clone()
    rows[:, :, centre, centre] = 0
    assert not rows.any()


def test_the_last_layer_of_a_branch_is_zero() -> None:
    module = Dense(4, 4, follows=None, role="residual")
    fill(ZerO(), module)
    assert not module.weight.any()


def test_no_random_number_is_used() -> None:
    rng = torch.Generator().manual_seed(3)
    before = rng.get_state()
    from ganlab.layer import UninitializedNetwork
    from ganlab.networks import walk

    ZerO().initialize(UninitializedNetwork("generator", tuple(walk(layer("dense")))), rng)
    assert torch.equal(rng.get_state(), before)
