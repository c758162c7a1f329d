"""What starting ganlab costs, in units of `python -c 'import torch'`: CPU time, user and system, of a whole process.

    python benchmarks/startup.py                        # 7 rounds, about ten minutes on two cores
    python benchmarks/startup.py --rounds 3 --only help misspelt-key first-step

Each round runs every command once after an `import torch`; the first, unmeasured round fills the caches (bytecode,
the outline of the settings, decoded images). Medians of the ratios within a round, with the spread in brackets.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = sys.executable
TRAIN = [PYTHON, str(ROOT / "train.py")]
GANLAB = [PYTHON, "-m", "ganlab"]
TORCH = [PYTHON, "-c", "import torch"]


@dataclass(frozen=True)
class Start:
    """A command, its exit code, and the ratio that it should not exceed. ``{run}`` is a run trained before, and
    ``{new}`` a folder that does not exist."""

    words: list[str]
    goal: float
    code: int = 0


STARTS = {
    "help": Start([*TRAIN, "--help"], 0.35),
    "version": Start([*GANLAB, "--version"], 0.35),
    "data": Start([*GANLAB, "data"], 0.35),
    "no-such-option": Start([*TRAIN, "init=orthogonl"], 0.35, 2),
    "misspelt-group": Start([*TRAIN, "normm=batch"], 0.35, 2),
    "misspelt-key": Start([*TRAIN, "optimizer.generator.lrr=1e-4"], 0.35, 2),
    "bad-value": Start([*TRAIN, "batch_size=0"], 0.35, 2),
    "refused-combination": Start([*TRAIN, "loss=wgan_gp", "norm.discriminator.layer=batch"], 1.2, 2),
    "cfg-job": Start([*TRAIN, "--cfg", "job"], 1.2),
    "first-step": Start([*TRAIN, "steps=1", "hydra.run.dir={new}"], 1.7),
    "load": Start([PYTHON, "-c", "import ganlab; ganlab.load('{run}')"], 1.4),
    "sample": Start([*GANLAB, "sample", "run={run}", "n=4", "out={new}"], 1.4),
}


def cpu_seconds(words: list[str], code: int = 0) -> float:
    """Runs a command and returns the CPU seconds, user and system, of its process and its children."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(words, stdout=said, stderr=said, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != code:
            said.seek(0)
            sys.exit(f"{' '.join(words)} ended with {process.returncode}:\n{said.read().decode(errors='replace')}")
    return used.ru_utime + used.ru_stime


def measure(rounds: int, names: list[str]) -> tuple[list[float], dict[str, list[float]]]:
    """Returns the CPU seconds of each `import torch`, and the ratios of each command."""
    units: list[float] = []
    ratios: dict[str, list[float]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, "run")
        cpu_seconds([*TRAIN, "steps=1", f"hydra.run.dir={run}"])
        for number in range(rounds + 1):
            unit = cpu_seconds(TORCH)
            for name in names:
                start = STARTS[name]
                new = Path(folder, f"{name}-{number}")
                words = [word.replace("{run}", str(run)).replace("{new}", str(new)) for word in start.words]
                seconds = cpu_seconds(words, start.code)
                if number:
                    ratios[name].append(seconds / unit)
            units += [unit] if number else []
            print(f"round {number} of {rounds}", file=sys.stderr, flush=True)
    return units, ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="+", choices=STARTS, default=list(STARTS))
    options = parser.parse_args()
    load = os.getloadavg()[0]
    units, ratios = measure(options.rounds, options.only)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(
        f"{time.strftime('%Y-%m-%d')}, {platform.machine()}, {cores} cores, Python {platform.python_version()}; load "
        f"{load:.0f} to {os.getloadavg()[0]:.0f}; import torch: {statistics.median(units):.2f} CPU seconds "
        f"({min(units):.2f}-{max(units):.2f}), {options.rounds} rounds\n"
    )
    print("| command | × import torch | goal |\n|---|---|---|")
    for name, found in ratios.items():
        words = " ".join(STARTS[name].words).replace(PYTHON, "python").replace(f"{ROOT}/", "")
        text = words.replace("python -m ganlab", "ganlab").replace("{run}", "RUN").replace("{new}", "NEW")
        spread = f"({min(found):.2f}-{max(found):.2f})"
        print(f"| `{text}` | {statistics.median(found):.2f} {spread} | {STARTS[name].goal} |")


if __name__ == "__main__":
    main()
