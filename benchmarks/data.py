"""Batches of images ready on the device: ganlab's feed beside the usual DataLoader(ImageFolder), and what a training
step waits for data.

    python benchmarks/data.py                            # on 20,000 small and 1,000 large pictures that it makes
    python benchmarks/data.py --root FOLDER --size 32    # on a folder of your own, with folders for classes
    python benchmarks/data.py --quick                    # fewer of each, about a minute

Both read the same files with the same transforms (Lanczos resize of the shorter side, centre crop, mirrored half of the
time, to [-1, 1]) and shuffle. Rounds alternate in one run; figures are medians, with the spread in brackets.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

BATCH = 64
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# ------------------------------------------------------------------------------------------------------ the two sides


def usual(root: Path, size: int, workers: int, device: Any) -> Iterator[Any]:
    """What a tutorial writes."""
    import torch
    from torchvision import datasets, transforms

    transform = transforms.Compose(
        [
            transforms.Resize(size, transforms.InterpolationMode.LANCZOS),
            transforms.CenterCrop(size),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize([0.5] * 3, [0.5] * 3),
        ]
    )
    loader = torch.utils.data.DataLoader(
        datasets.ImageFolder(str(root), transform),
        batch_size=BATCH,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=device.type == "cuda",
    )
    while True:
        for images, labels in loader:
            yield images.to(device, non_blocking=True), labels.to(device, non_blocking=True)


def ours(root: Path, size: int, resident: float, device: Any) -> Iterator[Any]:
    import torch

    from ganlab.data.feed import Feed
    from ganlab.data.image_folder import ImageFolder

    image_set = ImageFolder(root=str(root), size=size, flip=True).open()
    feed = Feed(image_set, BATCH, 0, device, torch.channels_last, resident)
    while True:
        batch = feed.next()
        yield batch.images, batch.condition["labels"]


SIDES = {
    "DataLoader(ImageFolder), no workers": lambda root, size, device: usual(root, size, 0, device),
    f"DataLoader(ImageFolder), {CORES} workers": lambda root, size, device: usual(root, size, CORES, device),
    "ganlab": lambda root, size, device: ours(root, size, 0.5, device),
    "ganlab, read ahead (resident=0)": lambda root, size, device: ours(root, size, 0.0, device),
}


# --------------------------------------------------------------------------------------------------------- measurements


def the_device() -> Any:
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def wait(device: Any) -> None:
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize()


def rates(root: Path, size: int, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Images per second of each side, round by round."""
    device = the_device()
    running = {name: start(root, size, device) for name, start in SIDES.items()}
    found: dict[str, list[float]] = {name: [] for name in SIDES}
    for batches in running.values():
        next(batches)
    for _ in range(rounds):
        for name, batches in running.items():
            count, began = 0, time.perf_counter()
            while time.perf_counter() - began < seconds:
                next(batches)
                count += BATCH
            wait(device)
            found[name].append(count / (time.perf_counter() - began))
    return found


def first_batch(root: Path, size: int, name: str) -> dict[str, float]:
    """Called in a fresh process: seconds from the import of what each side needs beside PyTorch to its first batch, and
    the memory that it holds after ten more, its workers' too."""
    import torch

    torch.zeros(1)
    before = memory()
    device, began = the_device(), time.perf_counter()
    batches = SIDES[name](root, size, device)
    next(batches)
    wait(device)
    seconds = time.perf_counter() - began
    for _ in range(10):
        next(batches)
    return {"seconds": seconds, "megabytes": memory() - before}


def memory() -> float:
    """Megabytes of this process and of its children, shared pages counted once; not a number where there is no
    /proc."""
    children = subprocess.run(["pgrep", "-P", str(os.getpid())], capture_output=True, text=True, check=False).stdout
    total = 0.0
    for process in [os.getpid(), *map(int, children.split())]:
        try:
            total += int(Path(f"/proc/{process}/smaps_rollup").read_text().partition("\nPss:")[2].split()[0])
        except (OSError, IndexError, ValueError):
            if process == os.getpid():
                return float("nan")
    return total / 1024


def in_a_fresh_process(root: Path, size: int, name: str, cache: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--first", name, "--root", str(root), "--size", str(size)]
    environment = {**os.environ, "GANLAB_CACHE": str(cache)}
    ran = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(ran.stdout)
    return found


def waiting_share(root: Path, steps: int, resident: float) -> tuple[float, float]:
    """The share of a DCGAN training step at 32×32 that passes in the feed, and the step's milliseconds."""
    from ganlab.config import configure
    from ganlab.config.build import build_trainer

    settings = configure(
        {
            "batch_size": BATCH,
            "data": {"name": "image_folder", "root": str(root), "size": 32, "flip": True},
            "runtime": {"resident": resident},
            "logging": {"progress": False},
        }
    ).settings
    with tempfile.TemporaryDirectory() as folder:
        trainer = build_trainer(settings, settings.runtime.resolve(), settings.data.open(), Path(folder))
        feed, waited = trainer.feed, 0.0
        taking = feed.next

        def timed(count: int | None = None) -> Any:
            nonlocal waited
            wait(trainer.machine.device)  # what the device still computes is not the feed's
            began = time.perf_counter()
            batch = taking(count)
            wait(trainer.machine.device)
            waited += time.perf_counter() - began
            return batch

        feed.next = timed  # type: ignore[method-assign]
        for _ in range(5):
            trainer.train_step()
        waited, began = 0.0, time.perf_counter()
        for _ in range(steps):
            trainer.train_step()
        wait(trainer.machine.device)
        whole = time.perf_counter() - began
    return waited / whole, 1000 * whole / steps


# ------------------------------------------------------------------------------------------------------------- pictures


def make_pictures(root: Path, count: int, width: int, height: int) -> Path:
    """JPEGs of smooth noise, in ten folders."""
    from PIL import Image

    draw = np.random.default_rng(0)
    for number in range(count):
        coarse = Image.fromarray(draw.integers(0, 256, (8, 8, 3)).astype(np.uint8))
        file = root / str(number % 10) / f"{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        coarse.resize((width, height), Image.Resampling.BICUBIC).save(file, quality=90)
    return root


def difference(root: Path, size: int) -> float:
    """The mean distance of ours from torchvision's pixels, in levels of 255, unmirrored."""
    from torchvision import datasets, transforms

    from ganlab.data.image_folder import ImageFolder

    transform = transforms.Compose(
        [transforms.Resize(size, transforms.InterpolationMode.LANCZOS), transforms.CenterCrop(size)]
    )
    theirs, own = datasets.ImageFolder(str(root), transform), ImageFolder(root=str(root), size=size).open()
    rows = range(0, len(theirs), max(1, len(theirs) // 200))
    return float(np.mean([abs(np.asarray(theirs[row][0], np.float32) - own.images[row]).mean() for row in rows]))


# --------------------------------------------------------------------------------------------------------------- report


def report(title: str, root: Path, size: int, quick: bool) -> None:
    rounds, seconds, steps = (3, 0.3, 20) if quick else (7, 2.0, 150)
    print(f"\n### {title}\n")
    cache = Path(tempfile.mkdtemp(prefix="ganlab-benchmark-"))
    os.environ["GANLAB_CACHE"] = str(cache)
    try:
        starts: dict[str, list[dict[str, float]]] = {name: [] for name in SIDES}
        for _ in range(1 if quick else 3):  # ours with an empty cache, then with a full one; theirs has none
            for name in ("DataLoader(ImageFolder), no workers", f"DataLoader(ImageFolder), {CORES} workers"):
                starts[name].append(in_a_fresh_process(root, size, name, cache))
            shutil.rmtree(cache)
            cold = in_a_fresh_process(root, size, "ganlab", cache)
            warm = in_a_fresh_process(root, size, "ganlab", cache)
            starts["ganlab"].append({**warm, "cold": cold["seconds"]})
        found = rates(root, size, rounds, seconds)
        base = statistics.median(found["DataLoader(ImageFolder), no workers"])
        best = max(statistics.median(found[name]) for name in found if name.startswith("DataLoader"))
        print("| | images/s ready on the device | × no workers | first batch, s: cold | warm | memory, MB |")
        print("|---|---|---|---|---|---|")
        for name, values in found.items():
            middle = statistics.median(values)
            start = starts[name]
            warm_seconds = f"{statistics.median(one['seconds'] for one in start):.2f}" if start else ""
            cold_seconds = f"{statistics.median(one.get('cold', one['seconds']) for one in start):.2f}" if start else ""
            held = f"{statistics.median(one['megabytes'] for one in start):,.0f}" if start else ""
            print(
                f"| {name} | {middle:,.0f} ({min(values):,.0f}–{max(values):,.0f}) | {middle / base:,.1f} "
                f"| {cold_seconds} | {warm_seconds} | {held} |"
            )
        print(f"\nganlab over the better DataLoader: {statistics.median(found['ganlab']) / best:,.0f}×.")
        print(f"Pixels differ from torchvision's by {difference(root, size):.2f} of 255 levels on average.")
        for resident in (0.5, 0.0):
            share, milliseconds = waiting_share(root, steps, resident)
            print(
                f"DCGAN at 32×32, batch {BATCH}, resident={resident:g}: {100 * share:.2f} % of a step of "
                f"{milliseconds:.0f} ms passes in the feed."
            )
    finally:
        shutil.rmtree(cache, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="a folder of images in one folder a class")
    parser.add_argument("--size", type=int, default=32, help="side of the squares that they become")
    parser.add_argument("--quick", action="store_true", help="fewer pictures and rounds")
    parser.add_argument("--first", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.first:
        print(json.dumps(first_batch(asked.root, asked.size, asked.first)))
        return
    import torch
    import torchvision

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {CORES} cores"
    versions = f"Python {platform.python_version()}, torch {torch.__version__}, torchvision {torchvision.__version__}"
    print(f"{time.strftime('%Y-%m-%d')}, {device}, {versions}")
    if asked.root is not None:
        report(f"{asked.root.name} at {asked.size}×{asked.size}", asked.root, asked.size, asked.quick)
        return
    with tempfile.TemporaryDirectory() as folder:
        small, large = (1_000, 100) if asked.quick else (20_000, 1_000)
        pictures = make_pictures(Path(folder, "small"), small, 32, 32)
        report(f"{small:,} JPEGs of 32×32", pictures, 32, asked.quick)
        pictures = make_pictures(Path(folder, "large"), large, 1024, 1024)
        report(f"{large:,} JPEGs of 1024×1024, at 64×64", pictures, 64, asked.quick)


if __name__ == "__main__":
    main()
