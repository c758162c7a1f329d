"""Images as the condition, from the data to an exported file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import ganlab
from ganlab.augment.diff_augment import DiffAugment
from ganlab.config import CannotCombine
from ganlab.errors import UserError
from ganlab.training.gan import augmented
from ganlab.training.trainer import Trainer
from ganlab.types import Batch
from tests.conftest import merged, needs_onnx, tiny

Make = Callable[..., Trainer]
PAIRS: dict[str, Any] = {
    "data": {"name": "digit_pairs", "size": 16, "limit": 64},
    "condition": "image",
    "generator": {"name": "unet", "width": 4},
    "discriminator": {"name": "patch", "width": 4, "layers": 1},
}


def paired(trainer: Trainer) -> Batch:
    return trainer.feed.next()


def test_both_networks_receive_the_source_of_the_same_image(
    make_trainer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In D's and G's update: the source beside a real is that of the real, and the fake's is the one it was made from."""
    trainer = make_trainer(**PAIRS)
    images, sources = trainer.feed.image_set.images, trainer.feed.image_set.aligned["source"]

    def rows(batch: Tensor, of: Any) -> list[int]:
        stored = torch.from_numpy(of).permute(0, 3, 1, 2).float() / 127.5 - 1
        return [int((stored - one).abs().flatten(1).sum(1).argmin()) for one in batch]

    given: list[Tensor] = []
    seen: list[Batch] = []
    generate, discriminate = trainer.gan.generator.forward, trainer.gan.discriminator.forward_all
    monkeypatch.setattr(
        trainer.gan.generator,
        "forward",
        lambda latent, condition: given.append(condition["source"]) or generate(latent, condition),
    )
    monkeypatch.setattr(
        trainer.gan.discriminator,
        "forward_all",
        lambda *batches, **more: seen.extend(batches) or discriminate(*batches, **more),
    )
    trainer.train_step()
    real, fake, fake_again = seen
    assert rows(real.images, images) == rows(real.condition["source"], sources)
    assert torch.equal(fake.condition["source"], given[0])
    assert torch.equal(real.condition["source"], fake.condition["source"])
    assert torch.equal(fake_again.condition["source"], given[1])


def test_the_output_depends_on_the_source_of_its_own_sample_alone(make_trainer: Make) -> None:
    trainer = make_trainer(
        **merged(PAIRS, {"norm": {"generator": {"layer": "layer"}, "discriminator": {"layer": "none"}}})
    )
    latent = torch.randn(3, 6)
    source = torch.rand(3, 1, 16, 16) * 2 - 1
    changed = source.clone()
    changed[1] = -changed[1]
    with torch.no_grad():
        one, other = (trainer.gan.generator(latent, {"source": s}).images for s in (source, changed))
        moved = (one - other).abs().amax(dim=(1, 2, 3))
        assert moved[1] > 1e-4
        assert moved[[0, 2]].max() < 1e-6
        judged = [trainer.gan.discriminator(Batch(one, {"source": s})).logits.flatten(1) for s in (source, changed)]
    assert (judged[0] - judged[1]).abs().amax(1)[1] > 1e-5
    assert torch.allclose(judged[0][[0, 2]], judged[1][[0, 2]], atol=1e-6)


def test_augmentation_moves_an_image_and_its_source_alike(make_trainer: Make) -> None:
    trainer = make_trainer(**PAIRS, augment={"diff_augment": {}})
    gan = trainer.gan
    assert isinstance(gan.augmentations["diff_augment"], DiffAugment)
    images = torch.rand(8, 1, 16, 16) * 2 - 1
    batch = augmented(
        gan, Batch(images, {"source": images.clone()}), "real", lambda stream: torch.Generator().manual_seed(3), 0.0
    )
    assert torch.equal(batch.images, batch.condition["source"])
    assert not torch.equal(batch.images, images)


def test_consistency_moves_them_alike() -> None:
    from ganlab.regularizers.consistency import Consistency

    images = torch.rand(8, 2, 16, 16)
    batch = Consistency()._changed(Batch(images, {"source": images[:, :1]}), torch.Generator().manual_seed(0))
    assert torch.equal(batch.images[:, :1], batch.condition["source"])


def test_mirrored_together() -> None:
    import numpy as np

    from ganlab.data import ImageSet
    from ganlab.data.feed import Feed

    images = np.random.default_rng(0).integers(0, 256, (40, 6, 8, 1), np.uint8)
    for resident in (1.0, 0.0):
        feed = Feed(
            ImageSet(images, flip=True, aligned={"source": images.copy()}),
            32,
            0,
            torch.device("cpu"),
            resident=resident,
        )
        for batch in (feed.next(), feed.next(), feed.first(3)):
            assert torch.equal(batch.images, batch.condition["source"])


def test_resume_is_exact(make_trainer: Make, tmp_path: Path) -> None:
    changes = {**PAIRS, "augment": {"diff_augment": {}}, "regularizer": {"reconstruction": {}}, "averaging": "ema"}
    whole = make_trainer(**changes, steps=4, folder=tmp_path / "a")
    whole.run()
    first = make_trainer(**changes, steps=4, folder=tmp_path / "b")
    for _ in range(2):
        first.train_step()
    state = first.state()
    second = make_trainer(**changes, steps=4, folder=tmp_path / "c")
    second.restore(state)
    for _ in range(2):
        second.train_step()
    for one, other in ((whole.generator, second.generator), (whole.discriminator, second.discriminator)):
        assert one.fingerprint() == other.fingerprint()


@pytest.mark.parametrize(("distance", "expected"), [("l1", 0.5), ("l2", 0.25), ("charbonnier", (0.25 + 1e-6) ** 0.5)])
def test_reconstruction_by_hand(distance: Any, expected: float) -> None:
    from types import SimpleNamespace

    from ganlab.regularizers.reconstruction import Reconstruction

    update = SimpleNamespace(fake=Batch(torch.full((2, 1, 3, 3), 0.25)), real=Batch(torch.full((2, 1, 3, 3), -0.25)))
    assert Reconstruction(distance=distance).generator(update).item() == pytest.approx(expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("loss", ["wgan_gp", "bce", "relativistic"])
@pytest.mark.parametrize("discriminator", ["dcgan", "resnet", "mlp", "patch"])
def test_every_discriminator_and_a_penalty(loss: str, discriminator: str, make_trainer: Make) -> None:
    settings = {"mlp": {"hidden": [8]}, "patch": {"width": 4, "layers": 1}}.get(discriminator, {"width": 4})
    penalty = {"regularizer": {"gradient_penalty": {}}} if loss == "wgan_gp" else {}
    loss = "wasserstein" if loss == "wgan_gp" else loss
    trainer = make_trainer(
        **merged(PAIRS, {"loss": loss, **penalty, "discriminator": {"name": discriminator, **settings, "pack": 2}}),
        steps=2, norm={"discriminator": {"layer": "none"}},
    )  # fmt: skip
    trainer.run()
    assert trainer.step == 2


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"condition": "image"}, "needs an aligned image 'source' .* provides none; type data=digit_pairs"),
        ({**PAIRS, "generator": {"name": "dcgan", "width": 4}}, "takes no source image; type generator=unet"),
        ({**PAIRS, "condition": "none"}, "generator=unet: it translates an image .* type condition=image"),
        ({"regularizer": {"reconstruction": {}}}, "there are no sources; type condition=image"),
        ({**PAIRS, "condition": {"name": "image", "source": "other"}}, "needs an aligned image 'other'"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(CannotCombine, match=sentence):
        tiny(**changes)


def test_a_trained_one_is_asked_by_name(trained_run: Callable[..., Path]) -> None:
    generator = ganlab.load(trained_run(**PAIRS))
    assert generator.sources == {"source": (1, 16, 16)}
    source = (torch.rand(3, 1, 16, 16) * 255).to(torch.uint8)
    images = generator.generate(source=source)
    assert images.shape == (3, 1, 16, 16)
    assert torch.equal(images, generator.generate(generator.latent(3), source=source.float() / 127.5 - 1))
    assert torch.equal(
        generator.sample(5, source=source[0]), generator.sample(5, source=source[:1].expand(5, -1, -1, -1))
    )
    for call, sentence in (
        (lambda: generator.sample(2), "needs source=…, images of shape"),
        (lambda: generator.generate(content=source), "no input 'content'; it takes source"),
        (lambda: generator.generate(source=source[:, :, :8]), r"found source of shape \(3, 1, 8, 16\)"),
        (lambda: generator.generate(generator.latent(2), source=source), "as many as there are latents"),
    ):
        with pytest.raises(UserError, match=sentence):
            call()


@pytest.mark.parametrize("format", ["safetensors", "onnx", "torch_export"])
def test_exported_with_named_inputs(format: str, trained_run: Callable[..., Path], tmp_path: Path) -> None:
    from ganlab.commands.export import main

    suffix = {"safetensors": ".safetensors", "onnx": ".onnx", "torch_export": ".pt2"}[format]
    run, file = trained_run(**PAIRS), tmp_path / f"g{suffix}"
    if format == "onnx":
        needs_onnx()
    assert main([f"run={run}", f"format={format}", f"out={file}"]) == 0
    generator = ganlab.load(run)
    latent, source = generator.latent(3), torch.rand(3, 1, 16, 16) * 2 - 1
    expected = generator.generate(latent, source=source)
    if format == "safetensors":
        found = ganlab.load(file).generate(latent, source=source)
    elif format == "torch_export":
        found = torch.export.load(file).module()(latent, source)
    else:
        import onnxruntime

        session = onnxruntime.InferenceSession(str(file))
        found = torch.from_numpy(session.run(None, {"latent": latent.numpy(), "source": source.numpy()})[0])
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
    assert "source (batch, 1, 16, 16)" in file.with_suffix(".md").read_text()


def test_samples_show_source_generated_and_real_beside_each_other(make_trainer: Make) -> None:
    trainer = make_trainer(**PAIRS)
    samples = trainer.sampler.samples()
    comparison = samples.images["comparison"]
    assert comparison.shape == (4, 1, 16, 48)
    first = trainer.feed.first(4)
    assert torch.equal(comparison[..., :16], first.condition["source"])
    assert torch.equal(comparison[..., 16:32], samples.images["generator"])
    assert torch.equal(comparison[..., 32:], first.images)
