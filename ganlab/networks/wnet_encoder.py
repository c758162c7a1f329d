"""Layers of the W-Net: its encoders with their shortcuts, and an upsampling that doubles a map exactly."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ganlab.networks.activations import Activate, Activation
from ganlab.networks.layers import Chain, Convolution, WeightLayer
from ganlab.networks.norms import Norm
from ganlab.types import Condition


class Residual(nn.Module):
    """x → x + branch(x), with norm and activation before each of two convolutions 3×3."""

    def __init__(self, width: int, size: tuple[int, int], activation: Activation, norm: Norm, classes: int) -> None:
        super().__init__()
        bias = not norm.has_shift
        self.branch = Chain(
            norm.build(width, size, classes),
            Activate(activation),
            Convolution(width, width, 3, padding=1, follows=activation, bias=bias),
            norm.build(width, size, classes),
            Activate(activation),
            Convolution(width, width, 3, padding=1, follows=None, role="residual"),
        )
        # For initializers that depend on depth (ganlab.layer.BranchPlace).
        self.branch_layers = [
            f"branch.{name}" for name, one in self.branch.named_modules() if isinstance(one, WeightLayer)
        ]

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        y: Tensor = x + self.branch(x, condition)
        return y


class Encoder(nn.Module):
    """Maps images (N, C, H, W) to one map after each halving, from the finest to the coarsest."""

    def __init__(
        self, inputs: int, widths: Sequence[int], sizes: Sequence[tuple[int, int]], activation: Activation, norm: Norm,
        classes: int, shortcuts: Sequence[int],
    ) -> None:  # fmt: skip
        super().__init__()
        self.down = nn.ModuleList()
        for level, outputs in enumerate(widths):
            self.down.append(
                Chain(
                    Convolution(
                        inputs, outputs, 5, stride=2, padding=2, follows=activation,
                        bias=not level or not norm.has_shift,
                    ),
                    *([norm.build(outputs, sizes[level], classes)] if level else []),
                    Activate(activation),
                )
            )  # fmt: skip
            inputs = outputs
        self.shortcuts = nn.ModuleList(
            nn.ModuleList(Residual(widths[level], sizes[level], activation, norm, classes) for _ in range(blocks))
            for level, blocks in enumerate(shortcuts)
        )

    def forward(self, x: Tensor, condition: Condition) -> list[Tensor]:
        maps: list[Tensor] = []
        for block in self.down:
            x = block(x, condition)
            maps.append(x)
        return maps

    def connected(self, maps: Sequence[Tensor], condition: Condition) -> list[Tensor]:
        """Returns the maps after their shortcuts."""
        outputs = list(maps)
        for level, blocks in enumerate(self.shortcuts):
            for block in blocks:  # type: ignore[attr-defined]
                outputs[level] = block(outputs[level], condition)
        return outputs


class Doubled(nn.Module):
    """Removes the first row and column: a transposed convolution 5×5 of stride 2, padded by 1, gives 2H + 1 pixels, and
    without them 2H, as if it were padded by 2 with one more row and column at the end."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, 1:, 1:]
