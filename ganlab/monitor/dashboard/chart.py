"""A chart of TensorBoard: its name, its group, and what a reader needs to know of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

SAMPLES = "1 samples"
LOSSES = "2 losses and scores"
HEALTH = "3 health"
DETAILS = "4 details"
WEIGHTS = "5 weights"
GRADIENTS = "6 gradients"
ACTIVATIONS = "7 activations"
GROUPS = {
    SAMPLES: "pictures of generated images beside real ones",
    LOSSES: "what both networks minimize, D's logits, and the scores of the samples",
    HEALTH: "signals that show whether and why a training fails",
    DETAILS: "parts of the losses, settings that change, speed",
    WEIGHTS: "histograms of each layer's weights",
    GRADIENTS: "histograms of the gradient by each layer's weights",
    ACTIVATIONS: "histograms of each layer's outputs, before the nonlinearity",
}
"""The groups in the order of the page. TensorBoard sorts tags by name, compares digits as numbers and puts them before
letters, and opens the first two groups of a page: therefore the names begin with numbers."""

Held = Literal["never", "zero", "constant", "repeat"]


@dataclass(frozen=True)
class Chart:
    """A chart: its ``group``, its ``name`` within the group, ``what`` it shows, its ``unit`` or range, and which values
    are ``good``.

    It is not ``held`` back, or its values are until the first one that says something: that is not zero, that differs
    from the first one (``constant``), or that differs from that of the tag ``repeats``.
    """

    group: str
    name: str
    what: str
    unit: str = ""
    good: str = ""
    held: Held = "never"
    repeats: str = ""

    @property
    def tag(self) -> str:
        """The tag in TensorBoard."""
        return f"{self.group}/{self.name}"

    @property
    def description(self) -> str:
        """What the chart shows, in Markdown."""
        parts = [self.what, f"**Unit**: {self.unit}." if self.unit else "", f"**Good**: {self.good}." * bool(self.good)]
        return "\n\n".join(part for part in parts if part)

    def of(self, network: str) -> Chart:
        """Returns the chart of a network, for one whose texts have ``{network}`` and ``{N}`` (G or D) in them."""
        letter = {"generator": "G", "discriminator": "D"}[network]

        def filled(text: str) -> str:
            return text.replace("{network}", network).replace("{N}", letter)

        return replace(
            self,
            name=filled(self.name),
            what=filled(self.what),
            unit=filled(self.unit),
            good=filled(self.good),
            repeats=filled(self.repeats),
        )
