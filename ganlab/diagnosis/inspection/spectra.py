"""Singular values: of the weights that layers apply, and of the generator's Jacobian."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from ganlab.diagnosis.inspection.results import Spectrum
from ganlab.networks import use_fast_kernels
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
    generator: nn.Module, latents: Tensor, condition: Condition, count: int, together: int = TOGETHER
) -> tuple[Spectrum, ...]:
    """Returns the spectrum of G's Jacobian J = ∂G(z)/∂z, an image of C·H·W values by a latent, at the first ``count``
    of some ``latents`` (N, dim). Odena et al. 2018, section 2: the condition number of JᵀJ is the square of that of
    J.

    Batch norm would make an image depend on the other latents; G is evaluated with the statistics of these latents as
    constants. Columns J eⱼ are exact: the derivatives of u ↦ Jᵀu, for row j of a batch of copies of z. (Forward-mode
    differentiation takes less arithmetic, but PyTorch compiles half a second of code at its first use.) ``together`` is
    the number of rows in one forward pass, which decides how much memory it takes.
    """
    frozen = _with_statistics_of(generator, latents, condition)
    found = []
    for number in range(min(count, len(latents))):
        one = {key: value[number : number + 1] for key, value in condition.items()}
        columns = _columns(frozen, latents[number], one, together)
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
    use_fast_kernels(network, True)
    return network.eval().requires_grad_(False)


def _columns(generator: nn.Module, latent: Tensor, condition: Condition, together: int) -> Tensor:
    """Returns the transposed Jacobian (dim, C·H·W) at one latent (dim,)."""
    dim = len(latent)
    parts = list[Tensor]()
    for start in range(0, dim, together):
        directions = torch.eye(dim, device=latent.device, dtype=latent.dtype)[start : start + together]
        count = len(directions)
        inputs = latent.repeat(count, 1).requires_grad_()
        repeated = {key: value.repeat(count, *[1] * (value.dim() - 1)) for key, value in condition.items()}
        images = generator(inputs, repeated).images
        # g(u) = Jᵀu is linear in u, and its derivative in the direction v is J v.
        u = torch.zeros_like(images).requires_grad_()
        (pulled,) = torch.autograd.grad((images * u).sum(), inputs, create_graph=True)
        (pushed,) = torch.autograd.grad((pulled * directions).sum(), u)
        parts.append(pushed.flatten(1))
    return torch.cat(parts)
