from __future__ import annotations

import pytest
import torch

from ganlab.augment.instance_noise import InstanceNoise

ZEROS = torch.zeros(4, 3, 32, 32)


@pytest.mark.parametrize(("progress", "std"), [(0.0, 0.2), (0.25, 0.1), (0.5, 0.0), (0.9, 0.0)])
def test_noise_falls_linearly(progress: float, std: float) -> None:
    noisy = InstanceNoise(std=0.2, until=0.5)(ZEROS, torch.Generator().manual_seed(0), progress)
    assert noisy.std().item() == pytest.approx(std, rel=0.05, abs=1e-9)


def test_gradient_passes_unchanged() -> None:
    images = ZEROS.clone().requires_grad_()
    InstanceNoise()(images, torch.Generator(), 0.0).sum().backward()
    assert torch.equal(images.grad, torch.ones_like(images))


def test_no_duration_is_no_noise() -> None:
    assert torch.equal(InstanceNoise(until=0.0)(ZEROS, torch.Generator(), 0.0), ZEROS)
