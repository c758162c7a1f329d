"""Terms that read what D said: its logits, features, and classes."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from ganlab.regularizers.auxiliary_classifier import AuxiliaryClassifier
from ganlab.regularizers.drift import Drift
from ganlab.regularizers.feature_matching import FeatureMatching
from ganlab.types import Batch, DiscriminatorOutput, TargetPair, Update
from tests.regularizers.critics import FAKE, REAL, linear, update

LABELS = {"real": torch.tensor([0, 1, 2, 0, 1, 2]), "fake": torch.tensor([2, 2, 1, 1, 0, 0])}
HEADS = {
    name: torch.randn(6, 3, generator=torch.Generator().manual_seed(number)).requires_grad_()
    for number, name in enumerate(LABELS)
}


def named(**changes: object) -> Update:
    """An update whose D has a class head."""
    return update(
        linear(), REAL, FAKE,
        augmented_real=Batch(REAL, {"labels": LABELS["real"]}), augmented_fake=Batch(FAKE, {"labels": LABELS["fake"]}),
        real_output=DiscriminatorOutput(torch.zeros(6), {"class": HEADS["real"]}),
        fake_output=DiscriminatorOutput(torch.zeros(6), {"class": HEADS["fake"]}),
        **changes,
    )  # fmt: skip


def test_drift_is_the_mean_square_of_ds_output_on_reals() -> None:
    facts = update(linear(), REAL, FAKE)
    by_hand = sum(logit**2 for logit in facts.real_output.logits.tolist()) / 6
    assert Drift().discriminator(facts).item() == pytest.approx(by_hand)
    assert Drift().generator(facts) is None


def test_feature_matching_by_hand() -> None:
    """Means (1, 3) and (2, 1) of the last layer: (1 - 2)² + (3 - 1)² = 5; the first layer's add 9."""
    real = [torch.tensor([[0.0], [0.0]]), torch.tensor([[0.0, 2.0], [2.0, 4.0]])]
    fake = [torch.tensor([[1.0], [5.0]]), torch.tensor([[3.0, 1.0], [1.0, 1.0]])]
    facts = update(
        linear(), REAL, FAKE, real_output=DiscriminatorOutput(torch.zeros(2), {}, real), fake_output=DiscriminatorOutput(torch.zeros(2), {}, fake)
    )  # fmt: skip
    assert FeatureMatching().generator(facts).item() == 5
    assert FeatureMatching(features="all").generator(facts).item() == 14
    assert FeatureMatching().discriminator(facts) is None


def test_feature_matching_sums_over_all_of_a_map() -> None:
    gap = torch.randn(4, 3, 3, generator=torch.Generator().manual_seed(0))
    noise = torch.tensor([1.0, -1.0])[:, None, None, None]
    facts = update(
        linear(), REAL, FAKE,
        real_output=DiscriminatorOutput(torch.zeros(2), {}, [noise * gap + gap]), fake_output=DiscriminatorOutput(torch.zeros(2), {}, [noise * gap]),
    )  # fmt: skip
    assert FeatureMatching().generator(facts).item() == pytest.approx((gap**2).sum().item(), rel=1e-5)


def test_the_classifier_is_cross_entropy_on_reals_and_fakes() -> None:
    on_real, on_fake = (F.cross_entropy(HEADS[name], LABELS[name]).item() for name in LABELS)
    assert AuxiliaryClassifier().discriminator(named()).item() == pytest.approx(on_real + on_fake)
    assert AuxiliaryClassifier(on_fake=False).discriminator(named()).item() == pytest.approx(on_real)
    assert AuxiliaryClassifier().generator(named()).item() == pytest.approx(on_fake)


@pytest.mark.parametrize(("weight", "generator_weight"), [(1.0, 0.1), (5.0, 0.5)])
def test_gs_weight_is_its_own(weight: float, generator_weight: float) -> None:
    """What the trainer adds is ``weight`` times the term."""
    regularizer = AuxiliaryClassifier(weight=weight, generator_weight=generator_weight)
    on_fake = F.cross_entropy(HEADS["fake"], LABELS["fake"]).item()
    assert weight * regularizer.generator(named()).item() == pytest.approx(generator_weight * on_fake)
    assert AuxiliaryClassifier(generator_weight=0).generator(named()) is None


def test_smoothed_targets_share_the_rest_evenly_per_judged_sample() -> None:
    real, fake = torch.tensor([1.0, 0.9, 0.8, 0.7, 0.0, 0.5]), torch.tensor([0.0, 0.1, 0.2, 0.3, 1.0, 0.5])
    expected = 0.0
    for head, labels, probability in (
        (HEADS["real"], LABELS["real"], real),
        (HEADS["fake"], LABELS["fake"], 1 - fake),
    ):
        for logits, label, p in zip(head.tolist(), labels.tolist(), probability.tolist(), strict=True):
            total = math.log(sum(math.exp(logit) for logit in logits))
            shares = [(p if number == label else (1 - p) / 2) for number in range(3)]
            expected -= sum(share * (logit - total) for share, logit in zip(shares, logits, strict=True)) / 6
    found = AuxiliaryClassifier().discriminator(named(targets=TargetPair(real, fake)))
    assert found.item() == pytest.approx(expected, rel=1e-5)
    constant = AuxiliaryClassifier(on_fake=False).discriminator(named(targets=TargetPair(0.9, 0.0)))
    smoothing = F.cross_entropy(HEADS["real"], LABELS["real"], label_smoothing=0.15)  # 0.85 + 0.15 / 3 = 0.9
    torch.testing.assert_close(constant, smoothing)
