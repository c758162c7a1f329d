"""Sentences on constructed figures."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from ganlab.diagnosis.inspection import Inspection, LayerResult, Logits, NetworkResult, PathPoint, Spectrum, judge
from ganlab.diagnosis.inspection.judgement import change, word_of
from ganlab.diagnosis.inspection.tables import SUMMARY_COLUMNS, summary_row


def layer(signal: float, gradient: float, dead: float | None = None) -> LayerResult:
    return LayerResult("a", "dense", 0.0, 1.0, 1.0, signal, 1.0, gradient, 1.0, dead, Spectrum(2.0, 1.0, 0.5))


def network(
    signals: Sequence[float] = (1, 1, 1), gradients: Sequence[float] = (1, 1, 1), dead: float | None = None
) -> NetworkResult:
    """A network of layers with these signals and gradients at their inputs; the last ones are at its output."""
    pairs = list(zip(signals, gradients, strict=True))
    layers = tuple(layer(signal, gradient, dead) for signal, gradient in pairs[:-1])
    return NetworkResult(layers, pairs[-1][0], pairs[-1][1], 0.7, 2.0)


def inspection(
    generator: NetworkResult | None = None,
    discriminator: NetworkResult | None = None,
    logits: Logits | None = None,
    conditions: Sequence[float] = (4.0, 9.0),
) -> Inspection:
    generator, discriminator = generator or network(), discriminator or network()
    path = [
        PathPoint(name, one.name, one.input_rms, one.input_gradient)
        for name, found in (("generator", generator), ("discriminator", discriminator))
        for one in found.layers
    ]
    path.append(PathPoint("discriminator", "", 1.0, 1.0))
    spectra = tuple(Spectrum(1.0, 1.0, 1 / one if math.isfinite(one) else 0.0) for one in conditions)
    return Inspection(generator, discriminator, logits or Logits(0.1, 1.0, 0.0, 1.0), path, spectra, 8)


@pytest.mark.parametrize(
    ("factor", "word"),
    [
        (1.0, "is preserved"), (0.11, "is preserved"), (9.9, "is preserved"), (0.09, "shrinks"), (0.011, "shrinks"),
        (0.009, "vanishes"), (0.0, "vanishes"), (11.0, "grows"), (101.0, "explodes"), (math.inf, "explodes"),
        (math.nan, "is not finite"), (None, "is unknown"),
    ],
)  # fmt: skip
def test_words(factor: float | None, word: str) -> None:
    assert word_of(factor) == word


def test_the_change_of_a_signal_is_its_end_over_its_beginning() -> None:
    assert change([2.0, 1e-9, 4.0]) == 2  # a norm has restored what was lost
    assert change([1.0, math.nan, 1.0]) is not None
    assert math.isnan(change([1.0, math.inf, 1.0]) or 0)
    assert change([0.0, 0.0]) == 0
    assert change([0.0, 1.0]) == math.inf
    assert change([]) is None
    assert change([None, 1.0]) is None


@pytest.mark.parametrize(
    ("one", "beginning", "part"),
    [
        (inspection(), "Preserved: ", "G's Jacobian has condition number 6"),
        (inspection(network((1, 0.1, 1e-4))), "Vanishing: ", "in G the signal vanishes (×0.0001)"),
        (inspection(network((1, 1, 1), (1e-3, 1, 1))), "Vanishing: ", "the gradient through D and G vanishes (×0.001)"),
        (inspection(None, network((1, 1, 1e3))), "Exploding: ", "in D the signal explodes (×1e+03)"),
        (inspection(None, network((1, 1, 1), (5e2, 1, 1))), "Exploding: ", "its own gradient explodes (×5e+02)"),
        (inspection(network((1, 1, 1e-3)), network((1, 1, 1e3))), "Vanishing and exploding: ", "(×0.001)"),
        (inspection(network((1, 1, 0.05))), "Uneven: ", "in G the signal shrinks (×0.05)"),
        (inspection(network((1, math.nan, 1))), "Not finite: ", "in G the signal is not finite"),
        (inspection(network(dead=0.75)), "Preserved: ", "75 % of the units behind a of G are dead"),
        (inspection(conditions=(2000.0,)), "Preserved: ", "condition number 2e+03, ill-conditioned"),
        (inspection(conditions=(2.0, math.inf)), "Preserved: ", "singular: G ignores some directions"),
        (inspection(logits=Logits(2.0, 0.5, 0.0, 0.5)), "Preserved: ", "reals from fakes already, by 4 standard dev"),
    ],
)
def test_sentences(one: Inspection, beginning: str, part: str) -> None:
    sentence = judge(one)
    assert sentence.startswith(beginning)
    assert part in sentence
    assert sentence.endswith(".")


def test_nothing_is_said_of_what_could_not_be_computed() -> None:
    assert "Jacobian" not in judge(inspection(conditions=()))
    assert "dead" not in judge(inspection(network(dead=0.49)))


def test_figures_of_spectra_and_logits() -> None:
    assert Spectrum(6.0, 1.0, 2.0).condition == 3
    assert Spectrum(6.0, 1.0, 0.0).condition == math.inf
    assert inspection(conditions=(4.0, 9.0)).log_condition == pytest.approx(math.log(6))
    assert Logits(3.0, 3.0, 1.0, 4.0).separation == pytest.approx(2 / math.sqrt(12.5))
    assert Logits(1.0, 0.0, 1.0, 0.0).separation == 0
    assert Logits(2.0, 0.0, 1.0, 0.0).separation == math.inf


def test_the_row_of_a_combination() -> None:
    row = dict(zip(SUMMARY_COLUMNS, summary_row("x", inspection(network((2, 1, 0.5), (3, 1, 6), 0.25))), strict=True))
    assert row["combination"] == "x"
    assert (row["G signal"], row["G gradient"], row["G grad. through D"]) == ("0.25", "0.5", "3")
    assert row["dead G / D"] == "25 % / -"
    assert (row["gap"], row["gap / std"], row["cond. of J"], row["GQ of G"]) == ("0.1", "0.1", "6", "2")
