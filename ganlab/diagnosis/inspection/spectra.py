"""Singular values: of the weights that layers apply, and of the generator's Jacobian."""

from __future__ import annotations

import copy

import torch
import torch.autograd.forward_ad as forward
from torch import Tensor, nn

from ganlab.diagnosis.inspection.results import Spectrum
from ganlab.networks.layers import WeightLayer
from ganlab.networks.norms import BatchNormLayer
from ganlab.types import Condition

TOGETHER = 256  # rows of the Jacobians that are computed in one forward pass
BELOW_ROUNDING = 1e-7  # of the largest: smaller ones are rounding errors of float32


def singular_values(matrix: Tensor) -> Tensor:
    """Returns the singular values of a matrix, descending, from the eigenvalues of its smaller Gram matrix in float64:
    for wide matrices much faster than their decomposition. Values below 1e-7 of the largest are 0."""
    matrix = matrix.detach().double()
    gram = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    values = torch.linalg.eigvalsh(gram).clamp_min(0).sqrt().flip(0)
    return torch.where(values > BELOW_ROUNDING * values[0], values, 0.0)


def spectrum(values: Tensor) -> Spectrum:
    """Returns the largest, the median and the smallest of some singular values."""
    return Spectrum(float(values.max()), float(values.median()), float(values.min()))


def weight_spectrum(layer: WeightLayer) -> Spectrum | None:
    """Returns the spectrum of the weight that a layer applies, as a matrix (out, in * k * k), the form in which
    spectral normalization takes it (Miyato et al. 2018, section 2.1); None if it is not finite."""
    with torch.no_grad():
        matrix = layer.matrix(layer.applied_weight())
        return spectrum(singular_values(matrix)) if bool(matrix.isfinite().all()) else None


def jacobian_spectra(
    generator: nn.Module, latents: Tensor, condition: Condition, count: int
) -> tuple[Spectrum, ...]:
    """Returns the spectrum of G's Jacobian J = ∂G(z)/∂z, an image of C·H·W values by a latent, at the first ``count``
    of some ``latents`` (N, dim). Odena et al. 2018, section 2.1: the condition number of JᵀJ is the square of that of
    J.

    Batch norm would make an image depend on the other latents; G is evaluated with the statistics of these latents as
    constants. Columns are exact, by forward-mode differentiation: row j of a batch of copies of z has the tangent eⱼ.
    ``generator`` is a copy; its running statistics change.
    """
    frozen = _with_statistics_of(generator, latents, condition)
    found = []
    for number in range(min(count, len(latents))):
        one = {key: value[number : number + 1] for key, value in condition.items()}
        columns = _columns(frozen, latents[number], one)
        if not bool(columns.isfinite().all()):
            return ()
        found.append(spectrum(singular_values(columns)))
    return tuple(found)


def _with_statistics_of(generator: nn.Module, latents: Tensor, condition: Condition) -> nn.Module:
    """Returns a copy in evaluation mode whose batch norms have the statistics of these latents."""
    network = copy.deepcopy(generator)
    norms = [module for module in network.modules() if isinstance(module, BatchNormLayer)]
    for norm in norms:
        norm.momentum, norm.frozen = 1.0, False
    if norms:
        with torch.no_grad():
            network(latents, condition)
    return network.eval()


def _columns(generator: nn.Module, latent: Tensor, condition: Condition) -> Tensor:
    """Returns the transposed Jacobian (dim, C·H·W) at one latent (dim,)."""
    dim = len(latent)
    parts: list[Tensor] = []
    with torch.no_grad():
        for start in range(0, dim, TOGETHER):
            rows = torch.arange(start, min(start + TOGETHER, dim), device=latent.device)
            tangents = torch.zeros(len(rows), dim, device=latent.device, dtype=latent.dtype)
            tangents[torch.arange(len(rows), device=latent.device), rows] = 1
            with forward.dual_level():
                inputs = forward.make_dual(latent.repeat(len(rows), 1), tangents)
                repeated = {key: value.repeat(len(rows), *[1] * (value.dim() - 1)) for key, value in condition.items()}
                tangent = forward.unpack_dual(generator(inputs, repeated).images).tangent
            parts.append(torch.zeros(len(rows), 1, device=latent.device) if tangent is None else tangent.flatten(1))
    return torch.cat(parts)

