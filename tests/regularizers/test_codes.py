"""Terms of the codes of G's encoders, by hand and in training."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib
import pytest
import torch
import torch.nn.functional as F

from ganlab.config import CannotCombine
from ganlab.regularizers.code_constancy import CodeConstancy
from ganlab.regularizers.encoder_classifier import EncoderClassifier
from ganlab.training.trainer import Trainer
from ganlab.types import Batch, Generated
from tests.conftest import merged, tiny

GLYPHS: dict[str, Any] = {
    "data": {"name": "glyph_pairs", "root": str(Path(matplotlib.get_data_path(), "fonts", "ttf")), "characters": list("ABCDEF"), "size": 16},
    "condition": {"name": "image", "source": ["content", "style"], "heads": ["font", "character"]},
    "generator": {"name": "wnet", "width": 4, "residual": 2, "heads": True},
    "discriminator": {"name": "wnet", "width": 4},
    "norm": {"discriminator": {"layer": "layer"}},
    "loss": {"name": "wasserstein", "weight": 3.0},
    "regularizer": {
        "gradient_penalty": {}, "auxiliary_classifier": {}, "reconstruction": {}, "encoder_classifier": {},
        "code_constancy": {"of": {"content": 3.0, "style": 5.0}},
    },
}  # fmt: skip


def test_code_constancy_by_hand() -> None:
    """An encoder that takes means of rows: the fakes are encoded by both encoders, and compared with each code."""
    codes = {"content": torch.randn(2, 4), "style": torch.randn(2, 4)}
    fake = torch.randn(2, 1, 4, 4, requires_grad=True)

    def encode(condition: Any) -> Any:
        assert all(images is fake for images in condition.values())
        return {name: images[:, 0].mean(dim=2) * (1 if name == "content" else 2) for name, images in condition.items()}

    update = SimpleNamespace(
        generator=SimpleNamespace(codes=encode, statistics_frozen=nullcontext),
        fake=Batch(fake),
        generated=Generated(fake, codes),
    )
    found = CodeConstancy(of={"style": 5.0}).generator(update)  # type: ignore[arg-type]
    means = fake[:, 0].mean(dim=2)
    expected = (means - codes["content"]).square().mean() + 5 * (2 * means - codes["style"]).square().mean()
    torch.testing.assert_close(found, expected)


def test_code_constancy_leaves_running_statistics_to_the_conditions_images(
    make_trainer: Callable[..., Trainer],
) -> None:
    """In use the content's encoder receives images of one font; generated images look otherwise. The codes that are
    compared are those of batch statistics all the same."""
    generator = make_trainer(**merged(GLYPHS, {"norm": {"generator": {"layer": "batch"}}})).gan.generator
    generator.train()
    condition = {name: torch.rand(8, 1, 16, 16) for name in ("content", "style")}
    generated = generator(torch.randn(8, 6), condition)
    statistics = {name: one.clone() for name, one in generator.named_buffers() if "running" in name}
    assert any(name.startswith("encoders") for name in statistics)
    fake = torch.full((8, 1, 16, 16), -1.0) + torch.randn(8, 1, 16, 16)
    update = SimpleNamespace(generator=generator, fake=Batch(fake), generated=generated)
    found = CodeConstancy().generator(update)  # type: ignore[arg-type]
    for name, one in generator.named_buffers():
        if name in statistics:
            assert torch.equal(one, statistics[name]), name
    again = generator.codes({"content": fake, "style": fake})
    expected = sum((again[name] - generated.codes[name]).square().mean() for name in again)
    torch.testing.assert_close(found, expected)


def test_the_encoders_classifier_by_hand() -> None:
    heads = {"character": torch.randn(3, 6), "font": torch.randn(3, 4)}
    labels = {"character": torch.tensor([5, 0, 2]), "font": torch.tensor([1, 1, 3])}
    update = SimpleNamespace(
        generated=Generated(torch.zeros(3, 1, 4, 4), heads=heads), fake=Batch(torch.zeros(3, 1, 4, 4), labels)
    )
    found = EncoderClassifier().generator(update)  # type: ignore[arg-type]
    torch.testing.assert_close(found, sum(F.cross_entropy(heads[name], labels[name]) for name in heads))


def test_every_part_of_the_w_net_is_trained(make_trainer: Callable[..., Trainer]) -> None:
    trainer = make_trainer(**GLYPHS)
    before = {name: one.clone() for name, one in trainer.gan.generator.state_dict().items()}
    for _ in range(2):
        trainer.train_step()
    same = [name for name, one in trainer.gan.generator.state_dict().items() if torch.equal(one, before[name])]
    assert same == []


def test_resume_is_exact(make_trainer: Callable[..., Trainer], tmp_path: Path) -> None:
    """With glyphs, whose style images are drawn anew each time."""
    whole = make_trainer(**GLYPHS, steps=4, folder=tmp_path / "a")
    whole.run()
    first = make_trainer(**GLYPHS, steps=4, folder=tmp_path / "b")
    for _ in range(2):
        first.train_step()
    second = make_trainer(**GLYPHS, steps=4, folder=tmp_path / "c")
    second.restore(first.state())
    for _ in range(2):
        second.train_step()
    for one, other in ((whole.generator, second.generator), (whole.discriminator, second.discriminator)):
        assert one.fingerprint() == other.fingerprint()


def test_the_weight_of_the_adversarial_loss(make_trainer: Callable[..., Trainer]) -> None:
    """Total = 3 × adversarial + the sum of the weighted terms."""
    trainer = make_trainer(**merged(GLYPHS, {"loss": {"name": "bce", "weight": 3.0}}), steps=1)
    trainer.train_step()
    found = trainer.meter.read()
    weights = {"auxiliary_classifier": 1.0, "reconstruction": 100.0, "encoder_classifier": 0.2, "code_constancy": 1.0}
    expected = 3 * found["generator/adversarial"]
    expected += sum(weight * found[f"generator/{name}"] for name, weight in weights.items())
    assert found["generator/loss"] == pytest.approx(expected, rel=1e-4)
    of_critic = {"gradient_penalty": 10.0, "auxiliary_classifier": 1.0}
    expected = 3 * found["discriminator/adversarial"]
    expected += sum(weight * found[f"discriminator/{name}"] for name, weight in of_critic.items())
    assert found["discriminator/loss"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"generator": {"heads": False}}, "encoders have no heads to train; type generator.heads=true"),
        ({"condition": {"heads": []}}, "predicts labels, and the condition has none"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(CannotCombine, match=sentence):
        tiny(**merged(GLYPHS, changes))
