"""Each signal against an independent calculation on a network where it is known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganlab.diagnosis.signals.activity import Activity
from ganlab.diagnosis.signals.classes import Classes
from ganlab.diagnosis.signals.course import NotFinite, Oscillation, around_lines
from ganlab.diagnosis.signals.diversity import Diversity, Duplicates
from ganlab.diagnosis.signals.family import Family
from ganlab.diagnosis.signals.gradients import ImageGradients, layer_weights
from ganlab.diagnosis.signals.jacobian import Condition
from ganlab.diagnosis.signals.logits import LogitFamily, UpdateLogits
from ganlab.diagnosis.signals.reference import variance_of_mean
from ganlab.diagnosis.signals.units import Units
from ganlab.diagnosis.signals.weights import SingularValues, WeightSizes
from ganlab.losses.wasserstein import Wasserstein
from ganlab.networks.activations import Activate, ReLU, Tanh
from ganlab.networks.layers import Dense
from tests.diagnosis.signals.networks import linear, moment


def numbers(values: Mapping[str, Tensor | float]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items()}


def weight_of(network: Any) -> np.ndarray:
    return network.layer.weight.detach().double().numpy()  # type: ignore[no-any-return]


def pairs(points: np.ndarray) -> float:
    return float(np.mean([np.linalg.norm(one - other) for one, other in combinations(points, 2)]))


def test_gradients_by_the_images_of_a_linear_critic() -> None:
    subject = linear()
    now = moment(subject)
    found = numbers(ImageGradients().compute(now))
    w = weight_of(subject.gan.discriminator)[0]
    fake = now.measured.fake.flatten(1).double().numpy()
    assert len(fake) == 24
    assert found["input_gradient"] == pytest.approx(np.linalg.norm(w), rel=1e-5)
    # L_G = mean of log(1 + exp(-D)), so that n ∂L/∂x = -w / (1 + exp(D(x)))
    assert found["output_gradient"] == pytest.approx(np.mean(np.linalg.norm(w) / (1 + np.exp(fake @ w))), rel=1e-5)


def test_gradients_of_a_wasserstein_loss_are_the_critics() -> None:
    subject = linear()
    subject = replace(subject, gan=replace(subject.gan, loss=Wasserstein()))
    found = numbers(ImageGradients().compute(moment(subject)))
    assert found["output_gradient"] == pytest.approx(found["input_gradient"], rel=1e-5)


def test_diversity_of_points() -> None:
    subject = linear()
    now = moment(subject)
    found = numbers(Diversity().compute(now))
    data = subject.feed.points[:256].flatten(1).double().numpy()  # type: ignore[attr-defined]
    fake, real = (one.flatten(1).double().numpy() for one in (now.measured.fake, now.measured.real))
    assert found["distance"] == pytest.approx(pairs(fake) / pairs(data), rel=1e-4)
    assert found["feature_distance"] == pytest.approx(pairs(fake) / pairs(real), rel=1e-4)
    assert found["contrast"] == pytest.approx(fake.std() / data.std(), rel=1e-4)
    apart = np.sum((fake.mean(0) - data.mean(0)) ** 2)
    expected = fake.var(0, ddof=1).sum() / 24 + data.var(0, ddof=1).sum() / 256
    assert found["pixel_gap"] == pytest.approx(np.sqrt((apart - expected) / 2) / data.std(), rel=1e-3)


def test_one_image_has_no_distance() -> None:
    subject = linear()
    nn.init.zeros_(subject.gan.generator.layer.weight)  # type: ignore[attr-defined]
    found = numbers(Diversity().compute(moment(subject)))
    assert (found["distance"], found["contrast"], found["feature_distance"]) == (0, 0, 0)


def test_the_birthday_test_counts_images_with_a_twin() -> None:
    subject = linear(pictures=6, near=0.5)
    now = moment(subject)
    nearest = float(subject.reference.nearest)
    places = [0.0, 0.4 * nearest, 10.0, 20.0, 30.0 + 0.6 * nearest, 30.0]  # two near each other, two not quite
    now.__dict__["pictures"] = torch.tensor([[place, 0.0] for place in places]).view(6, 2, 1, 1)
    assert numbers(Duplicates().compute(now)) == {"duplicates": pytest.approx(2 / 6)}
    assert len(moment(linear(pictures=70)).pictures) == 70


def test_the_nearest_real_is_the_median_one() -> None:
    subject = linear(pictures=40)
    points = subject.feed.points[:40].flatten(1).double().numpy()  # type: ignore[attr-defined]
    nearest = [
        min(np.linalg.norm(one - other) for j, other in enumerate(points) if j != i) for i, one in enumerate(points)
    ]
    assert float(subject.reference.nearest) == pytest.approx(sorted(nearest)[19], rel=1e-4)


def test_the_condition_of_a_linear_generator_is_that_of_its_matrix() -> None:
    subject = linear()
    with torch.no_grad():
        subject.gan.generator.layer.weight.copy_(torch.tensor([[3.0, 0.0], [1.0, 0.2]]))  # type: ignore[attr-defined]
    values = np.linalg.svd(weight_of(subject.gan.generator), compute_uv=False)
    found = numbers(Condition().compute(moment(subject)))
    assert found["condition"] == pytest.approx(math.log10(values[0] / values[-1]), rel=1e-4)
    assert Condition().compute(moment(linear(latents=0))) == {}
    nn.init.ones_(subject.gan.generator.layer.weight)  # type: ignore[attr-defined]  # of rank 1
    assert numbers(Condition().compute(moment(subject))) == {"condition": 7.0}


def test_singular_values_that_fall_are_counted_after_a_resume_too() -> None:
    subject = linear()
    weight = subject.gan.generator.layer.weight  # type: ignore[attr-defined]
    left, _, right = np.linalg.svd(np.array([[1.0, 2.0], [3.0, 5.0]]))

    def stored(*values: float) -> None:
        with torch.no_grad():
            weight.copy_(torch.from_numpy(left @ np.diag(values) @ right).float())

    family = SingularValues()
    sigmas = []
    for values in ((4.0, 1.0), (6.0, 0.6), (5.0, 0.49), (2.9, 0.3)):
        stored(*values)
        found = numbers(family.compute(moment(subject)))
        sigmas.append((round(found["generator_sigma"], 4), found["generator_sigma_fallen"]))
        resumed = SingularValues()
        resumed.restore(family.state(), torch.device("cpu"))
        family = resumed
    assert sigmas == [(4.0, 0), (6.0, 0), (5.0, 1), (2.9, 2)]
    w = weight_of(subject.gan.discriminator)
    assert found["discriminator_sigma"] == pytest.approx(np.linalg.norm(w), rel=1e-5)


def test_sizes_and_steps_of_the_weights() -> None:
    subject, family = linear(), WeightSizes()
    family.before_step(subject)
    w = weight_of(subject.gan.generator).copy()
    with torch.no_grad():
        subject.gan.generator.layer.weight[0, 0] += 0.3  # type: ignore[attr-defined]
    subject.generator.updates += 2
    found = numbers(family.compute(moment(subject)))
    w[0, 0] += 0.3
    assert found["generator_weight"] == pytest.approx(np.sqrt(np.mean(w**2)), rel=1e-5)
    assert found["generator_update"] == pytest.approx(0.3 / np.linalg.norm(w) / 2, rel=1e-5)
    assert "discriminator_update" not in found, "it had no update"


def test_dead_units_are_the_same_in_all_passes() -> None:
    torch.manual_seed(0)
    first, last = Dense(3, 8, follows=ReLU()), Dense(8, 1, follows=None, role="output")
    network = nn.Sequential(first, Activate(ReLU()), last)
    with torch.no_grad():
        first.weight[:3] = 0
        first.bias[:3] = torch.tensor([-1.0, -1.0, 2.0])  # type: ignore[index]  # two are 0, and one is constant
        first.weight[3] = torch.tensor([1.0, 0.0, 0.0])
        first.bias[3] = 0.0  # type: ignore[index]
    x = torch.rand(16, 3)
    with Activity(network) as activity:
        network(x * torch.tensor([-1.0, 1.0, 1.0]))  # unit 3 is 0 in this pass alone
        network(x)
    inputs = first(x).relu().detach()
    alive = [
        bool((first(x * torch.tensor([-1.0, 1, 1])).relu()[:, i] > 0).any() or (inputs[:, i] > 0).any())
        for i in range(4, 8)
    ]
    assert float(activity.dead) == pytest.approx((3 + 4 - sum(alive)) / 8)  # type: ignore[arg-type]
    assert float(activity.rms) == pytest.approx(float(inputs.square().mean().sqrt()))  # type: ignore[arg-type]
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_a_saturated_tanh_is_dead() -> None:
    with Activity(tanh := Activate(Tanh())) as activity:
        tanh(torch.tensor([[50.0, 0.1], [60.0, 0.2]]))
    assert float(activity.dead) == 0.5  # type: ignore[arg-type]


def test_units_without_an_activation_have_no_share() -> None:
    now = moment(linear())
    found = numbers(Units().compute(now))
    assert found == {
        "generator_activation": pytest.approx(found["generator_activation"]),
        "discriminator_activation": pytest.approx(float(now.measured.fake.square().mean().sqrt()), rel=0.8),
    }


def test_signs_relative_to_the_boundary() -> None:
    real, fake = torch.tensor([2.0, -1.0, 0.5, 1.0]), torch.tensor([-3.0, 0.5, 4.0, 0.5])
    found = numbers(UpdateLogits(0.5).of_update(real, fake))
    assert found == {"sign_real": (2 - 1) / 4, "sign_fake": (1 - 1) / 4}  # a logit on the boundary counts as neither
    critic = numbers(UpdateLogits(None).of_update(real + 100, fake + 100))  # the middle of the means is at 100.5625
    assert critic == {"sign_real": (2 - 2) / 4, "sign_fake": (1 - 3) / 4}
    held_out = numbers(UpdateLogits(None).of_held_out(real, fake, 0.75))
    assert held_out == {"sign_held_out": 0.0, "sign_trained_on": -0.5}


def test_what_follows_from_signs_and_means() -> None:
    values = {
        "diagnosis/sign_real": 0.6, "diagnosis/sign_fake": -0.9, "diagnosis/sign_held_out": -0.2,
        "discriminator/real": 3.0, "discriminator/fake": -1.0,
    }  # fmt: skip
    now = moment(linear(), values)
    found = numbers(LogitFamily().compute(now))
    kinds = [one.double().numpy() for one in (now.measured.real_logits, now.measured.fake_logits)]
    spread = np.sqrt(np.mean([kind.var() for kind in kinds]))
    assert found == pytest.approx(
        {"accuracy_real": 0.8, "accuracy_fake": 0.95, "accuracy_held_out": 0.4, "logit_gap": 4.0, "logit_spread": spread,
         "logit_effect": 4 / spread},
        rel=1e-5,
    )  # fmt: skip


def test_a_swing_is_told_from_a_trend() -> None:
    times = np.arange(10)
    swing = np.stack([3 * times + np.sin(times), 0.5 * times], axis=1)
    rest = swing[:, 0] - np.polyval(np.polyfit(times, swing[:, 0], 1), times)
    assert around_lines(torch.from_numpy(swing)).tolist() == pytest.approx([np.sqrt(np.mean(rest**2)), 0], abs=1e-12)


def test_oscillation_over_the_last_ten_log_points() -> None:
    family: Family = Oscillation()
    found: dict[str, float] = {}
    rows = [(math.sin(step), -1.0 + 0.1 * step) for step in range(14)]
    for step, (real, fake) in enumerate(rows):
        ends = torch.tensor([-0.5, 0.5])  # their standard deviation is 0.5
        measured = SimpleNamespace(real_logits=real + ends, fake_logits=fake + ends, logit_spread=torch.tensor(0.5))
        found = numbers(family.compute(SimpleNamespace(measured=measured, point=SimpleNamespace(regular=True))))  # type: ignore[arg-type]
        assert ("oscillation" in found) == (step >= 4)
        resumed = Oscillation()
        resumed.restore(family.state(), torch.device("cpu"))
        family = resumed
    last = np.array([real for real, _ in rows[-10:]])
    rest = last - np.polyval(np.polyfit(range(10), last, 1), range(10))
    assert found["oscillation"] == pytest.approx(np.sqrt(np.mean(rest**2)) / 0.5, rel=1e-4)


def test_updates_left_out_are_counted() -> None:
    values = {"generator/blocked": 0.25, "discriminator/blocked": 0.5}
    now = moment(linear(), values, updates={"generator": 8, "discriminator": 6})
    assert numbers(NotFinite().compute(now)) == {"not_finite": 5}
    assert NotFinite().compute(moment(linear())) == {}


def test_the_entropy_of_classes() -> None:
    now = moment(linear(pictures=8))
    family = Classes(lambda images: torch.eye(4)[torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])])
    assert numbers(family.compute(now)) == {"classes": pytest.approx(math.log(2) / math.log(4))}
    assert numbers(Classes(lambda images: torch.eye(4)[[3] * 8]).compute(now)) == {"classes": 0.0}
    # Eight images cannot be of a thousand classes.
    assert numbers(Classes(lambda images: torch.eye(1000)[:8]).compute(now)) == {"classes": pytest.approx(1.0)}


def test_the_layers_of_a_network_without_ours_are_its_matrices() -> None:
    subject = linear()
    assert layer_weights(subject.generator) == {"layer.weight": 4}
    subject.generator.network = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3))
    assert layer_weights(subject.generator) == {"0.weight": 6}


def test_the_variance_of_the_mean_of_one_image_is_not_known(recwarn: pytest.WarningsRecorder) -> None:
    images = torch.tensor([[1.0, 2.0], [3.0, 6.0], [2.0, 1.0]])
    assert float(variance_of_mean(images)) == pytest.approx(np.var(images.numpy(), axis=0, ddof=1).sum() / 3)
    assert variance_of_mean(images[:1]).isnan()
    assert not recwarn.list
