"""What ganlab's speed is measured against: DCGAN, WGAN-GP and SNGAN as a tutorial writes them. Plain PyTorch modules,
NCHW, a DataLoader, one pass through D for reals and one for fakes, autograd's penalty; correct, and without tricks.

The networks have ganlab's layers in ganlab's order, so that ``take_weights`` can start both alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn, optim
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import is_parametrized
from torch.utils.data import DataLoader, Dataset

LATENT = 128

# ------------------------------------------------------------------------------------------------------------ networks


def init_dcgan(module: nn.Module) -> None:
    """N(0, 0.02), as DCGAN."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)


class DCGANGenerator(nn.Module):
    """For images of 4 · 2^k pixels; widths halve with every doubling of the image down to ``width``."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        widths = [width]
        while 4 * 2 ** len(widths) < size:
            widths.insert(0, 2 * widths[0])
        self.first = widths[0]
        self.project = nn.Linear(LATENT, widths[0] * 16, bias=False)
        self.norm = nn.BatchNorm2d(widths[0])
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [
                nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(True),
            ]
        self.main = nn.Sequential(*layers)
        self.last = nn.ConvTranspose2d(width, 3, 4, 2, 1)
        self.apply(init_dcgan)

    def forward(self, z: Tensor) -> Tensor:
        x = F.relu(self.norm(self.project(z).view(-1, self.first, 4, 4)))
        return torch.tanh(self.last(self.main(x)))


class DCGANDiscriminator(nn.Module):
    def __init__(self, size: int, width: int, batch_norm: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs, outputs = 3, width
        while size > 4:
            norm = batch_norm and inputs > 3
            layers.append(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=not norm))
            if norm:
                layers.append(nn.BatchNorm2d(outputs))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            inputs, outputs, size = outputs, 2 * outputs, size // 2
        self.main = nn.Sequential(*layers)
        self.output = nn.Linear(inputs * 16, 1)
        self.apply(init_dcgan)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(self.main(x).flatten(1)).squeeze(1)


class UpBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.interpolate(F.relu(self.norm1(x)), scale_factor=2)
        y = self.conv2(F.relu(self.norm2(self.conv1(y))))
        return y + self.shortcut(F.interpolate(x, scale_factor=2))


class ResNetGenerator(nn.Module):
    """Of 32×32 images: three blocks of ``width``. Miyato et al. 2018, table 4."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.project = nn.Linear(LATENT, width * 16)
        self.blocks = nn.Sequential(*(UpBlock(width, width) for _ in range(3)))
        self.norm = nn.BatchNorm2d(width)
        self.last = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        x = self.blocks(self.project(z).view(-1, self.width, 4, 4))
        return torch.tanh(self.last(F.relu(self.norm(x))))


class DownBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, down: bool, first: bool, wrap: Callable[[nn.Module], nn.Module]):
        super().__init__()
        self.down, self.first = down, first
        hidden = outputs if first else inputs
        self.conv1 = wrap(nn.Conv2d(inputs, hidden, 3, padding=1))
        self.conv2 = wrap(nn.Conv2d(hidden, outputs, 3, padding=1))
        self.shortcut = wrap(nn.Conv2d(inputs, outputs, 1)) if down else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(F.relu(self.conv1(x if self.first else F.relu(x))))
        if self.shortcut is None:
            return x + y
        if self.first:  # as published
            return F.avg_pool2d(y, 2) + self.shortcut(F.avg_pool2d(x, 2))
        return F.avg_pool2d(y, 2) + F.avg_pool2d(self.shortcut(x), 2)


class ResNetDiscriminator(nn.Module):
    """Of 32×32 images: two blocks that halve, two that do not. Gulrajani et al. 2017, appendix F (mean over the last
    map); Miyato et al. 2018, table 4 (sum)."""

    def __init__(self, width: int, spectral: bool) -> None:
        super().__init__()
        self.spectral = spectral
        wrap: Callable[[nn.Module], nn.Module] = spectral_norm if spectral else lambda layer: layer
        self.blocks = nn.Sequential(
            DownBlock(3, width, True, True, wrap),
            DownBlock(width, width, True, False, wrap),
            DownBlock(width, width, False, False, wrap),
            DownBlock(width, width, False, False, wrap),
        )
        self.output = wrap(nn.Linear(width, 1))

    def forward(self, x: Tensor) -> Tensor:
        maps = F.relu(self.blocks(x))
        vector = maps.sum((2, 3)) if self.spectral else maps.mean((2, 3))
        return self.output(vector).squeeze(1)


@torch.no_grad()
def take_weights(network: nn.Module, other: nn.Module) -> None:
    """Copies the weights and biases of ganlab's ``other``, layer by layer; spectral norm's vectors too."""
    for one, two in zip(_layers(network), _layers(other), strict=True):
        if is_parametrized(one):
            one.parametrizations.weight.original.copy_(two.weight)
            one.parametrizations.weight[0]._u.copy_(two.parametrization.u)
            one.parametrizations.weight[0]._v.copy_(two.parametrization.v)
        else:
            one.weight.copy_(two.weight)
        if one.bias is not None:
            one.bias.copy_(two.bias)


def _layers(network: nn.Module) -> list[Any]:
    return [module for module in network.modules() if isinstance(getattr(module, "weight", None), Tensor)]


# ---------------------------------------------------------------------------------------------------------------- data


class Images(Dataset[Tensor]):
    """Decoded pictures (N, H, W, 3) in memory, one at a time to a tensor in [-1, 1], as torchvision's CIFAR10 does."""

    def __init__(self, pixels: object) -> None:
        from torchvision import transforms

        self.pixels = pixels
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.5] * 3)])

    def __len__(self) -> int:
        return len(self.pixels)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> Tensor:
        image: Tensor = self.transform(self.pixels[index])  # type: ignore[index]
        return image


def batches(pixels: object, size: int, device: torch.device) -> Iterator[Tensor]:
    """Forever. Without workers: on two cores they take from the training more than they give."""
    loader = DataLoader(Images(pixels), size, shuffle=True, drop_last=True, pin_memory=device.type == "cuda")
    while True:
        for images in loader:
            yield images.to(device, non_blocking=True)


# --------------------------------------------------------------------------------------------------------------- steps


class DCGAN:
    """D on reals, D on fakes, G. Each update draws its own latents (Goodfellow et al. 2014, Algorithm 1), as ganlab's
    do; with ``reuse`` G's update takes D's fakes again, as PyTorch's DCGAN example, which saves one of G's passes."""

    def __init__(self, generator: nn.Module, discriminator: nn.Module, data: Iterator[Tensor]) -> None:
        self.generator, self.discriminator, self.data, self.reuse = generator, discriminator, data, False
        self.criterion = nn.BCEWithLogitsLoss()
        self.generator_optimizer = optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.discriminator_optimizer = optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))

    def update_discriminator(self, real: Tensor, fake: Tensor) -> float:
        self.discriminator.zero_grad()
        loss_real = self.criterion(self.discriminator(real), torch.ones(len(real), device=real.device))
        loss_real.backward()
        loss_fake = self.criterion(self.discriminator(fake.detach()), torch.zeros(len(fake), device=real.device))
        loss_fake.backward()
        self.discriminator_optimizer.step()
        return loss_real.item() + loss_fake.item()

    def update_generator(self, fake: Tensor) -> float:
        self.generator.zero_grad()
        loss = self.criterion(self.discriminator(fake), torch.ones(len(fake), device=fake.device))
        loss.backward()
        self.generator_optimizer.step()
        return loss.item()

    def step(self) -> dict[str, float]:
        real = next(self.data)
        fake = self.generator(torch.randn(len(real), LATENT, device=real.device))
        discriminator = self.update_discriminator(real, fake)
        if not self.reuse:
            fake = self.generator(torch.randn(len(real), LATENT, device=real.device))
        return {"discriminator": discriminator, "generator": self.update_generator(fake)}


def gradient_penalty(discriminator: nn.Module, real: Tensor, fake: Tensor, position: Tensor) -> Tensor:
    """Gulrajani et al. 2017, Eq. 3, for λ = 1."""
    between = (position * real + (1 - position) * fake).requires_grad_(True)
    logits = discriminator(between)
    (gradient,) = torch.autograd.grad(logits, between, torch.ones_like(logits), create_graph=True, retain_graph=True)
    return ((gradient.flatten(1).norm(2, dim=1) - 1) ** 2).mean()


class Critics:
    """``n_critic`` updates of D, then one of G; ``hinge`` with spectral norm in D, otherwise WGAN-GP."""

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        data: Iterator[Tensor],
        hinge: bool,
        factor: int = 1,
        n_critic: int = 5,
        rate: float = 1e-4,
    ) -> None:
        self.generator, self.discriminator, self.data = generator, discriminator, data
        self.hinge, self.factor, self.n_critic = hinge, factor, n_critic
        self.generator_optimizer = optim.Adam(generator.parameters(), lr=rate, betas=(0.0, 0.9))
        self.discriminator_optimizer = optim.Adam(discriminator.parameters(), lr=rate, betas=(0.0, 0.9))

    def update_discriminator(self, real: Tensor, z: Tensor, position: Tensor | None = None) -> float:
        self.discriminator.zero_grad()
        fake = self.generator(z).detach()
        if self.hinge:
            loss = F.relu(1 - self.discriminator(real)).mean() + F.relu(1 + self.discriminator(fake)).mean()
        else:
            if position is None:
                position = torch.rand(len(real), 1, 1, 1, device=real.device)
            loss = self.discriminator(fake).mean() - self.discriminator(real).mean()
            loss = loss + 10 * gradient_penalty(self.discriminator, real, fake, position)
        loss.backward()
        self.discriminator_optimizer.step()
        return loss.item()

    def update_generator(self, z: Tensor) -> float:
        self.generator.zero_grad()
        loss = -self.discriminator(self.generator(z)).mean()
        loss.backward()
        self.generator_optimizer.step()
        return loss.item()

    def step(self) -> dict[str, float]:
        for _ in range(self.n_critic):
            real = next(self.data)
            discriminator = self.update_discriminator(real, torch.randn(len(real), LATENT, device=real.device))
        z = torch.randn(self.factor * len(real), LATENT, device=real.device)
        return {"discriminator": discriminator, "generator": self.update_generator(z)}
