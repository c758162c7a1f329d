from __future__ import annotations

import pytest
from torch import Tensor, nn

from ganlab.config import CannotCombine
from ganlab.networks import DISCRIMINATORS
from ganlab.networks.base import DiscriminatorModule
from ganlab.networks.dcgan import DCGANDiscriminator
from ganlab.types import Batch, Judgement
from tests.conftest import tiny

GP = {"loss": "wasserstein", "regularizer": {"gradient_penalty": {}}}


def refusal(**changes: object) -> str:
    with pytest.raises(CannotCombine) as refused:
        tiny(**changes)
    (problem,) = refused.value.problems
    return problem


@pytest.mark.parametrize("loss", ["wasserstein", "bce"])
def test_gradient_penalty_with_batch_norm_in_the_discriminator(loss: str) -> None:
    problem = refusal(**{**GP, "loss": loss, "norm": {"discriminator": {"layer": "batch"}}})
    assert "norm.discriminator.layer=batch" in problem
    assert "regularizer=gradient_penalty" in problem
    assert "norm=layer" in problem


@pytest.mark.parametrize("layer", ["layer", "instance", "none"])
def test_gradient_penalty_with_per_sample_norms_runs(layer: str) -> None:
    tiny(**GP, norm={"discriminator": {"layer": layer}})


def test_batch_norm_that_no_layer_uses_is_no_reason_to_refuse() -> None:
    """Behaviour decides, not the setting's name: the only layer of this D has no norm behind it."""
    tiny(**GP, norm={"discriminator": {"layer": "batch"}}, discriminator={"name": "mlp", "hidden": [8]})


def test_a_discriminator_that_compares_images_by_itself_is_warned_about(monkeypatch: pytest.MonkeyPatch) -> None:
    class Comparing(DCGANDiscriminator):
        def build(self, shapes, norm):  # type: ignore[no-untyped-def]
            network = super().build(shapes, norm)
            return _Comparing(network)

    monkeypatch.setitem(DISCRIMINATORS._components, "dcgan", Comparing)
    assert any("compares the images" in warning for warning in tiny(**GP).warnings)


class _Comparing(DiscriminatorModule):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, batch: Batch, features: bool = False) -> Judgement:
        logits: Tensor = self.inner(batch).logits
        return Judgement(logits - logits.mean())


def test_smoothing_needs_targets() -> None:
    problem = refusal(loss="wasserstein", targets={"real": 0.9})
    assert "targets.real=0.9" in problem
    assert "loss=bce" in problem
    tiny(loss="bce", targets={"real": 0.9})


@pytest.mark.parametrize("size", [30, 44, [32, 36]])
def test_sizes_that_strides_cannot_reach(size: object) -> None:
    problem = refusal(data={"size": size})
    assert "strides of 2" in problem
    assert "data.size=" in problem


@pytest.mark.parametrize("size", [15, 8, 260])
def test_sizes_outside_the_range(size: int) -> None:
    assert "16 to 256" in refusal(data={"size": size})


def test_instance_norm_in_an_mlp() -> None:
    problem = refusal(discriminator={"name": "mlp", "hidden": [8, 8]}, norm={"discriminator": {"layer": "instance"}})
    assert "instance norm" in problem


def test_batch_norm_of_one_image() -> None:
    with pytest.raises(CannotCombine, match="batch_size=1"):
        tiny(batch_size=1)
    tiny(batch_size=1, norm={"generator": {"layer": "layer"}, "discriminator": {"layer": "layer"}})


def test_clipping_a_parametrized_weight() -> None:
    problem = refusal(
        constraint={"name": "weight_clipping"}, norm={"discriminator": {"layer": "none", "weight": "spectral"}}
    )
    assert "constraint=weight_clipping" in problem
    assert "norm.discriminator.weight=spectral" in problem


def test_what_the_machine_has_not() -> None:
    import torch

    if not torch.cuda.is_available():
        assert "no CUDA device" in refusal(runtime={"device": "cuda"})
    assert "runtime.device" in refusal(runtime={"device": "gpu"})
    assert "bf16 or fp32" in refusal(runtime={"device": "cpu", "precision": "fp16"})


def test_several_refusals_are_told_together() -> None:
    with pytest.raises(CannotCombine) as refused:
        tiny(**GP, norm={"discriminator": {"layer": "batch"}}, targets={"real": 0.9})
    assert len(refused.value.problems) == 2
