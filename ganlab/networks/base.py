"""What all generators and discriminators share: the trainer's side of their contract."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ganlab.networks.layers import WeightLayer
from ganlab.networks.norms import BatchNormLayer
from ganlab.types import Batch, Condition, Generated, Judgement, Shapes


class NetworkModule(nn.Module):
    def advance(self) -> None:
        """Moves what moves once per update of this network: spectral norm's vectors."""
        for module in self.modules():
            if isinstance(module, WeightLayer):
                module.advance()

    @contextmanager
    def statistics_frozen(self) -> Iterator[None]:
        """Batch norm normalizes by the batch and leaves its running statistics as they are."""
        norms = [module for module in self.modules() if isinstance(module, BatchNormLayer)]
        before = [norm.frozen for norm in norms]
        for norm in norms:
            norm.frozen = True
        try:
            yield
        finally:
            for norm, frozen in zip(norms, before, strict=True):
                norm.frozen = frozen


class GeneratorModule(NetworkModule):
    """Subclasses map latents (N, latent) and a condition to ``Generated`` images."""

    def forward(self, latent: Tensor, condition: Condition) -> Generated:
        raise TypeError(f"{type(self).__name__} does not generate")


class DiscriminatorModule(NetworkModule):
    """Subclasses judge one batch in ``forward``; ``judge`` decides how many passes several batches take."""

    mixes_samples: bool = False

    def forward(self, batch: Batch, features: bool = False) -> Judgement:
        raise TypeError(f"{type(self).__name__} does not judge")

    def judge(self, *parts: Batch, features: bool = False) -> list[Judgement]:
        if self.mixes_samples or len(parts) == 1:
            judgements: list[Judgement] = [self(part, features) for part in parts]
            return judgements
        sizes = [len(part.images) for part in parts]
        together = Batch(
            torch.cat([part.images for part in parts]),
            {key: torch.cat([part.condition[key] for part in parts]) for key in parts[0].condition},
        )
        return _split(self(together, features), sizes)


def _split(judgement: Judgement, sizes: Sequence[int]) -> list[Judgement]:
    """A joint judgement as one per part; packing makes n smaller than the number of images, alike for each part."""
    pack = sum(sizes) // len(judgement.logits)
    judged = [size // pack for size in sizes]
    logits = judgement.logits.split(judged)
    heads = {key: head.split(judged) for key, head in judgement.heads.items()}
    features = [feature.split(judged) for feature in judgement.features]
    return [
        Judgement(logits[i], {key: head[i] for key, head in heads.items()}, [feature[i] for feature in features])
        for i in range(len(sizes))
    ]


@torch.no_grad()
def does_mix_samples(discriminator: DiscriminatorModule, shapes: Shapes) -> bool:
    """Whether changing judged sample 1 changes the logit of judged sample 0: asked, not looked up.

    With the random weights that the network was built with, in training mode, without dropout (noise is no mixing).
    """
    draw = torch.Generator().manual_seed(0)
    images = torch.rand(2 * shapes.pack, *shapes.image, generator=draw) * 2 - 1
    changed = images.clone()
    changed[shapes.pack :] = torch.rand(shapes.pack, *shapes.image, generator=draw) - images[shapes.pack :]
    labels = {"labels": torch.zeros(2 * shapes.pack, dtype=torch.long)} if shapes.classes else {}
    dropouts = [module for module in discriminator.modules() if isinstance(module, nn.Dropout) and module.training]
    for dropout in dropouts:
        dropout.eval()
    with discriminator.statistics_frozen():
        before, after = (discriminator(Batch(x, labels)).logits for x in (images, changed))
    for dropout in dropouts:
        dropout.train()
    moved = (after - before).abs()
    return bool(moved[0] > 1e-4 * moved[1])
