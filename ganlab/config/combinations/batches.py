"""Rules on the sizes of batches and on ranks."""

from __future__ import annotations

from ganlab.config.combinations.findings import NETWORKS, Findings, layer_of
from ganlab.config.model import shapes_of
from ganlab.config.settings import Settings
from ganlab.networks import NORMS, DiscriminatorModule
from ganlab.networks.minibatch import NoMinibatch
from ganlab.ranks import here


def batches_can_be_cut(settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings) -> None:
    """Refuses batches that cannot be divided, and warns of norms that see each part alone."""
    parts = settings.schedule.microbatches
    pack, ranks = shapes_of(settings).pack, here().count
    step = ranks * parts * pack
    if settings.batch_size % step:
        names = [f"{ranks} ranks"] * (ranks > 1)
        names += [f"schedule.accumulation={parts}"] * (parts > 1) + [f"discriminator.pack={pack}"] * (pack > 1)
        findings.refusals.append(
            f"batch_size={settings.batch_size} with {' and '.join(names)}: a batch must be a multiple of {step}; type "
            f"batch_size={max(settings.batch_size // step, 1) * step}"
        )
        return
    if parts > 1 and (
        layer_of(settings, "generator").averages_batch or (discriminator is not None and discriminator.mixes_samples)
    ):
        findings.warnings.append(
            f"schedule.accumulation={parts}: batch norm and minibatch layers see each part of the batch alone, so that "
            "this is not quite the update of the whole batch; with norms of single images (layer, group) it is"
        )
    for network, images in (
        ("generator", settings.batch_size // parts),
        ("discriminator", settings.batch_size // parts // pack),
    ):
        layer = layer_of(settings, network)
        images //= 1 if layer.averages_ranks else ranks
        if images == 1 and layer.averages_batch:
            findings.refusals.append(
                f"batch_size={settings.batch_size} with norm.{network}.layer={NORMS.name_of(layer)}"
                f" leaves it one image to average over; type batch_size={2 * settings.batch_size} or more, or "
                f"norm.{network}.layer=layer"
            )


def ranks_train_together(settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings) -> None:
    """Warns of statistics of one rank, and refuses a rollback over several ranks."""
    ranks = here().count
    for network in NETWORKS:
        layer = layer_of(settings, network)
        if layer.averages_ranks and ranks == 1:
            findings.warnings.append(f"norm.{network}.layer=sync_batch on one rank is the same as batch norm")
        if layer.averages_batch and not layer.averages_ranks and ranks > 1:
            findings.warnings.append(
                f"norm.{network}.layer={NORMS.name_of(layer)} on {ranks} ranks averages over each rank's "
                f"{settings.batch_size // ranks} images, and rank 0's statistics are saved; "
                f"norm.{network}.layer=sync_batch averages over the whole batch"
            )
    if ranks > 1 and settings.divergence.rolls_back:
        findings.refusals.append(
            f"divergence=rollback on {ranks} ranks: each would read back what rank 0 writes, perhaps on another "
            "machine; type divergence=stop or divergence=skip"
        )
    if ranks > 1 and getattr(settings.discriminator, "minibatch", NoMinibatch()).compares_samples:
        findings.warnings.append(
            f"discriminator.minibatch on {ranks} ranks compares each rank's {settings.batch_size // ranks} images "
            "among themselves"
        )
