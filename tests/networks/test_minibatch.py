from __future__ import annotations

import pytest
import torch

from ganlab.networks import DISCRIMINATORS, does_mix_samples
from ganlab.networks.minibatch import MinibatchDiscrimination, MinibatchStddev
from ganlab.networks.norms import NoNorm
from ganlab.types import Batch, Shapes

X = torch.randn(6, 2, 3, 4, generator=torch.Generator().manual_seed(0))


def test_stddev_of_the_whole_batch_is_one_number_in_one_more_channel() -> None:
    layer, shape = MinibatchStddev().build((2, 3, 4))
    y = layer(X)
    assert y.shape[1:] == shape == (3, 3, 4)
    assert torch.equal(y[:, :2], X)
    statistic = X.std(dim=0, correction=0).mean()
    torch.testing.assert_close(y[:, 2], statistic.expand(6, 3, 4))


def test_stddev_of_groups() -> None:
    """Groups of 2 in 6 images: 0 with 3, 1 with 4, 2 with 5, as in the published code's reshape."""
    layer, _ = MinibatchStddev(group=2).build((2, 3, 4))
    y = layer(X)[:, 2, 0, 0]
    expected = [X[[i, i + 3]].std(dim=0, correction=0).mean() for i in range(3)]
    torch.testing.assert_close(y, torch.stack(expected * 2))


def test_a_group_that_does_not_divide_the_batch_gets_smaller() -> None:
    layer, _ = MinibatchStddev(group=4).build((2, 3, 4))
    assert torch.equal(layer(X), MinibatchStddev(group=3).build((2, 3, 4))[0](X))
    prime = X[:5]  # no group of 2 to 4 divides it: all of it is one
    assert torch.equal(layer(prime), MinibatchStddev().build((2, 3, 4))[0](prime))


def test_stddev_of_equal_images_has_a_gradient() -> None:
    layer, _ = MinibatchStddev().build((5,))
    x = torch.ones(4, 5, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad.isfinite().all()


def test_discrimination_by_hand() -> None:
    layer, shape = MinibatchDiscrimination(features=3, kernel=2).build((2, 3, 4))
    assert shape == (24 + 3,)
    y = layer(X)
    rows = (X.flatten(1) @ layer.tensor.weight.t()).view(6, 3, 2)
    for i in range(6):
        for b in range(3):
            expected = sum(torch.exp(-(rows[i, b] - rows[j, b]).abs().sum()) for j in range(6) if j != i)
            torch.testing.assert_close(y[i, 24 + b], expected)
    assert torch.equal(y[:, :24], X.flatten(1))


@pytest.mark.parametrize("architecture", ["dcgan", "mlp", "resnet"])
@pytest.mark.parametrize("minibatch", [MinibatchStddev(), MinibatchDiscrimination(4, 2)], ids=["stddev", "discr"])
def test_every_architecture_takes_them_and_is_known_to_mix(architecture: str, minibatch: object) -> None:
    shapes = Shapes((1, 16, 16), 4)
    network = DISCRIMINATORS[architecture](minibatch=minibatch).build(shapes, NoNorm())  # type: ignore[call-arg]
    assert network(Batch(torch.randn(4, 1, 16, 16))).logits.shape == (4,)
    assert does_mix_samples(network, shapes)
