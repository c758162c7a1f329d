"""Differentiates a loss by the inputs and the weights of all layers that were recorded while it was computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlab.diagnosis.inspection.quotient import gradient_quotient
from ganlab.diagnosis.inspection.recorder import LayerRecord, Moments, Recorder
from ganlab.diagnosis.inspection.results import LayerResult, NetworkResult, PathPoint
from ganlab.diagnosis.inspection.spectra import weight_spectrum
from ganlab.errors import in_one_line


@dataclass(frozen=True)
class Pass:
    """A loss with its graph, a mean over so many ``samples``, and what was recorded while it was computed: in the
    network that it belongs to, whose ``outputs`` are tensors, and for G's loss also in D (``through``), whose logits
    are ``ends``."""

    loss: Tensor
    own: Recorder
    outputs: Sequence[Tensor]
    samples: int
    through: Recorder | None = None
    ends: Sequence[Tensor] = ()


def measured(one: Pass, name: str, notes: list[str]) -> tuple[NetworkResult, list[PathPoint]]:
    """Returns the figures of the network ``name`` of a pass, and for G the path from the latent to the logit. What
    cannot be computed is added to ``notes``."""
    own = list(one.own.layers.values())
    behind = list(one.through.layers.values()) if one.through else []
    weights = [record.module.weight for record in own]
    inputs = [record.inputs for record in (*own, *behind)]
    gradients = _gradients(one.loss, [*inputs, one.outputs, one.ends, weights], name, notes)
    by_input = [_norm(gradient, one.samples) for gradient in gradients[: len(inputs)]]
    by_output, by_end, by_weight = gradients[-3:]
    network = NetworkResult(
        tuple(_layer(record, by_input[number], by_weight[number]) for number, record in enumerate(own)),
        _rms(one.outputs),
        _norm(by_output, one.samples),
        float(one.loss.detach()),
        _quotient(by_weight, weights, name, notes),
    )
    signals = [
        *(("generator", record) for record in own),
        *(("discriminator", record) for record in behind),
    ]
    path = [
        PathPoint(network, record.name, record.received.rms, gradient)
        for (network, record), gradient in zip(signals, by_input, strict=True)
    ]
    if one.through:
        path.append(PathPoint("discriminator", "", _rms(one.ends), _norm(by_end, one.samples)))
    return network, path


def _gradients(
    loss: Tensor, groups: Sequence[Sequence[Tensor]], name: str, notes: list[str]
) -> list[list[Tensor | None]]:
    """Returns the gradients of ``loss`` by the tensors of each group, with their graph; None where it does not depend
    on a tensor."""
    flat = [tensor for group in groups for tensor in group]
    found: Sequence[Tensor | None]
    try:
        found = torch.autograd.grad(loss, flat, create_graph=True, allow_unused=True)
    except RuntimeError as error:
        notes.append(f"the gradients of the {name} could not be computed ({in_one_line(error)[:200]})")
        found = [None] * len(flat)
    each = iter(found)
    return [[next(each) for _ in group] for group in groups]


def _quotient(
    gradients: Sequence[Tensor | None], weights: Sequence[Tensor], name: str, notes: list[str]
) -> float | None:
    try:
        return gradient_quotient(gradients, weights)
    except RuntimeError as error:  # a layer without second derivatives, or too little memory
        notes.append(f"the gradient quotient of the {name} could not be computed ({in_one_line(error)[:200]})")
        return None


def _norm(gradients: Sequence[Tensor | None], samples: int) -> float | None:
    """Returns the root mean square over the rows of ‖∂ℓ/∂x‖₂, from gradients (rows, …) of the mean loss L of so many
    ``samples``: ∂ℓ/∂x of one sample is ``samples`` times ∂L/∂x."""
    rows = [one.detach().double().flatten(1).square().sum(1) for one in gradients if one is not None and one.dim() > 1]
    rows += [one.detach().double().square() for one in gradients if one is not None and one.dim() == 1]
    return samples * math.sqrt(float(torch.cat(rows).mean())) if rows else None


def _rms(tensors: Sequence[Tensor]) -> float:
    moments = Moments()
    for tensor in tensors:
        moments.add(tensor)
    return moments.rms


def _layer(record: LayerRecord, by_input: float | None, by_weight: Tensor | None) -> LayerResult:
    received, sent = record.received, record.output
    return LayerResult(
        name=record.name,
        kind=record.module.kind,
        mean=sent.mean,
        std=sent.std,
        second_moment=sent.second,
        input_rms=received.rms,
        gain=sent.rms / received.rms if received.rms > 0 else math.nan,
        input_gradient=by_input,
        weight_gradient=None if by_weight is None else float(by_weight.detach().double().norm()),
        dead=record.dead,
        weights=weight_spectrum(record.module),
    )
