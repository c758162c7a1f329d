from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from ganlab.errors import UserError
from ganlab.evaluation.arithmetic import Spread
from ganlab.evaluation.inception_score import inception_score

LOGITS = 3 * torch.randn(1003, 7, generator=torch.Generator().manual_seed(1))


def test_each_class_equally_often_and_surely_scores_the_number_of_classes() -> None:
    assert inception_score(torch.eye(8).repeat(20, 1)) == Spread(
        pytest.approx(8, rel=1e-12), pytest.approx(0, abs=1e-9), 10, 16
    )


@pytest.mark.parametrize("row", [[0.2, 0.5, 0.3], [1.0, 0.0, 0.0]])
def test_the_same_prediction_for_all_scores_one(row: list[float]) -> None:
    assert inception_score(torch.tensor(row).expand(50, 3)).mean == pytest.approx(1, rel=1e-6)


def test_two_predictions_by_hand() -> None:
    """p(y) = (3/4, 1/4): KL is ½ [log(4/3)] + ½ [½ log(2/3) + ½ log 2]."""
    score = inception_score(torch.tensor([[1.0, 0.0], [0.5, 0.5]]), splits=1)
    expected = math.exp(0.5 * math.log(4 / 3) + 0.25 * math.log(2 / 3) + 0.25 * math.log(2))
    assert score == Spread(pytest.approx(expected, rel=1e-12), 0, 1, 2)


def test_splits_are_consecutive_and_each_has_its_own_marginal() -> None:
    """Two splits, of two classes and of one: scores 2 and 1, which shuffled samples would not give."""
    rows = torch.eye(2)[[0, 1, 0, 1, 0, 0, 0, 0]]
    assert inception_score(rows, splits=2) == Spread(pytest.approx(1.5), pytest.approx(0.5), 2, 4)


def test_all_samples_are_used_where_the_splits_are_unequal() -> None:
    """Seven in two splits: three and four, as i·n // splits has it."""
    rows = torch.eye(4)[[0, 1, 2, 0, 1, 2, 3]]
    assert inception_score(rows, splits=2) == Spread(pytest.approx(3.5), pytest.approx(0.5), 2, 3)


def test_what_is_no_set_of_probabilities() -> None:
    with pytest.raises(UserError, match="5 images cannot be divided into 10 splits"):
        inception_score(torch.eye(5))
    with pytest.raises(ValueError, match="logits"):
        inception_score(LOGITS)
    with pytest.raises(ValueError, match="logits"):
        inception_score(torch.tensor([[2.0, -1.0]]), splits=1)


def test_torch_fidelity_says_the_same() -> None:
    isc = pytest.importorskip("torch_fidelity.metric_isc")
    ours = inception_score(LOGITS.double().softmax(1))
    theirs = isc.isc_features_to_metric(LOGITS, splits=10, shuffle=False)
    assert ours.mean == pytest.approx(theirs["inception_score_mean"], rel=1e-10)
    assert ours.std == pytest.approx(theirs["inception_score_std"], rel=1e-8)


def test_torchmetrics_says_the_same() -> None:
    """It shuffles, which one split does not notice."""
    image = pytest.importorskip("torchmetrics.image.inception")
    theirs = image.InceptionScore(feature=nn.Identity(), splits=1)
    theirs.update(LOGITS.double())
    assert inception_score(LOGITS.double().softmax(1), splits=1).mean == pytest.approx(
        theirs.compute()[0].item(), rel=1e-9
    )
