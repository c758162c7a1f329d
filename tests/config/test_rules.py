from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from ganlab.config import CannotCombine
from ganlab.config.combinations import batches
from ganlab.initializers import INITIALIZERS
from ganlab.networks import DISCRIMINATORS, NORMS, PARAMETRIZATIONS
from ganlab.networks.base import DiscriminatorModule
from ganlab.networks.dcgan import DCGANDiscriminator
from ganlab.networks.norms import ConditionalBatchNorm
from ganlab.ranks import Ranks
from ganlab.types import Batch, DiscriminatorOutput
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

    def forward(self, batch: Batch, features: bool = False) -> DiscriminatorOutput:
        logits: Tensor = self.inner(batch).logits
        return DiscriminatorOutput(logits - logits.mean())


def test_smoothing_needs_targets() -> None:
    problem = refusal(loss="wasserstein", targets={"real": 0.9})
    assert "targets.real=0.9" in problem
    assert "loss=bce" in problem
    tiny(loss="bce", targets={"real": 0.9})


@pytest.mark.parametrize("size", [30, 45, [32, 36]])
def test_sizes_that_do_not_halve_are_padded(size: object) -> None:
    tiny(data={"size": size})


@pytest.mark.parametrize("size", [7, [8, 1025]])
def test_sizes_outside_the_range(size: int) -> None:
    assert "8 to 1024" in refusal(data={"size": size})


def test_instance_norm_in_an_mlp() -> None:
    problem = refusal(discriminator={"name": "mlp", "hidden": [8, 8]}, norm={"discriminator": {"layer": "instance"}})
    assert "instance norm" in problem


def test_batch_norm_of_one_image() -> None:
    with pytest.raises(CannotCombine, match="batch_size=1"):
        tiny(batch_size=1)
    assert "norm.discriminator.layer=batch" in refusal(
        batch_size=2, discriminator={"pack": 2}, norm={"generator": {"layer": "layer"}}
    )
    assert "norm.generator.layer=batch" in refusal(
        batch_size=4, schedule={"name": "alternating", "accumulation": 4}, norm={"discriminator": {"layer": "layer"}}
    )
    tiny(batch_size=1, norm={"generator": {"layer": "layer"}, "discriminator": {"layer": "layer"}})


def test_clipping_a_parametrized_weight() -> None:
    problem = refusal(
        constraint={"name": "weight_clipping"}, norm={"discriminator": {"layer": "none", "weight": "spectral"}}
    )
    assert "constraint=weight_clipping" in problem
    assert "norm.discriminator.weight=spectral" in problem


def test_what_the_machine_has_not() -> None:
    if not torch.cuda.is_available():
        assert "no CUDA device" in refusal(runtime={"device": "cuda"})
        assert "runtime.device=cuda:0: no CUDA device" in refusal(runtime={"device": 0})
    assert "runtime.device" in refusal(runtime={"device": "gpu"})
    assert "bf16 or fp32" in refusal(runtime={"device": "cpu", "precision": "fp16"})
    assert "type runtime.cuda_graph=auto" in refusal(runtime={"device": "cpu", "cuda_graph": "on"})


def test_several_refusals_are_told_together() -> None:
    with pytest.raises(CannotCombine) as refused:
        tiny(**GP, norm={"discriminator": {"layer": "batch"}}, targets={"real": 0.9})
    assert len(refused.value.problems) == 2


def test_a_norm_beside_minibatch_layers_is_still_refused() -> None:
    """The minibatch layer alone is warned about; it does not excuse batch norm."""
    minibatch = {"minibatch": "stddev"}
    problem = refusal(**GP, discriminator=minibatch, norm={"discriminator": {"layer": "batch"}})
    assert "norm.discriminator.layer=batch" in problem
    warnings = tiny(**GP, discriminator=minibatch, norm={"discriminator": {"layer": "layer"}}).warnings
    assert any("compares the images" in warning for warning in warnings)


def test_a_class_head_has_targets_that_may_be_smoothed() -> None:
    wasserstein = {"loss": "wasserstein", "targets": {"real": 0.9}}
    assert "condition=auxiliary" in refusal(**wasserstein)
    tiny(**wasserstein, condition="auxiliary", regularizer={"auxiliary_classifier": {}, "gradient_penalty": {}})


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({"discriminator": {"pack": 3}}, 6),
        ({"schedule": {"name": "alternating", "accumulation": 5}}, 5),
        ({"discriminator": {"pack": 2}, "schedule": {"name": "alternating", "accumulation": 3}}, 6),
    ],
    ids=["pack", "accumulation", "both"],
)
def test_a_batch_that_cannot_be_cut(changes: dict[str, object], size: int) -> None:
    problem = refusal(**changes)
    assert f"type batch_size={size}" in problem
    tiny(**changes, batch_size=2 * size)


def test_packing_with_labels() -> None:
    problem = refusal(discriminator={"pack": 2}, condition="concat")
    assert "with discriminator.pack=2" in problem
    assert "condition=none" in problem


def test_labels_that_the_data_has_not(tmp_path: Path) -> None:
    Image.new("RGB", (20, 20)).save(tmp_path / "one.png")
    problem = refusal(data={"name": "image_folder", "root": str(tmp_path), "size": 16}, condition="concat")
    assert "condition=concat needs labels" in problem
    problem = refusal(data={"name": "image_folder", "root": str(tmp_path), "size": 16}, condition="projection")
    assert "condition=projection needs labels" in problem
    assert "type condition=projection" not in problem


def test_g_must_be_told() -> None:
    batch = {"generator": {"layer": "batch"}}
    problem = refusal(condition={"name": "projection", "generator": "norm"}, norm=batch)
    assert "condition=projection" in problem
    assert "norm.generator.layer=batch" in problem
    for told in ("concat", "embedding"):
        tiny(condition={"name": "projection", "generator": told}, norm={"generator": {"layer": "batch"}})
    assert tiny(condition="projection").settings.norm.generator.layer == ConditionalBatchNorm()
    assert tiny(condition="projection", norm=batch).settings.condition.generator == "concat"


def test_conditional_norm_needs_labels() -> None:
    assert "condition=projection" in refusal(norm={"generator": {"layer": "conditional_batch"}})


def test_a_class_head_and_its_term_need_each_other() -> None:
    assert "auxiliary_classifier" in refusal(condition="auxiliary")
    assert "condition=auxiliary" in refusal(regularizer={"auxiliary_classifier": {}})
    tiny(condition="auxiliary", regularizer={"auxiliary_classifier": {}})


def test_a_penalty_on_a_scale_that_is_divided_out() -> None:
    spectral = {"discriminator": {"layer": "none", "weight": "spectral"}}
    problem = refusal(regularizer={"weight_penalty": {}}, norm=spectral)
    assert "regularizer=weight_penalty" in problem
    assert "norm.discriminator.weight=spectral" in problem
    tiny(regularizer={"weight_penalty": {}}, norm={"generator": {"weight": "spectral"}})


def test_equalized_weights_and_their_scale_go_together() -> None:
    assert "norm.generator.weight=equalized" in refusal(
        init={"generator": "normal"}, norm={"generator": {"weight": "equalized"}}
    )
    assert "norm.generator.weight=none" in refusal(
        init={"generator": "equalized"}, norm={"generator": {"weight": "none"}}
    )
    for changes in ({"init": {"generator": "equalized"}}, {"norm": {"generator": {"weight": "equalized"}}}):
        settings = tiny(**changes).settings
        assert type(settings.init.generator) is INITIALIZERS["equalized"]
        assert type(settings.norm.generator.weight) is PARAMETRIZATIONS["equalized"]
        assert type(settings.init.discriminator) is INITIALIZERS["normal"]
        assert type(settings.norm.discriminator.weight) is PARAMETRIZATIONS["none"]


def test_a_discriminator_that_ends_in_a_sigmoid(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sigmoid(DCGANDiscriminator):
        def build(self, shapes, norm):  # type: ignore[no-untyped-def]
            network = super().build(shapes, norm)
            forward = network.forward
            network.forward = lambda batch, features=False: DiscriminatorOutput(
                torch.sigmoid(forward(batch, features).logits[:, None]).squeeze(1)
            )
            return network

    monkeypatch.setitem(DISCRIMINATORS._components, "dcgan", Sigmoid)
    assert "ends in a sigmoid" in refusal()


def test_a_critic_that_nothing_keeps_lipschitz_is_warned_about() -> None:
    def warned(**changes: object) -> bool:
        return any("1-Lipschitz" in warning for warning in tiny(loss="wasserstein", **changes).warnings)

    assert warned()
    assert not warned(constraint="weight_clipping")
    assert not warned(regularizer={"gradient_penalty": {}})
    assert not warned(norm={"discriminator": {"layer": "none", "weight": "spectral"}})


def test_sync_batch_norm_on_one_rank_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    norm = {"discriminator": {"layer": "sync_batch"}}
    assert any("one rank" in warning for warning in tiny(norm=norm).warnings)
    monkeypatch.setattr(batches, "here", lambda: Ranks(0, 2))
    (warning,) = tiny(norm=norm).warnings  # of the generator's own batch norm
    assert "norm.generator.layer=sync_batch averages over the whole batch" in warning
    assert not tiny(norm={**norm, "generator": {"layer": "sync_batch"}}).warnings


def test_a_batch_is_shared_by_the_ranks_in_equal_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "here", lambda: Ranks(1, 3))
    with pytest.raises(
        CannotCombine, match="batch_size=8 with 3 ranks: a batch must be a multiple of 3; type batch_size=6"
    ):
        tiny()
    with pytest.raises(CannotCombine, match=r"3 ranks and schedule\.accumulation=2: a batch must be a multiple of 6"):
        tiny(batch_size=9, schedule={"name": "alternating", "accumulation": 2})
    with pytest.raises(CannotCombine, match="leaves it one image to average over"):
        tiny(batch_size=3)
    assert tiny(batch_size=3, norm={name: {"layer": "sync_batch"} for name in ("generator", "discriminator")})


def test_minibatch_layers_compare_by_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "here", lambda: Ranks(0, 2))
    discriminator = {"minibatch": {"name": "stddev"}}
    warnings = tiny(
        discriminator=discriminator, norm={"generator": {"layer": "layer"}, "discriminator": {"layer": "layer"}}
    ).warnings
    assert any("compares each rank's 4 images among themselves" in warning for warning in warnings)


def test_a_per_sample_penalty_changes_what_auto_means() -> None:
    assert type(tiny(loss="bce", regularizer={"r1": {}}).settings.norm.discriminator.layer) is NORMS["layer"]
    assert type(tiny(loss="bce", regularizer={"drift": {}}).settings.norm.discriminator.layer) is NORMS["batch"]


def test_accumulation_that_is_not_quite_the_same_update_is_told() -> None:
    def warned(**changes: object) -> bool:
        settings = tiny(schedule={"name": "alternating", "accumulation": 2}, **changes)
        return any("each part of the batch alone" in warning for warning in settings.warnings)

    assert warned()
    assert warned(norm={"generator": {"layer": "layer"}, "discriminator": {"layer": "batch"}})
    assert not warned(norm={"generator": {"layer": "layer"}, "discriminator": {"layer": "layer"}})


def test_ranks_do_not_go_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "here", lambda: Ranks(0, 2))
    with pytest.raises(CannotCombine, match="divergence=rollback on 2 ranks"):
        tiny(divergence="rollback")
    tiny(divergence="skip")
