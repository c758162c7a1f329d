"""The two updates: who learns, who stays, what is drawn afresh, and what the sums are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from ganlab.networks.layers import WeightLayer
from ganlab.training.trainer import Trainer
from ganlab.training.updates import update_discriminator, update_generator
from ganlab.types import Augmentation, Batch, Need, Regularizer, Update

Make = Callable[..., Trainer]
GP = {"loss": "wasserstein", "regularizer": {"gradient_penalty": {}}}
VARIANTS: list[dict[str, Any]] = [{}, GP, {"norm": {"discriminator": {"layer": "none", "weight": "spectral"}}}]


def state(network: torch.nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def d_update(trainer: Trainer) -> dict[str, Tensor]:
    context = trainer.stepper.context(trainer.step, frozenset(trainer.gan.regularizers), "discriminator", 0)
    return dict(update_discriminator(trainer.gan, trainer.discriminator, trainer.feed.next(), context))


def g_update(trainer: Trainer) -> dict[str, Tensor]:
    context = trainer.stepper.context(trainer.step, frozenset(trainer.gan.regularizers), "generator", 0)
    return dict(update_generator(trainer.gan, trainer.generator, trainer.discriminator, trainer.feed.next(), context))


@pytest.mark.parametrize("changes", VARIANTS, ids=["bce", "wgan_gp", "spectral"])
def test_a_d_update_leaves_g_bit_identical_buffers_included(make_trainer: Make, changes: dict[str, Any]) -> None:
    trainer = make_trainer(**changes)
    g, d = trainer.generator.network, trainer.discriminator.network
    before_g, before_d = state(g), state(d)
    d_update(trainer)
    assert same(state(g), before_g)
    assert all(parameter.grad is None for parameter in g.parameters())
    assert not any(
        torch.equal(parameter, before_d[name]) for name, parameter in d.named_parameters() if "weight" in name
    )


@pytest.mark.parametrize("changes", VARIANTS, ids=["bce", "wgan_gp", "spectral"])
def test_a_g_update_leaves_d_bit_identical(make_trainer: Make, changes: dict[str, Any]) -> None:
    trainer = make_trainer(**changes)
    g, d = trainer.generator.network, trainer.discriminator.network
    before_g, before_d = state(g), state(d)
    g_update(trainer)
    assert same(state(d), before_d)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in d.parameters())
    assert not any(
        torch.equal(parameter, before_g[name]) for name, parameter in g.named_parameters() if "weight" in name
    )


def test_the_discriminators_loss_is_the_formulas(make_trainer: Make) -> None:
    """The same update by hand, a straight line of PyTorch, gives the same numbers and the same new weights."""
    trainer, twin = make_trainer(), make_trainer()
    values = d_update(trainer)
    real = twin.feed.next().images
    latent = torch.randn(
        8, 6, generator=twin.stepper.context(twin.step, frozenset(), "discriminator", 0).rngs("latent")
    )
    g, d = twin.generator.network, twin.discriminator.network
    fake = g(latent, {}).images.detach()
    on_real, on_fake = d(Batch(real)).logits, d(Batch(fake)).logits
    loss = -(torch.log(torch.sigmoid(on_real)) + torch.log(1 - torch.sigmoid(on_fake))).mean()
    torch.testing.assert_close(values["discriminator/loss"], loss.detach())
    torch.testing.assert_close(values["discriminator/real"], on_real.mean().detach())
    torch.testing.assert_close(values["discriminator/fake"], on_fake.mean().detach())
    optimizer = torch.optim.Adam(d.parameters(), 2e-4, (0.5, 0.999))
    loss.backward()
    norm = torch.cat([parameter.grad.flatten() for parameter in d.parameters()]).norm()
    torch.testing.assert_close(values["discriminator/gradient_norm"], norm)
    optimizer.step()
    for ours, theirs in zip(trainer.discriminator.parameters, d.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-4)


def test_the_generators_loss_is_the_formulas(make_trainer: Make) -> None:
    trainer, twin = make_trainer(), make_trainer()
    values = g_update(trainer)
    latent = torch.randn(8, 6, generator=twin.stepper.context(twin.step, frozenset(), "generator", 0).rngs("latent"))
    g, d = twin.generator.network, twin.discriminator.network
    loss = -torch.log(torch.sigmoid(d(Batch(g(latent, {}).images)).logits)).mean()
    torch.testing.assert_close(values["generator/loss"], loss.detach())
    loss.backward()
    torch.optim.Adam(g.parameters(), 2e-4, (0.5, 0.999)).step()
    for ours, theirs in zip(trainer.generator.parameters, g.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-4)


def test_every_d_update_of_a_step_sees_fresh_reals_and_latents(
    make_trainer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer(**GP)
    reals, latents = [], []

    def spy(self: Regularizer, update: Update) -> None:
        reals.append(update.real.images)
        latents.append(update.latent)

    monkeypatch.setattr(type(trainer.gan.regularizers["gradient_penalty"]), "discriminator", spy)
    trainer.train_step()
    assert len(reals) == 5
    images = torch.cat(reals).flatten(1)
    assert len(torch.unique(images, dim=0)) == 40  # of 64 in the set: none twice
    assert len(torch.unique(torch.cat(latents), dim=0)) == 40


def test_g_meets_latents_that_d_has_not_met(make_trainer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer()
    latents: list[Tensor] = []
    forward = trainer.generator.network.forward
    monkeypatch.setattr(
        trainer.generator.network,
        "forward",
        lambda latent, condition: latents.append(latent) or forward(latent, condition),
    )
    trainer.train_step()
    trainer.train_step()
    assert len(torch.unique(torch.cat(latents), dim=0)) == 4 * 8


def test_every_g_update_of_a_step_has_its_own_latents_and_the_first_those_of_a_single_one(
    make_trainer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def latents(updates: int) -> list[Tensor]:
        trainer = make_trainer(schedule={"name": "alternating", "generator_updates": updates})
        met: list[Tensor] = []
        forward = trainer.generator.network.forward
        monkeypatch.setattr(
            trainer.generator.network, "forward", lambda latent, told: met.append(latent) or forward(latent, told)
        )
        trainer.train_step()
        assert trainer.generator.updates == updates
        return met

    single, several = latents(1), latents(3)  # D's fakes first
    assert len(torch.unique(torch.cat(several), dim=0)) == 4 * 8
    for one, other in zip(single, several, strict=False):
        assert torch.equal(one, other)


def test_the_average_counts_g_updates(make_trainer: Make) -> None:
    """The uniform average of 4 G updates in 2 steps is the mean of the weights after each of them."""
    schedule = {"name": "alternating", "generator_updates": 2}
    trainer = make_trainer(schedule=schedule, averaging="uniform")
    weight, average = trainer.generator.parameters[0], next(trainer.generator.average.network.parameters())
    after: list[Tensor] = []
    follow = trainer.generator.average.follow
    trainer.generator.average.follow = lambda: after.append(weight.detach().clone()) or follow()
    for _ in range(2):
        trainer.train_step()
    assert len(after) == trainer.generator.updates == 4
    torch.testing.assert_close(average, torch.stack(after).mean(0))


def test_steps_without_a_d_update_leave_d_as_it_is(make_trainer: Make) -> None:
    trainer = make_trainer(schedule={"name": "alternating", "discriminator_every": 3})
    counts, before = [], {}
    for step in range(4):
        if step:
            before = state(trainer.discriminator.network)
        trainer.train_step()
        counts.append((trainer.discriminator.updates, trainer.generator.updates))
        if step in (1, 2):
            assert same(before, state(trainer.discriminator.network))
    assert counts == [(1, 1), (1, 2), (1, 3), (2, 4)]


def test_a_term_never_gets_the_stream_of_the_fakes(make_trainer: Make) -> None:
    met: list[Tensor] = []

    class Asking(Constant):
        def discriminator(self, update: Update) -> Tensor:
            met.extend([update.latent, torch.randn(8, 6, generator=update.rngs("latent"))])
            return update.latent.sum() * 0

    d_update(with_terms(make_trainer(), asking=Asking()))
    assert not torch.equal(met[0], met[1])


def test_spectral_vectors_of_g_advance_once_per_g_update(make_trainer: Make) -> None:
    trainer = make_trainer(norm={"generator": {"layer": "batch", "weight": "spectral"}})
    layer = trainer.generator.network.project
    matrix, u = layer.weight.detach().clone(), layer.parametrization.u.clone()
    d_update(trainer)
    assert torch.equal(layer.parametrization.u, u)
    g_update(trainer)
    v = torch.nn.functional.normalize(matrix.t() @ u, dim=0)
    torch.testing.assert_close(layer.parametrization.u, torch.nn.functional.normalize(matrix @ v, dim=0))


def test_a_term_of_g_can_differentiate_d_by_the_fakes_and_g_still_learns(make_trainer: Make) -> None:
    @dataclass(frozen=True)
    class Slope(Regularizer):
        weight: float = 1.0
        interval: int = 1
        generator_needs: ClassVar[frozenset[Need]] = frozenset({"fake_gradient"})

        def generator(self, update: Update) -> Tensor:
            (gradient,) = torch.autograd.grad(
                update.fake_output.logits.sum(), update.augmented_fake.images, create_graph=True
            )
            return gradient.pow(2).mean()

    assert g_update(with_terms(make_trainer(), slope=Slope()))["generator/gradient_norm"] > 0


def test_spectral_vectors_advance_once_per_d_update_and_never_in_gs(make_trainer: Make) -> None:
    trainer = make_trainer(
        **{**GP, "norm": {"discriminator": {"layer": "batch", "weight": "spectral"}}, "regularizer": {}, "loss": "bce"}
    )  # batch norm: two passes per update
    layers = [module for module in trainer.discriminator.network.modules() if isinstance(module, WeightLayer)]
    expected = []
    for layer in layers:
        matrix, u = layer.matrix(layer.weight.detach()), layer.parametrization.u
        v = torch.nn.functional.normalize(matrix.t() @ u, dim=0)
        expected.append(torch.nn.functional.normalize(matrix @ v, dim=0))
    d_update(trainer)
    after = [layer.parametrization.u.clone() for layer in layers]
    torch.testing.assert_close(after, expected)
    g_update(trainer)
    assert all(torch.equal(layer.parametrization.u, u) for layer, u in zip(layers, after, strict=True))


# ------------------------------------------------------------------------- the contract, with terms that are not there yet


@dataclass(frozen=True)
class Constant(Regularizer):
    weight: float = 3.0
    interval: int = 4

    def discriminator(self, update: Update) -> Tensor:
        return torch.ones((), requires_grad=True) * 2

    generator = discriminator


def with_terms(trainer: Trainer, **regularizers: Regularizer) -> Trainer:
    from dataclasses import replace

    trainer.stepper.gan = replace(trainer.gan, regularizers=regularizers)
    return trainer


def test_a_lazy_term_counts_weight_times_interval(make_trainer: Make) -> None:
    plain, lazy = make_trainer(), with_terms(make_trainer(), constant=Constant())
    for update in (d_update, g_update):
        without, with_it = update(plain), update(lazy)
        network = "discriminator" if update is d_update else "generator"
        torch.testing.assert_close(with_it[f"{network}/loss"] - without[f"{network}/loss"], torch.tensor(24.0))
        assert with_it[f"{network}/constant"] == 2
        assert with_it[f"{network}/adversarial"] == without[f"{network}/adversarial"]


def test_terms_meet_smoothed_targets_in_ds_update_and_hard_ones_in_gs(make_trainer: Make) -> None:
    from ganlab.types import TargetPair

    met: list[TargetPair] = []

    class Asking(Constant):
        def discriminator(self, update: Update) -> Tensor:
            met.append(update.targets)
            return update.fake_output.logits.sum() * 0

        generator = discriminator

    trainer = with_terms(make_trainer(targets={"real": 0.9}), asking=Asking())
    d_update(trainer)
    g_update(trainer)
    assert met == [TargetPair(real=0.9), TargetPair()]


@pytest.mark.parametrize(("due", "half"), [("r1", False), ("r2", False), ("gs_slope", False), ("constant", True)])
def test_d_judges_in_float32_what_will_be_differentiated_and_in_float16_otherwise(
    make_trainer: Make, monkeypatch: pytest.MonkeyPatch, due: str, half: bool
) -> None:
    from dataclasses import replace

    from ganlab.regularizers.r1_r2 import R1, R2

    class GsSlope(Constant):
        generator_needs: ClassVar[frozenset[Need]] = frozenset({"fake_gradient"})

    regularizer = {"r1": R1(), "r2": R2(), "gs_slope": GsSlope(), "constant": Constant()}[due]
    trainer = with_terms(make_trainer(norm={"discriminator": {"layer": "none"}}), regularizer=regularizer)
    trainer.stepper.gan = replace(trainer.gan, autocast=lambda: torch.autocast("cpu", torch.float16))
    met: list[bool] = []
    forward_all = trainer.discriminator.network.forward_all
    monkeypatch.setattr(
        trainer.discriminator.network,
        "forward_all",
        lambda *batches, **k: met.append(torch.is_autocast_enabled("cpu")) or forward_all(*batches, **k),
    )
    (g_update if due == "gs_slope" else d_update)(trainer)
    assert met == [half]


@dataclass(frozen=True)
class OwnInput(Regularizer):
    """R1 as its paper has it: D differentiated by the very reals that it judged, without a second pass."""

    weight: float = 1.0
    interval: int = 1
    discriminator_needs: ClassVar[frozenset[Need]] = frozenset({"real_gradient"})

    def discriminator(self, update: Update) -> Tensor:
        assert update.real_output is not None
        (gradient,) = torch.autograd.grad(
            update.real_output.logits.sum(), update.augmented_real.images, create_graph=True
        )
        return 0.5 * (gradient**2).flatten(1).sum(1).mean()


def test_a_term_can_differentiate_by_what_d_saw(make_trainer: Make) -> None:
    values = d_update(with_terms(make_trainer(), r1=OwnInput()))
    assert values["discriminator/r1"] > 0


@dataclass(frozen=True)
class FeatureMatching(Regularizer):
    weight: float = 1.0
    interval: int = 1
    generator_needs: ClassVar[frozenset[Need]] = frozenset({"real", "features"})

    def generator(self, update: Update) -> Tensor:
        assert update.real_output is not None
        pairs = zip(update.real_output.features, update.fake_output.features, strict=True)
        return torch.stack([(real.mean(0) - fake.mean(0)).abs().mean() for real, fake in pairs]).mean()


def test_a_term_can_match_features_of_reals_in_gs_update(make_trainer: Make) -> None:
    trainer = with_terms(make_trainer(), matching=FeatureMatching())
    before = state(trainer.discriminator.network)
    assert g_update(trainer)["generator/matching"] > 0
    assert same(state(trainer.discriminator.network), before)


@dataclass(frozen=True)
class Consistency(Regularizer):
    weight: float = 1.0
    interval: int = 1

    def discriminator(self, update: Update) -> Tensor:
        again = update.augment(Batch(update.real.images), "second view")
        assert not torch.equal(again.images, update.augmented_real.images)
        assert update.real_output is not None
        return (update.discriminator.forward_all(again)[0].logits - update.real_output.logits).pow(2).mean()


def test_a_term_can_ask_for_a_second_view(make_trainer: Make) -> None:
    trainer = with_terms(make_trainer(augment={"instance_noise": {}}), consistency=Consistency())
    assert d_update(trainer)["discriminator/consistency"] > 0


def test_a_relativistic_loss_gets_reals_in_gs_update(make_trainer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from ganlab.losses.bce import BCE

    met: list[Any] = []
    monkeypatch.setattr(BCE, "needs_real", True)
    monkeypatch.setattr(BCE, "generator", lambda self, fake, real=None: met.append(real) or (fake - real))
    g_update(make_trainer())
    assert met[0].shape == (8,)


def test_augmentation_reaches_both_kinds_in_both_updates_and_passes_gs_gradient(make_trainer: Make) -> None:
    from dataclasses import replace

    seen: list[Tensor] = []

    class Brighter(Augmentation):
        def __call__(self, images: Tensor, rng: torch.Generator, progress: float) -> Tensor:
            seen.append(images)
            return images * 0.5

    trainer = make_trainer()
    trainer.stepper.gan = replace(trainer.gan, augmentations={"brighter": Brighter()})
    d_update(trainer)
    assert len(seen) == 2
    before = state(trainer.generator.network)
    seen.clear()
    g_update(trainer)
    assert seen[-1].requires_grad
    assert not same(state(trainer.generator.network), before)


def test_labels_and_class_heads_fit_the_contract(make_trainer: Make) -> None:
    """AC-GAN in a few lines: a condition, a head beside the logit, a term on it in both updates."""
    from dataclasses import replace

    import torch.nn.functional as F

    from ganlab.types import Condition, Conditioning, DiscriminatorOutput

    class Labels(Conditioning):
        def real_condition(self, condition: Condition) -> Condition:
            return {"labels": condition["labels"]}

        def fake_condition(self, count: int, classes: int, real: Condition, rng: torch.Generator) -> Condition:
            return {"labels": torch.randint(10, (count,), generator=rng, device=rng.device)}

    @dataclass(frozen=True)
    class ClassHead(Regularizer):
        weight: float = 1.0
        interval: int = 1

        def discriminator(self, update: Update) -> Tensor:
            assert update.real_output is not None
            return F.cross_entropy(update.real_output.heads["class"], update.augmented_real.condition["labels"])

        def generator(self, update: Update) -> Tensor:
            return F.cross_entropy(update.fake_output.heads["class"], update.fake.condition["labels"])

    trainer = with_terms(make_trainer(norm={"discriminator": {"layer": "none"}}), head=ClassHead())
    d = trainer.discriminator.network
    forward = d.forward

    def with_head(batch: Batch, features: bool = False) -> DiscriminatorOutput:
        judgement = forward(batch, features)
        return DiscriminatorOutput(judgement.logits, {"class": judgement.logits[:, None] * torch.arange(10)})

    d.forward = with_head  # type: ignore[method-assign]
    trainer.stepper.gan = replace(trainer.gan, condition=Labels())
    assert d_update(trainer)["discriminator/head"] > 0
    assert g_update(trainer)["generator/head"] > 0


PER_SAMPLE = {"norm": {"generator": {"layer": "layer"}, "discriminator": {"layer": "layer"}}}


@pytest.mark.parametrize("update", [d_update, g_update], ids=["discriminator", "generator"])
@pytest.mark.parametrize("loss", ["bce", "wasserstein"])
def test_a_batch_in_parts_is_the_same_update(make_trainer: Make, update: Callable[..., Any], loss: str) -> None:
    """The same latents, labels and reals, and to rounding the same gradients and weights, where no norm mixes images."""
    whole, microbatches = make_trainer(**PER_SAMPLE, loss=loss), make_trainer(**PER_SAMPLE, loss=loss)
    context = microbatches.stepper.context
    microbatches.stepper.context = lambda *at: context(*at, 4)  # type: ignore[method-assign]
    expected, found = update(whole), update(microbatches)
    assert expected.keys() == found.keys()
    for tag in expected:
        torch.testing.assert_close(found[tag], expected[tag], rtol=1e-4, atol=1e-6)
    for learner in ("generator", "discriminator"):
        for ours, theirs in zip(
            getattr(whole, learner).parameters, getattr(microbatches, learner).parameters, strict=True
        ):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_parts_see_different_noise(make_trainer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer(
        **PER_SAMPLE, augment={"instance_noise": {}}, schedule={"name": "alternating", "accumulation": 2}
    )
    seen: list[Tensor] = []
    forward_all = trainer.discriminator.network.forward_all
    monkeypatch.setattr(
        trainer.discriminator.network,
        "forward_all",
        lambda *batches, **k: seen.append(batches[0].images) or forward_all(*batches, **k),
    )
    real = trainer.feed.first(8)
    real = Batch(real.images[:1].expand(8, -1, -1, -1), real.condition)  # one image eight times
    context = trainer.stepper.context(trainer.step, frozenset(), "discriminator", 0, 2)
    update_discriminator(trainer.gan, trainer.discriminator, real, context)
    assert [len(images) for images in seen] == [4, 4]
    assert not torch.equal(seen[0], seen[1])


def test_top_k_learns_from_those_that_d_takes_for_most_real() -> None:
    """Sinha et al. 2020, Eq. 3, by hand; the gradient of the others is zero."""
    from ganlab.training.updates import _top_mean

    logits = torch.tensor([0.3, 2.0, -1.0, 0.9, 0.1], requires_grad=True)
    losses = logits**2
    mean = _top_mean(losses, logits, 0.5)  # three of five
    torch.testing.assert_close(mean, (0.3**2 + 2.0**2 + 0.9**2) * torch.tensor(1 / 3))
    mean.backward()
    torch.testing.assert_close(logits.grad, torch.tensor([0.2, 4 / 3, 0.0, 0.6, 0.0]))
    assert _top_mean(losses, logits, 1.0) == losses.mean()


def test_top_k_orders_maps_by_the_mean_of_their_places() -> None:
    """By hand: means 1, -0.5 and 2, so that two of three are the first and the last, whatever their largest place is."""
    from ganlab.training.updates import _top_mean

    logits = torch.tensor([[0.5, 1.5], [9.0, -10.0], [2.0, 2.0]], requires_grad=True)
    mean = _top_mean(logits**2, logits, 0.5)
    torch.testing.assert_close(mean, torch.tensor(((0.25 + 2.25) / 2 + 4.0) / 2))
    mean.backward()
    torch.testing.assert_close(logits.grad, torch.tensor([[0.25, 0.75], [0.0, 0.0], [1.0, 1.0]]))


def test_top_k_reaches_gs_update(make_trainer: Make) -> None:
    values = [
        g_update(make_trainer(schedule={"name": "alternating", "top_k": share, "top_k_until": 0}))
        for share in (1.0, 0.25)
    ]
    assert values[1]["generator/adversarial"] < values[0]["generator/adversarial"]  # bce: high logits, low loss


def test_gs_batch_may_be_larger_than_ds(make_trainer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer(schedule={"name": "alternating", "generator_batch_factor": 3})
    sizes: list[int] = []
    generate = trainer.generator.network.forward
    monkeypatch.setattr(trainer.generator.network, "forward", lambda z, c: sizes.append(len(z)) or generate(z, c))
    trainer.train_step()
    assert sizes == [8, 24]
    assert trainer.feed.drawn == 8  # G needs no reals


def test_a_relativistic_g_with_a_larger_batch_meets_as_many_reals(
    make_trainer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ganlab.losses.bce import BCE

    sizes: list[tuple[int, int]] = []
    monkeypatch.setattr(BCE, "needs_real", True)
    monkeypatch.setattr(
        BCE, "generator", lambda self, fake, real=None: sizes.append((len(fake), len(real))) or (fake - real)
    )
    trainer = make_trainer(schedule={"name": "alternating", "generator_batch_factor": 3})
    trainer.train_step()
    assert sizes == [(24, 24)]


def test_pretraining_updates_d_before_g(make_trainer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer(schedule={"name": "alternating", "pretrain_discriminator": 3})
    for expected in ((4, 1), (5, 2)):
        trainer.train_step()
        assert (trainer.discriminator.updates, trainer.generator.updates) == expected


@pytest.mark.parametrize("condition", ["concat", "embedding", "projection", "auxiliary"])
@pytest.mark.parametrize("labels", ["data", "uniform"])
def test_fakes_have_labels_and_both_networks_listen(make_trainer: Make, condition: str, labels: str) -> None:
    regularizers = {"auxiliary_classifier": {}} if condition == "auxiliary" else {}
    trainer = make_trainer(condition={"name": condition, "labels": labels}, regularizer=regularizers)
    gan = trainer.gan
    real = trainer.feed.next()
    told = gan.condition.fake_condition(20, 10, real.condition, torch.Generator().manual_seed(0))["labels"]
    assert told.shape == (20,)
    if labels == "data":
        assert torch.equal(told, real.condition["labels"].repeat(3)[:20])
    else:
        assert len(told.unique()) > 5
    g, d = trainer.generator.network, trainer.discriminator.network
    # Weights around which a label matters: conditional scales start alike for all classes.
    with torch.no_grad():
        for parameter in (*g.parameters(), *d.parameters()):
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.3)
    latent = torch.randn(4, 6)
    images = [g(latent, {"labels": torch.full((4,), label)}).images for label in (0, 1)]
    assert not torch.allclose(images[0], images[1])
    judged = [d.forward_all(Batch(real.images[:4], {"labels": torch.full((4,), label)}))[0] for label in (0, 1)]
    if condition == "auxiliary":
        assert judged[0].heads["class"].shape == (4, 10)
        assert torch.equal(judged[0].logits, judged[1].logits)
    else:
        assert not torch.allclose(judged[0].logits, judged[1].logits)
    trainer.train_step()


def test_the_projection_is_the_papers(make_trainer: Make) -> None:
    """Miyato & Koyama 2018, Eq. 3: ψ(φ(x)) + yᵀVφ(x)."""
    d = make_trainer(condition="projection", norm={"discriminator": {"layer": "none"}}).discriminator.network
    labels = torch.tensor([3, 1, 4, 1])
    judgement = d(Batch(torch.randn(4, 1, 16, 16), {"labels": labels}), features=True)
    phi = judgement.features[-1].flatten(1)
    expected = d.output(phi).squeeze(1) + torch.stack([d.projection.weight[y] @ phi[i] for i, y in enumerate(labels)])
    torch.testing.assert_close(judgement.logits, expected)
