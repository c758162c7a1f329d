"""A training step of ganlab beside a plain loop (benchmarks/baselines.py): same models, same arithmetic, same data, EMA
and feed included, alternating in one run, each side in a process of its own.

    python benchmarks/train_step.py                     # five models, about a quarter of an hour on two cores
    python benchmarks/train_step.py --quick             # the three small ones, about a minute
    python benchmarks/train_step.py --models dcgan64 wgan_gp --rounds 9
    python benchmarks/train_step.py --quick --cpu       # CPU seconds of one thread: less disturbed by others
    ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 \\
        python benchmarks/train_step.py --quick --cpu   # as laptops
    python benchmarks/train_step.py --overheads         # logging, signals, EMA, samples, checkpoints
    python benchmarks/train_step.py --scaling           # batch, width, image size, ranks

The floor is the arithmetic of ganlab's step, counted, over the rate at which the machine convolves, measured in the
same run; the share of the floor is how much of the step's time that would be. Figures are medians, with the spread in
brackets.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
CLOCK = CLOCKS[os.environ.get("GANLAB_BENCHMARK_CLOCK", "wall")]  # of the workers too, which inherit the environment
BATCH = 64
SLOT = 1.5  # seconds that one turn takes, at least
DCGAN_ADAM = {"name": "adam", "lr": 2e-4, "betas": [0.5, 0.999]}
CRITIC_ADAM = {"name": "adam", "lr": 1e-4, "betas": [0.0, 0.9]}


@dataclass(frozen=True)
class Model:
    """What is trained: its name in the table, the images' size, ganlab's settings, and the plain loop."""

    title: str
    size: int
    settings: dict[str, Any]
    plain: Callable[[Any], Any]  # of an iterator over batches
    small: bool = True  # goes into --quick

    def configured(self, root: Path, **changes: Any) -> dict[str, Any]:
        """ganlab's whole configuration, on the images in ``root``."""
        base = {
            **self.settings,
            "batch_size": BATCH,
            "latent": {"name": "normal", "dim": 128},
            "data": {"name": "arrays", "root": str(root / f"{self.size}.npy")},
            "averaging": {"name": "ema"},
            "steps": 1_000_000,
        }
        return {**base, **changes}


def dcgan(width: int) -> dict[str, Any]:
    return {"generator": {"name": "dcgan", "width": width}, "discriminator": {"name": "dcgan", "width": width}}


def resnet(width: int, pool: str) -> dict[str, Any]:
    generator = {"name": "resnet", "width": 2 * width, "largest_width": 2 * width}
    shape = {"flat": 2, "coarsest": 8, "pool": pool}
    return {
        "generator": generator,
        "discriminator": {"name": "resnet", "width": width, "largest_width": width, **shape},
    }


def norms(**discriminator: str) -> dict[str, Any]:
    return {"norm": {"generator": {"layer": "batch"}, "discriminator": discriminator}}


BCE = {"loss": "bce", "optimizer": {"generator": DCGAN_ADAM, "discriminator": DCGAN_ADAM}}
CRITIC = {
    "schedule": {"name": "alternating", "n_critic": 5},
    "optimizer": {"generator": CRITIC_ADAM, "discriminator": CRITIC_ADAM},
}
WASSERSTEIN = {"loss": "wasserstein", "regularizer": {"gradient_penalty": {}}, **CRITIC}


def plain_dcgan(size: int, width: int) -> Callable[[Any], Any]:
    def build(data: Any) -> Any:
        from benchmarks import baselines as plain

        return plain.DCGAN(plain.DCGANGenerator(size, width), plain.DCGANDiscriminator(size, width, True), data)

    return build


def plain_critic(kind: str, width: int, hinge: bool) -> Callable[[Any], Any]:
    def build(data: Any) -> Any:
        from benchmarks import baselines as plain

        if kind == "resnet":
            networks: Any = plain.ResNetGenerator(2 * width), plain.ResNetDiscriminator(width, spectral=hinge)
        else:
            networks = plain.DCGANGenerator(32, width), plain.DCGANDiscriminator(32, width, batch_norm=False)
        return plain.Critics(*networks, data, hinge=hinge)

    return build


def models(narrower: int = 1) -> dict[str, Model]:
    """The five, at their width or a part of it."""
    narrow, wide = 64 // narrower, 128 // narrower
    bce = {**dcgan(narrow), **norms(layer="batch"), **BCE}
    penalized = {**dcgan(narrow), **norms(layer="none"), **WASSERSTEIN}
    residual = {**resnet(wide, "mean"), **norms(layer="none"), **WASSERSTEIN}
    spectral = {**resnet(wide, "sum"), **norms(layer="none", weight="spectral"), "loss": "hinge", **CRITIC}
    five, widths = ", 5 D + 1 G", f", {wide} in D, {2 * wide} in G"
    return {
        "dcgan64": Model(f"DCGAN 64×64, width {narrow}", 64, bce, plain_dcgan(64, narrow)),
        "dcgan32": Model(f"DCGAN 32×32, width {narrow}", 32, bce, plain_dcgan(32, narrow)),
        "wgan_gp": Model(
            f"WGAN-GP, DCGAN-style 32×32, width {narrow}{five}", 32, penalized, plain_critic("dcgan", narrow, False)
        ),
        "wgan_gp_resnet": Model(
            f"WGAN-GP ResNet 32×32{widths}{five}", 32, residual, plain_critic("resnet", wide, False), small=False
        ),
        "sngan_resnet": Model(
            f"SNGAN ResNet 32×32{widths}{five}", 32, spectral, plain_critic("resnet", wide, True), small=False
        ),
    }


MODELS = models()


# ----------------------------------------------------------------------------------------------------------- one side


def make_images(root: Path, sizes: set[int]) -> None:
    import numpy as np

    draw = np.random.default_rng(0)
    for size in sizes:
        np.save(root / f"{size}.npy", draw.integers(0, 256, (2000, size, size, 3), dtype=np.uint8))


def build_ours(model: Model, root: Path, **changes: Any) -> Any:
    """ganlab's trainer, on the images in ``root``."""
    from ganlab.config import configure
    from ganlab.config.build import build_trainer

    runtime = {"cache": str(root / "cache"), **changes.pop("runtime", {})}
    settings = configure(model.configured(root, runtime=runtime, **changes)).settings
    machine = settings.runtime.resolve()
    machine.prepare()
    return build_trainer(settings, machine, settings.data.open(), root / "run")


def build_plain(model: Model, root: Path, device: Any) -> Any:
    import numpy as np

    from benchmarks import baselines

    loop = model.plain(baselines.batches(np.load(root / f"{model.size}.npy"), BATCH, device))
    loop.generator.to(device)
    loop.discriminator.to(device)
    return loop


class Counter:
    """Floating-point operations of convolutions and matrix products, as PyTorch counts them; a multiplication and an
    addition are two."""

    def __enter__(self) -> Counter:
        from torch.utils._python_dispatch import TorchDispatchMode
        from torch.utils.flop_counter import flop_registry

        outer, self.total = self, 0

        class Mode(TorchDispatchMode):
            def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                result = func(*args, **(kwargs or {}))
                count = flop_registry.get(func._overloadpacket)
                if count is not None:
                    outer.total += count(*args, **(kwargs or {}), out_val=result)
                return result

        self.mode = Mode()
        self.mode.__enter__()
        return self

    def __exit__(self, *problem: Any) -> None:
        self.mode.__exit__(*problem)


def worker(task: dict[str, Any]) -> None:
    """Builds one side, then runs as many steps as each line of its input says, and answers with seconds a step."""
    import torch

    root, model, side = Path(task["root"]), MODELS[task["model"]], task["side"]
    device = torch.device(task["device"])
    torch.manual_seed(0)
    if side == "plain":
        plain = build_plain(model, root, device)
        plain.reuse = task["reuse"]
        step = plain.step
    else:
        step = build_ours(model, root, runtime={"device": task["device"], "precision": side}).train_step
    with Counter() as counter:
        step()
    for _ in range(3 if device.type == "cuda" else 0):
        step()
    print(json.dumps({"flops": counter.total}), flush=True)
    for line in sys.stdin:
        _wait(device)
        began = CLOCK()
        for _ in range(int(line)):
            step()
        _wait(device)
        seconds = (CLOCK() - began) / int(line)
        print(json.dumps({"seconds": seconds, "memory": _peak(device)}), flush=True)


def _wait(device: Any) -> None:
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _peak(device: Any) -> float:
    """The most memory so far, in MB: of the GPU, or of the process."""
    import torch

    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


# ------------------------------------------------------------------------------------------------------------ the race


class Side:
    def __init__(self, **task: Any) -> None:
        self.name = task["side"]
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--worker", json.dumps(task)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.flops: float = self._answer()["flops"]
        self.seconds: list[float] = []
        self.memory = 0.0
        self.steps = max(1, round(SLOT / self._run(1)["seconds"]))

    def _answer(self) -> dict[str, float]:
        assert self.process.stdout is not None
        answer: dict[str, float] = json.loads(self.process.stdout.readline())
        return answer

    def _run(self, steps: int) -> dict[str, float]:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        return self._answer()

    def turn(self) -> None:
        answer = self._run(self.steps)
        self.seconds.append(answer["seconds"])
        self.memory = answer["memory"]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def rates(device: Any, dtype: Any) -> tuple[float, float]:
    """Operations a second of a large convolution (3×3, 256 channels, 16×16, channels last) and of a matrix product."""
    import torch

    x = torch.randn(BATCH, 256, 16, 16, device=device).to(dtype).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(256, 256, 3, 3, device=device).to(dtype).contiguous(memory_format=torch.channels_last)
    one = torch.randn(2048, 2048, device=device).to(dtype)
    repeats = 100 if device.type == "cuda" else 5

    def rate(run: Callable[[], Any], count: float) -> float:
        run()
        _wait(device)
        began = CLOCK()
        for _ in range(repeats):
            run()
        _wait(device)
        return repeats * count / (CLOCK() - began)

    return (
        rate(lambda: torch.conv2d(x, weight, padding=1), 2.0 * weight.numel() * x.numel() / 256),
        rate(lambda: one @ one, 2.0 * 2048**3),
    )


def race(name: str, root: Path, device: str, rounds: int, precisions: list[str], reuse: bool) -> list[list[str]]:
    """The rows of one model, and the machine's rates between its rounds."""
    import torch

    model = MODELS[name]
    task = {"model": name, "root": str(root), "device": device, "reuse": reuse}
    sides = [Side(**task, side=side) for side in ["plain", *precisions]]
    dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    measured: dict[str, list[tuple[float, float]]] = {precision: [] for precision in precisions}
    for _ in range(rounds):
        for side in sides:
            side.turn()
        for precision in precisions:
            measured[precision].append(rates(torch.device(device), dtypes[precision]))
    for side in sides:
        side.close()
    base, rows = statistics.median(sides[0].seconds), []
    for side in sides:
        seconds = statistics.median(side.seconds)
        row = [
            model.title if side.name == "plain" else "",
            side.name if side.name == "plain" else f"ganlab {side.name}",
        ]
        row += [_spread(side.seconds), f"{BATCH / seconds:,.0f}", f"{base / seconds:.2f}", f"{side.flops / 1e9:,.0f}"]
        if side.name == "plain":
            row += ["", "", ""]
        else:
            convolution = statistics.median(one for one, _ in measured[side.name])
            product = statistics.median(two for _, two in measured[side.name])
            floor = side.flops / convolution
            row += [f"{convolution / 1e9:,.0f} / {product / 1e9:,.0f}", f"{base / floor:.2f}", f"{floor / seconds:.0%}"]
        rows.append([*row, f"{side.memory:,.0f}"])
    return rows


def _spread(seconds: list[float]) -> str:
    low, middle, high = (1e3 * one for one in (min(seconds), statistics.median(seconds), max(seconds)))
    return f"{middle:,.0f} ({low:,.0f}–{high:,.0f})"


HEAD = ["model", "side", "ms a step", "steps × batch / s", "× plain", "GFLOP a step", "rate: conv / GEMM, GFLOP/s",
        "× plain at the floor", "share of the floor", "peak MB"]  # fmt: skip


def table(head: list[str], rows: list[list[str]]) -> None:
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head), flush=True)
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)


# ----------------------------------------------------------------------------------------------------------- overheads


def overheads(root: Path, device: str, name: str, rounds: int) -> None:
    """What a user's run does beside the two updates. A GPU is measured in seconds; a CPU in its own seconds, those of
    all threads, which other programs on the machine disturb less."""
    import torch

    from ganlab.monitor.files import Files
    from ganlab.monitor.progress import Progress
    from ganlab.monitor.tensorboard import TensorBoard
    from ganlab.training.diagnosis import Diagnosis
    from ganlab.training.observers import Observers

    trainer = build_ours(MODELS[name], root, runtime={"device": device})
    folder = root / "run"
    folder.mkdir(exist_ok=True)
    trainer.observers = trainer.reports.observers = Observers([Files(folder), TensorBoard(folder, ""), Progress()])
    trainer.observers.start(0, trainer.steps)
    trainer.checkpoints.begin()
    for _ in range(3):
        trainer.train_step()
    clock = time.process_time if torch.device(device).type == "cpu" else time.perf_counter

    def timed(run: Callable[[], Any]) -> float:
        _wait(torch.device(device))
        began = clock()
        run()
        _wait(torch.device(device))
        return clock() - began

    def stepped() -> None:
        for observer in trainer.observers:
            observer.stepped(trainer.step)

    average = trainer.generator.average

    def averaged() -> None:
        average.prepare(trainer.generator.updates)
        average.follow()

    signals, logits = trainer.diagnosis, torch.randn(2, BATCH, device=device)
    without_signals = Diagnosis()

    def numbers() -> None:
        trainer.diagnosis = without_signals
        trainer._report_values(trainer.meter.read(), 1.0)
        trainer.diagnosis = signals

    def diagnosed(sampled: bool) -> Callable[[], Any]:
        """What the signals add to a log point, or at a sample point to that."""
        point = replace(trainer._log_point(trainer.meter.read()), sampled=sampled)
        families = {key: one for key, one in signals.families.items() if one.at_samples == sampled}
        others = {key: one for key, one in signals.families.items() if key not in families}

        def run() -> None:
            signals.families = families
            signals.signals(point)
            signals.families = {**families, **others}

        return run

    parts: dict[str, list[float]] = {}
    for _ in range(rounds):
        parts.setdefault("step", []).append(timed(trainer.train_step))
        parts.setdefault("progress bar, per step", []).append(timed(stepped))
        parts.setdefault("EMA, per step", []).append(timed(averaged))
        parts.setdefault("feed, per step", []).append(timed(trainer.feed.next))
        of_logits = trainer.gan.logit_signals.of_update
        parts.setdefault("signals of D's logits, per step", []).append(timed(lambda: of_logits(*logits)))  # noqa: B023
        copied = timed(signals.before_step)
        trainer.train_step()
        parts.setdefault("signals, per report", []).append(copied + timed(diagnosed(False)))
        parts.setdefault("numbers to files and TensorBoard, per report", []).append(timed(numbers))
    for _ in range(5):
        parts.setdefault("signals of sample points, per grid", []).append(timed(diagnosed(True)))
        parts.setdefault("samples, per grid", []).append(timed(lambda: trainer.reports.samples(trainer.step)))
        parts.setdefault("checkpoint, each", []).append(timed(trainer.save))
        inspection = timed(lambda: trainer.reports.inspection(trainer.step))
        parts.setdefault("inspection of the initialization, per run", []).append(inspection)
    step = statistics.median(parts["step"])
    every = {
        "per report": trainer.logging.every,
        "per grid": trainer.logging.samples_every,
        "each": 500,
        "per run": 2000,
    }
    rows = []
    for part, seconds in parts.items():
        steps = next((count for ending, count in every.items() if part.endswith(ending)), 1)
        share = statistics.median(seconds) / steps / step
        rows.append([part, f"{1e3 * statistics.median(seconds):.2f}", str(steps), f"{share:.2%}"])
    table([f"part of a step of {MODELS[name].title}", "ms", "every so many steps", "share of the step"], rows)


# ------------------------------------------------------------------------------------------------------------- scaling


def scaling(root: Path, device: str) -> None:
    """How a step grows: DCGAN with batch, width and image; images a second, and the arithmetic's rate."""
    import torch

    rows = []
    make_images(root, {32, 64, 128})
    variants = [("batch", batch, {"batch_size": batch}, 32, 64) for batch in (16, 64, 256)]
    variants += [("width", width, {}, 32, width) for width in (32, 64, 128)]
    variants += [("image", size, {}, size, 32) for size in (32, 64, 128)]
    for what, value, changes, size, width in variants:
        settings = {**MODELS["dcgan32"].settings, **dcgan(width)}
        model = Model("", size, settings, plain_dcgan(size, width))
        trainer = build_ours(model, root, runtime={"device": device}, **changes)
        with Counter() as counter:
            trainer.train_step()
        seconds = []
        for _ in range(5):
            _wait(torch.device(device))
            began = time.perf_counter()
            trainer.train_step()
            _wait(torch.device(device))
            seconds.append(time.perf_counter() - began)
        middle = statistics.median(seconds)
        images = changes.get("batch_size", BATCH) / middle
        rows.append([f"{what} {value}", _spread(seconds), f"{images:,.0f}", f"{counter.total / middle / 1e9:,.0f}"])
    for ranks in (1, 2):
        if device.startswith("cuda") and ranks > torch.cuda.device_count():
            break
        torch.multiprocessing.spawn(_one_rank, (ranks, str(root), device.partition(":")[0]), nprocs=ranks)
        found = json.loads((root / f"ranks-{ranks}.json").read_text())
        middle = statistics.median(found["seconds"])
        rate = found["flops"] * ranks / middle / 1e9
        rows.append([f"ranks {ranks}", _spread(found["seconds"]), f"{BATCH / middle:,.0f}", f"{rate:,.0f}"])
    table(["DCGAN, batch norm, fp32", "ms a step", "images a second", "GFLOP/s"], rows)


def _one_rank(rank: int, ranks: int, folder: str, device: str) -> None:
    """DCGAN at the usual batch, width and size on its share of the batch and of the processors; rank 0 writes."""
    import torch

    root, backend = Path(folder), "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo"
    torch.distributed.init_process_group(backend, f"file://{root / f'store-{ranks}'}", rank=rank, world_size=ranks)
    trainer = build_ours(MODELS["dcgan32"], root, runtime={"device": device})
    with Counter() as counter:
        trainer.train_step()
    seconds = []
    for _ in range(5):
        _wait(trainer.machine.device)
        began = time.perf_counter()
        trainer.train_step()
        _wait(trainer.machine.device)
        seconds.append(time.perf_counter() - began)
    if rank == 0:
        (root / f"ranks-{ranks}.json").write_text(json.dumps({"seconds": seconds, "flops": counter.total}))
    torch.distributed.destroy_process_group()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=None)
    parser.add_argument("--rounds", type=int, default=None)
    parser.add_argument("--precisions", nargs="+", choices=["fp32", "bf16", "fp16"], default=None)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--reuse", action="store_true", help="plain DCGAN: D's fakes again in G's update")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--cpu", action="store_true", help="CPU seconds of one thread instead of seconds")
    parser.add_argument("--overheads", action="store_true")
    parser.add_argument("--scaling", action="store_true")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(json.loads(options.worker))
        return
    if options.cpu and "GANLAB_BENCHMARK_CLOCK" not in os.environ:
        environment = {**os.environ, "GANLAB_BENCHMARK_CLOCK": "cpu", "OMP_NUM_THREADS": "1"}
        sys.exit(subprocess.run([sys.executable, *sys.argv], env=environment).returncode)
    import torch

    from ganlab.processor import processor
    from ganlab.training.device import computes_bf16, find_device

    device = find_device(options.device)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    where = (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"{platform.machine()}, {processor()}, {cores} cores"
    )
    where += ", CPU time of one thread" if options.cpu else ""
    print(f"{time.strftime('%Y-%m-%d')}, {where}, Python {platform.python_version()}, torch {torch.__version__}\n")
    precisions = options.precisions or (["fp32", "bf16"] if computes_bf16(device) else ["fp32"])
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_images(root, {model.size for model in MODELS.values()})
        if options.overheads:
            for name in options.models or ["dcgan32"]:  # the model whose step is the shortest: the worst case
                overheads(root, str(device), name, options.rounds or 30)
        elif options.scaling:
            scaling(root, str(device))
        else:
            names = options.models or [name for name, model in MODELS.items() if model.small or not options.quick]
            rows = []
            for name in names:
                rounds = options.rounds or (3 if options.quick or not MODELS[name].small else 7)
                print(f"{MODELS[name].title} …", file=sys.stderr, flush=True)
                rows += race(name, root, str(device), rounds, precisions, options.reuse)
            table(HEAD, rows)


if __name__ == "__main__":
    main()
