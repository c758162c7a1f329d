"""What images are compared by: each extractor as it is used, and what is said where one cannot be had."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganlab.errors import UserError
from ganlab.evaluation.features import FEATURES, Classifier, File, Inception, Pixels, Reals
from ganlab.evaluation.features import classifier as classifiers

CPU = torch.device("cpu")


def digits(limit: int | None = None) -> Reals:
    from ganlab.data.digits import Digits

    opened = Digits(size=16, limit=limit).open()
    return Reals(opened.images, opened.labels, opened.classes, opened.rows, opened.fingerprint)


def test_reals_come_in_order_between_minus_one_and_one() -> None:
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 3, 1), np.uint8) * 51
    batches = list(Reals(images, rows=np.array([4, 0, 2])).batches(2, CPU))
    assert [tuple(batch.shape) for batch in batches] == [(2, 1, 2, 3), (1, 1, 2, 3)]
    assert torch.cat(batches)[:, 0, 0, 0].tolist() == pytest.approx([204 / 127.5 - 1, -1, 102 / 127.5 - 1])


# ------------------------------------------------------------------------------------------------------------- pixels


def test_pixels_are_the_image_itself_or_means_of_it(tmp_path: Path) -> None:
    extract = Pixels(side=4).open(digits(20), CPU, tmp_path).extract
    small = torch.rand(3, 1, 4, 4)
    assert torch.equal(extract(small).features, small.flatten(1))
    large = torch.rand(3, 1, 8, 8).repeat_interleave(8, 2).repeat_interleave(8, 3)
    assert extract(large).features.shape == (3, 16)
    assert extract(large).features.mean(1).tolist() == pytest.approx(large.mean((1, 2, 3)).tolist(), abs=0.02)
    points = torch.rand(5, 2, 1, 1)
    assert torch.equal(extract(points).features, points.flatten(1))
    assert extract(points).probabilities is None


# --------------------------------------------------------------------------------------------------------- classifier


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("classifiers")


def test_the_classifier_learns_the_digits(kept: Path) -> None:
    opened = Classifier(steps=120).open(digits(), CPU, kept)
    accuracy = opened.facts["accuracy"]
    assert accuracy > 0.9
    assert f"{accuracy:.1%}" in opened.notes[0]
    real = digits()
    assert real.labels is not None
    found = opened.extract(next(real.batches(300, CPU)))
    assert found.features.shape == (300, 96)
    assert found.probabilities is not None
    assert found.probabilities.sum(1).tolist() == pytest.approx([1] * 300, abs=1e-5)
    right = (found.probabilities.argmax(1).numpy() == real.labels[real.rows[:300]]).mean()
    assert right > 0.9


def test_a_classifier_is_trained_once_and_kept(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Classifier(steps=120).open(digits(), CPU, kept)
    monkeypatch.setattr(classifiers, "train", None)
    again = Classifier(steps=120).open(digits(), CPU, kept)
    assert again.facts == first.facts
    images = next(digits().batches(10, CPU))
    assert torch.equal(again.extract(images).features, first.extract(images).features)
    assert not list(kept.glob("*.partial"))


def test_training_a_classifier_leaves_random_streams_alone_and_is_repeatable() -> None:
    real = digits(300)
    assert real.labels is not None
    torch.manual_seed(7)
    before = torch.get_rng_state()
    one, other = (classifiers.train(real.images, real.labels, real.rows, 10, 3, CPU)[0].state_dict() for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_accuracy_is_of_images_that_were_not_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    """With labels of nothing, a network that learns by heart what it is shown is right on the others by chance only."""
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (400, 8, 8, 1)).astype(np.uint8)
    labels = draw.integers(0, 10, 400)
    _, accuracy = classifiers.train(images, labels, np.arange(400), 10, 150, CPU)
    assert accuracy < 0.35


@pytest.mark.parametrize("damage", [b"", b"not a file of tensors"])
def test_a_damaged_classifier_is_trained_again(damage: bytes, tmp_path: Path) -> None:
    setting = Classifier(steps=2)
    setting.open(digits(200), CPU, tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage)
    setting.open(digits(200), CPU, tmp_path)
    assert file.stat().st_size > 1000


def test_stacked_digits_are_read_channel_by_channel(kept: Path) -> None:
    """Three digits in three channels: the class is the number they make, red first."""
    real = digits()
    assert real.labels is not None
    which = np.random.default_rng(0).integers(0, len(real), (2000, 3))
    images = np.stack([real.images[which[:, channel], :, :, 0] for channel in range(3)], axis=-1)
    labels = real.labels[which] @ np.array([100, 10, 1])
    stacked = Reals(images, labels, tuple(f"{number:03}" for number in range(1000)), fingerprint="s", stacked=True)
    found = Classifier(steps=120).open(stacked, CPU, kept).extract(next(stacked.batches(200, CPU)))
    assert found.features.shape == (200, 3 * 96)
    assert found.probabilities is not None
    assert found.probabilities.shape == (200, 1000)
    assert found.probabilities.sum(1).tolist() == pytest.approx([1] * 200, abs=1e-4)
    assert (found.probabilities.argmax(1).numpy() == labels[:200]).mean() > 0.75


def test_a_classifier_without_classes_is_refused() -> None:
    with pytest.raises(UserError, match="have no classes to learn; type features=pixels"):
        Classifier().check(labelled=False)


# --------------------------------------------------------------------------------------------- files, and inception's


class Means(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.mean((2, 3))


@pytest.mark.parametrize("format", ["torchscript", "pt2"])
def test_a_network_from_a_file(format: str, tmp_path: Path) -> None:
    if format == "pt2":
        file = tmp_path / "means.pt2"
        batch = torch.export.Dim("batch", min=1)
        program = torch.export.export(Means(), (torch.zeros(4, 1, 16, 16),), dynamic_shapes=({0: batch},))
        torch.export.save(program, file)
    else:
        file = tmp_path / "means.pt"
        torch.jit.script(Means()).save(str(file))
    opened = File(path=str(file)).open(digits(20), CPU, tmp_path)
    images = torch.rand(7, 1, 16, 16)
    torch.testing.assert_close(opened.extract(images).features, images.mean((2, 3)))
    assert opened.facts["features"] == file.name
    assert len(opened.facts["hash"]) == 12


def test_what_is_no_network_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        File(path=str(tmp_path / "nothing.pt")).check(labelled=True)
    (tmp_path / "text.pt").write_text("hello")
    with pytest.raises(UserError, match="neither TorchScript nor an exported program"):
        File(path=str(tmp_path / "text.pt")).open(digits(20), CPU, tmp_path)
    torch.jit.script(nn.Conv2d(1, 2, 3)).save(str(tmp_path / "maps.pt"))
    with pytest.raises(UserError, match=r"it gives \(2, 2, 14, 14\) for 2 images, need \(n, d\)"):
        File(path=str(tmp_path / "maps.pt")).open(digits(20), CPU, tmp_path)
    torch.jit.script(nn.Conv2d(3, 2, 3)).save(str(tmp_path / "colour.pt"))
    with pytest.raises(UserError, match="cannot take images of this shape"):
        File(path=str(tmp_path / "colour.pt")).open(digits(20), CPU, tmp_path)


def test_inception_without_its_package_or_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("torch_fidelity")
    with pytest.raises(UserError, match=r"there is no such file; null downloads"):
        Inception(weights=str(tmp_path / "nothing.pth")).check(labelled=False)
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(UserError, match=r"could not be read from .*type features\.weights=FILE for pt_inception"):
        Inception(weights=str(tmp_path / "text.pth")).open(digits(20), CPU, tmp_path)
    many = Reals(np.zeros((20, 16, 16, 13), np.uint8), rows=np.arange(20))
    with pytest.raises(UserError, match="these have 13 channels; type features=pixels"):
        Inception().open(many, CPU, tmp_path)
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'ganlab-train\[inception\]'"):
        Inception().check(labelled=False)


@pytest.mark.slow
def test_inception_from_a_file_of_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The published network with weights of nothing, since the published ones cannot be had everywhere: the way from a
    file to 2,048 features, of grey images too, is the real one."""
    inception = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    make = inception.FeatureExtractorInceptionV3
    file = tmp_path / "weights.pth"
    with monkeypatch.context() as patch:
        patch.setattr(torch, "load", lambda *given, **more: {})
        patch.setattr(make, "load_state_dict", lambda self, state: None)
        file.write_bytes(b"")
        blank = make("inception-v3-compat", ["2048"], feature_extractor_weights_path=str(file))
    torch.save(blank.state_dict(), file)
    opened = Inception(weights=str(file)).open(digits(20), CPU, tmp_path)
    found = opened.extract(torch.rand(2, 1, 16, 16) * 2 - 1)
    assert found.features.shape == (2, 2048)
    assert found.probabilities is not None
    assert found.probabilities.shape == (2, 1008)
    assert found.probabilities.sum(1).tolist() == pytest.approx([1, 1], abs=1e-4)


def test_every_extractor_is_in_the_table() -> None:
    assert set(FEATURES) == {"classifier", "inception", "pixels", "file"}


def test_training_the_classifier_imports_no_compiler() -> None:
    program = """
import subprocess
import sys
import numpy, torch
from ganlab.evaluation.features.classifier import train
images = numpy.zeros((40, 8, 8, 1), dtype=numpy.uint8)
train(images, numpy.arange(40) % 2, numpy.arange(40), 2, 2, torch.device("cpu"))
print([name for name in ("torch._dynamo", "torch._inductor", "sympy") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
