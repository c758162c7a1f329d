"""Several aligned images and several labels for each item, from the data to the networks, pictures and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ganlab.conditions.image import ContentStyleCondition, ImageCondition
from ganlab.data import SOURCES, ImageSet, Source
from ganlab.data.feed import Feed
from ganlab.data.source import Drawn, LabelSet, evenly
from ganlab.random_numbers import Shard
from ganlab.regularizers import REGULARIZERS
from ganlab.testing import check_condition, check_source
from ganlab.types import Batch, DiscriminatorOutput
from tests.conftest import needs_onnx

FAMILIES, MEMBERS = 5, 6


@dataclass(frozen=True)
class Families(Source):
    """Images of 8×8 pixels whose first pixel is their number; the aligned ``style`` is another of the same family, and
    ``content`` is that of family 0 with the same place."""

    size: int = 8

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (1, self.size, self.size)

    @property
    def aligned_shapes(self) -> Mapping[str, tuple[int, int, int]]:
        return {"content": self.image_shape, "style": self.image_shape}

    @property
    def label_sets(self) -> Mapping[str, int]:
        return {"family": FAMILIES, "place": MEMBERS}

    @property
    def shared_labels(self) -> Mapping[str, str]:
        return {"content": "place", "style": "family"}

    def open(self, cache: Path | None = None) -> ImageSet:
        count = FAMILIES * MEMBERS
        images = np.zeros((count, self.size, self.size, 1), np.uint8)
        images[:, 0, 0, 0] = np.arange(count)
        images[:, 1:] = np.random.default_rng(0).integers(0, 256, (count, self.size - 1, self.size, 1))
        family, place = np.divmod(np.arange(count), MEMBERS)
        return ImageSet(
            images,
            rows=np.flatnonzero((family > 0) & (family < FAMILIES - 1)),
            held_out=np.flatnonzero(family == FAMILIES - 1),
            fingerprint="families",
            aligned={
                "content": Drawn.one_each(images, place),
                "style": Drawn(images, np.arange(count), family * MEMBERS, np.full(count, MEMBERS), place),
            },
            label_sets={
                "family": LabelSet(family, tuple("abcde")),
                "place": LabelSet(place, tuple("uvwxyz")),
            },
            parts={"last_family": np.flatnonzero(family == FAMILIES - 1)},
        )


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """During these tests alone: other tests compare the tables with the option files."""
    monkeypatch.setitem(SOURCES._components, "families", Families)


FAMILY_SETTINGS: dict[str, Any] = {
    "data": "families",
    "batch_size": 6,
    "condition": {"name": "image", "source": ["content", "style"], "heads": ["family", "place"]},
    "generator": {"name": "unet", "width": 4},
    "discriminator": {"name": "patch", "width": 4, "layers": 1},
    "regularizer": {"auxiliary_classifier": {}, "reconstruction": {}},
}


def numbers(images: torch.Tensor) -> np.ndarray:
    """The number of each image (n, 1, 8, 8) in [-1, 1]."""
    return ((images[:, 0, 0, 0] + 1) * 127.5).round().long().numpy()


def test_the_source_keeps_the_contract() -> None:
    check_source(Families())


@pytest.mark.parametrize("resident", [1.0, 0.0])
def test_what_is_fed_belongs_together(resident: float) -> None:
    feed = Feed(Families().open(), 6, 0, torch.device("cpu"), resident=resident)
    drawn: dict[int, set[int]] = {}
    batches = [feed.next() for _ in range(60)]
    for batch in (*batches, feed.first(6), feed.trained_on(6, 3), feed.part("last_family", 4)):
        own = numbers(batch.images)
        style, content = numbers(batch.condition["style"]), numbers(batch.condition["content"])
        assert (content == own % MEMBERS).all()
        assert (style // MEMBERS == own // MEMBERS).all()
        assert (style != own).all()
        assert (batch.condition["family"].numpy() == own // MEMBERS).all()
        assert (batch.condition["place"].numpy() == own % MEMBERS).all()
        for one, other in zip(own, style, strict=True):
            drawn.setdefault(int(one), set()).add(int(other))
    assert [len(drawn[number]) for number in range(MEMBERS, 4 * MEMBERS)] == [MEMBERS - 1] * 18  # each other member
    assert (numbers(feed.part("last_family", 4).images) >= 4 * MEMBERS).all()


def test_the_choice_continues_after_a_resume_and_over_ranks() -> None:
    whole = Feed(Families().open(), 6, 0, torch.device("cpu"))
    whole.next()
    position, batch = whole.drawn, whole.next()
    resumed = Feed(Families().open(), 6, 0, torch.device("cpu"))
    resumed.drawn = position
    assert torch.equal(resumed.next().condition["style"], batch.condition["style"])
    for rank in range(2):
        shard = Shard(rank, 2)
        one = Feed(Families().open(), 6, 0, torch.device("cpu"), shard=shard)
        one.drawn = position
        assert torch.equal(one.next().condition["style"], shard.of(batch.condition["style"]))


def test_choices_are_uniform_and_never_the_item_itself() -> None:
    own = np.array([2, -1, 0])
    drawn = Drawn(np.zeros((9, 1, 1, 1)), np.arange(9)[::-1].copy(), np.array([0, 3, 6]), np.array([3, 3, 2]), own)
    rows = np.arange(30_000) % 3
    chosen = drawn.choose(rows, np.random.default_rng(0).integers(0, 2**32, len(rows)))
    assert set(chosen[rows == 0]) == {8, 7}
    assert set(chosen[rows == 1]) == {5, 4, 3}
    assert set(chosen[rows == 2]) == {1}
    assert np.bincount(chosen[rows == 1], minlength=9)[3:6] == pytest.approx([3333] * 3, abs=200)
    tensors = drawn.on(torch.from_numpy)
    assert (
        tensors.choose(torch.from_numpy(rows), evenly(torch.from_numpy(rows))).tolist()
        == drawn.choose(rows, evenly(rows)).tolist()
    )
    assert drawn.choose(rows, np.full(len(rows), 2**32 - 1)).tolist() == [7, 3, 1] * 10_000


def test_the_condition_keeps_its_contract() -> None:
    known = {"content": torch.rand(4, 1, 8, 8), "style": torch.rand(4, 1, 8, 8), "family": torch.arange(4)}
    condition = ImageCondition(("content", "style"), ("family",))
    check_condition(condition, {**known, "place": torch.arange(4)})
    fake = condition.fake_condition(6, 0, known, torch.Generator())
    assert fake["family"].tolist() == [0, 1, 2, 3, 0, 1]
    with pytest.raises(ValueError, match="at least one"):
        ImageCondition(())
    named = ContentStyleCondition()
    assert (named.sources, named.heads) == (("content", "style"), ("font", "character"))
    check_condition(named, {**known, "font": torch.arange(4), "character": torch.arange(4)})


def test_the_auxiliary_classifier_adds_its_heads() -> None:
    rng = torch.Generator().manual_seed(0)
    heads = {"family": torch.randn(4, 5, generator=rng), "place": torch.randn(4, 6, generator=rng)}
    labels = {"family": torch.tensor([0, 1, 2, 4]), "place": torch.tensor([5, 0, 0, 1])}
    from types import SimpleNamespace

    update = SimpleNamespace(
        fake_output=DiscriminatorOutput(torch.zeros(4), heads),
        augmented_fake=Batch(torch.zeros(4, 1, 8, 8), labels),
        progress=0.0,
    )
    found = REGULARIZERS["auxiliary_classifier"]().generator(update)  # type: ignore[arg-type]
    expected = sum(F.cross_entropy(heads[name], labels[name]) for name in heads)
    assert found is not None
    torch.testing.assert_close(found, expected)


def test_a_run_from_training_to_a_file(trained_run: Any, tmp_path: Path) -> None:
    """Heads are trained, pictures show both sources, a file has inputs of these names alone."""
    onnxruntime = needs_onnx()

    import ganlab
    from ganlab.commands.export import main
    from ganlab.errors import UserError

    run = trained_run(**FAMILY_SETTINGS, steps=2)
    generator = ganlab.load(run)
    assert list(generator.sources) == ["content", "style"]
    content, style = (torch.rand(3, 1, 8, 8) * 2 - 1 for _ in range(2))
    images = generator.generate(content=content, style=style)
    with pytest.raises(UserError, match=r"needs style=…, images of shape \(n, 1, 8, 8\)"):
        generator.generate(content=content)
    with pytest.raises(UserError, match=r"found style of shape \(3, 1, 8, 4\), need \(1, 8, 8\)"):
        generator.generate(content=content, style=style[..., :4])
    file = tmp_path / "g.onnx"
    assert main([f"run={run}", "format=onnx", f"out={file}"]) == 0
    session = onnxruntime.InferenceSession(str(file))
    assert [one.name for one in session.get_inputs()] == ["latent", "content", "style"]
    given = {"latent": generator.latent(3), "content": content, "style": style}
    (found,) = session.run(None, {name: one.numpy() for name, one in given.items()})
    torch.testing.assert_close(torch.from_numpy(found), images, rtol=1e-3, atol=1e-4)
    card = file.with_suffix(".md").read_text()
    assert "content (batch, 1, 8, 8) float32 in [-1, 1] and style (batch, 1, 8, 8)" in card


def test_pictures_show_every_source_of_training_and_of_each_part(make_trainer: Any) -> None:
    trainer = make_trainer(**FAMILY_SETTINGS)
    samples = trainer.sampler.samples()
    assert samples.compared == ("content", "style", "sample", "real image")
    for name in ("comparison", "comparison-last_family"):
        assert samples.images[name].shape == (4, 1, 8, 32)
    own = numbers(samples.images["comparison-last_family"][..., 24:])
    assert (own >= 4 * MEMBERS).all()
    assert (numbers(samples.images["comparison-last_family"][..., :8]) == own % MEMBERS).all()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"heads": ["author"]}, "condition.heads=author needs labels 'author', and this data provides family, place"),
        ({"source": ["content", "sketch"]}, "needs an aligned image 'sketch'"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], sentence: str) -> None:
    from ganlab.config import CannotCombine
    from tests.conftest import merged, tiny

    with pytest.raises(CannotCombine, match=sentence):
        tiny(**merged(FAMILY_SETTINGS, {"condition": changes}))
