"""A small classifier of the classes of a data set. Its last hidden layer gives the features."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganlab import eager_optimizers, random_streams
from ganlab.atomic_write import replacing
from ganlab.errors import UserError
from ganlab.evaluation.features.base import Extracted, Features, Opened, Reals, as_images, hash_of
from ganlab.progress import progress
from ganlab.table import PositiveInt

FORMAT = 1  # part of the file's name: changes when the same data would give another network
LARGEST = 32  # pixels a side: larger images are resized to it
BATCH = 128
TEST = 0.1  # share of the images on which the accuracy is measured
MOST_TESTED = 10_000


class SmallNet(nn.Module):
    """Maps images (n, channels, H, W) to features (n, 96) and logits (n, classes)."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()

        def block(inputs: int, outputs: int, stride: int) -> nn.Sequential:
            convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
            return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())

        self.body = nn.Sequential(
            block(channels, 32, 1), block(32, 48, 2), block(48, 48, 1), block(48, 96, 2), block(96, 96, 1)
        )  # fmt: skip
        self.head = nn.Linear(96, classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(images).mean((2, 3))
        return features, self.head(features)


@dataclass(frozen=True)
class Classifier(Features):
    """A network of five convolutions (3×3, 32 to 96 channels, batch norm), trained for ``steps`` on nine tenths of the
    real images and tested on the rest. The features are the 96 inputs of its last layer, the probabilities its softmax.

    Its features separate the classes of this data set. Scores by it compare runs on one data set; they do not compare
    with published scores, which use Inception. It is trained once, and stored beside the decoded images with its
    accuracy. Where each channel is an image of its own (``Reals.stacked``) it is trained on single channels, and the
    probabilities of the channels are multiplied.
    """

    steps: PositiveInt = 600  # of 128 images

    def check(self, labelled: bool) -> None:
        if not labelled:
            raise UserError(
                "features=classifier: these images have no classes to learn; type features=pixels or features=inception"
            )

    def open(self, real: Reals, device: torch.device, cache: Path) -> Opened:
        network, accuracy, tested = self.network(real, device, cache)

        def extract(shown: Tensor) -> Extracted:
            with torch.no_grad():
                if not real.stacked:
                    features, logits = network(shrunk(shown))
                    return Extracted(features, logits.softmax(1))
                parts = [network(shrunk(channel)) for channel in shown.split(1, dim=1)]
            together = parts[0][1].softmax(1)
            for _, logits in parts[1:]:  # the channels are independent images
                together = (together[:, :, None] * logits.softmax(1)[:, None, :]).flatten(1)
            return Extracted(torch.cat([features for features, _ in parts], dim=1), together)

        facts = {"features": "classifier", "hash": hash_of(network), "resize": f"antialiased to at most {LARGEST}"}
        note = f"features=classifier: its accuracy on {tested:,} images that it was not trained on is {accuracy:.1%}"
        return Opened(extract, {**facts, "accuracy": round(accuracy, 4)}, (note,))

    def network(self, real: Reals, device: torch.device, cache: Path) -> tuple[SmallNet, float, int]:
        """Returns the network in evaluation mode on the device, trained unless ``cache`` has it, its accuracy in
        [0, 1], and the number of images on which that was measured. Raises UserError."""
        self.check(real.labels is not None)
        assert real.labels is not None
        images, labels, rows, classes = real.images, real.labels, real.rows, len(real.classes)
        if real.stacked:
            images, labels, rows, classes = _unstacked(real)
        name = f"classifier-{real.fingerprint}-{len(real)}-{self.steps}-{FORMAT}.safetensors"
        found = _read(cache / name, images.shape[3], classes)
        if found is None:
            found = train(images, labels, rows, classes, self.steps, device)
            _write(cache / name, *found)
        network, accuracy = found
        return network.to(device).eval(), accuracy, min(MOST_TESTED, max(1, round(TEST * len(rows))))


def shrunk(images: Tensor) -> Tensor:
    """Resizes images to at most 32 pixels a side, with antialiasing."""
    if max(images.shape[2:]) <= LARGEST:
        return images
    size = tuple(min(LARGEST, length) for length in images.shape[2:])
    return F.interpolate(images, size, mode="bilinear", antialias=True)


def _unstacked(real: Reals) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Returns each channel as an image with its decimal of the label, all rows, and the number of classes."""
    assert real.labels is not None
    channels = real.images.shape[3]
    base = round(len(real.classes) ** (1 / channels))
    kept = real.rows[: 60_000 // channels]  # 60,000 images, as in MNIST
    images = np.moveaxis(real.images[kept], 3, 1).reshape(-1, *real.images.shape[1:3], 1)
    places = base ** np.arange(channels - 1, -1, -1)
    return images, (real.labels[kept, None] // places % base).reshape(-1), np.arange(len(images)), base


def train(
    images: np.ndarray, labels: np.ndarray, rows: np.ndarray, classes: int, steps: int, device: torch.device
) -> tuple[SmallNet, float]:
    """Trains a network on nine tenths of the ``rows`` of images (N, H, W, C) with labels (N,); returns it and its
    accuracy in [0, 1] on the rest. The result is the same every time on one machine, and PyTorch's global random
    generator is not used. Progress is reported."""
    order = np.random.default_rng(random_streams.derive(0, "classifier/split")).permutation(rows)
    tested, learned = np.split(order, [min(MOST_TESTED, max(1, round(TEST * len(rows))))])
    rng = random_streams.generator(0, "classifier/batches")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(random_streams.derive(0, "classifier/weights"))
        network = SmallNet(images.shape[3], classes)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = eager_optimizers.Adam(network.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps)
    work = "Training the classifier that compares images (once for this data set)"
    with torch.enable_grad(), progress(work, steps) as advance:
        for _ in range(steps):
            batch = learned[torch.randint(len(learned), (BATCH,), generator=rng).numpy()]
            _, logits = network(shrunk(as_images(images[batch], device)))
            loss = F.cross_entropy(logits, torch.from_numpy(labels[batch]).to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            advance(1)
    network.eval()
    right = 0
    with torch.no_grad():
        for start in range(0, len(tested), 512):
            batch = tested[start : start + 512]
            _, logits = network(shrunk(as_images(images[batch], device)))
            right += int((logits.argmax(1).cpu() == torch.from_numpy(labels[batch])).sum())
    return network, right / len(tested)


def _read(file: Path, channels: int, classes: int) -> tuple[SmallNet, float] | None:
    """Returns a stored network and its accuracy, or None if there is none that can be used."""
    try:
        with safetensors.safe_open(file, framework="pt") as opened:
            accuracy = float(json.loads(opened.metadata()["ganlab"])["accuracy"])
            state = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  (no mapping)
        network = SmallNet(channels, classes)
        network.load_state_dict(state)
    except (OSError, safetensors.SafetensorError, RuntimeError, KeyError, ValueError, TypeError):
        return None
    return network, accuracy


def _write(file: Path, network: SmallNet, accuracy: float) -> None:
    """Stores a network in the cache. Where that fails, the next run trains its own."""
    state = {name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()}
    with contextlib.suppress(OSError, safetensors.SafetensorError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file, f".{file.name}.{os.getpid()}.partial") as partial:  # other runs may write it too
            safetensors.torch.save_file(state, partial, {"ganlab": json.dumps({"accuracy": accuracy})})
