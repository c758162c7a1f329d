"""Jobs an hour of a sweep of small runs: one process after another, one after another in one process, side by side.

    python benchmarks/jobs.py                  # three ways, twice each, in turn; about half an hour on two cores
    python benchmarks/jobs.py --steps 50       # shorter runs: start-up counts for more
    python benchmarks/jobs.py --memory 50      # the memory of one process over 50 jobs
    python benchmarks/jobs.py --cost 6         # what a job of 200 steps at 16×16 spends beside them, in CPU seconds

Twelve runs on the bundled digits at 16×16 and 32×32, width 16, six seeds each.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from statistics import median

CHECKOUT = Path(__file__).resolve().parent.parent
SMALL = [
    "experiment=dcgan_digits",
    "batch_size=64",
    "generator.width=16",
    "discriminator.width=16",
    "logging.progress=false",
]
SIZES, SEEDS = (16, 32), range(6)


def run(arguments: list[str], folder: Path) -> None:
    """Runs the command with all threads of the machine. Raises CalledProcessError."""
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    command = [sys.executable, str(CHECKOUT / "train.py"), *SMALL, *arguments]
    subprocess.run(
        command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def separately(folder: Path, steps: int) -> None:
    """A process for each run, one after another."""
    for size, seed in product(SIZES, SEEDS):
        run([f"data.size={size}", f"seed={seed}", f"steps={steps}"], folder)


def sweep(folder: Path, steps: int, jobs: str) -> None:
    """One sweep."""
    sizes, seeds = (",".join(map(str, values)) for values in (SIZES, SEEDS))
    run(["-m", f"data.size={sizes}", f"seed={seeds}", f"steps={steps}", f"jobs={jobs}"], folder)


WAYS = {
    "separate processes": separately,
    "-m jobs=1": lambda folder, steps: sweep(folder, steps, "1"),
    "-m jobs=auto": lambda folder, steps: sweep(folder, steps, "auto"),
}


def compare(rounds: int, steps: int) -> None:
    """Prints a table of the ways, which take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory() as cache:
        os.environ["GANLAB_CACHE"] = cache
        for _ in range(rounds):
            for name, way in WAYS.items():
                folder = Path(tempfile.mkdtemp())
                began = time.perf_counter()
                way(folder, steps)
                seconds[name].append(time.perf_counter() - began)
                shutil.rmtree(folder)
                print(f"{name}: {seconds[name][-1]:.0f} s", file=sys.stderr)
    runs = len(SIZES) * len(SEEDS)
    print(f"| 12 runs of {steps} steps | seconds | jobs an hour | × separate processes | × -m jobs=1 |")
    print("|---|---|---|---|---|")
    for name, found in seconds.items():
        ratios = [
            median(other / own for other, own in zip(seconds[reference], found, strict=True))
            for reference in list(WAYS)[:2]
        ]
        spread = f"{median(found):.0f} ({min(found):.0f}–{max(found):.0f})"
        print(f"| {name} | {spread} | {runs * 3600 / median(found):.0f} | {ratios[0]:.2f} | {ratios[1]:.2f} |")


MEMORY = """
import resource, sys
sys.path.insert(0, sys.argv.pop(1))
from ganlab.commands.sweep import run as sweep
from ganlab.commands.train import main
task = sweep.run_task
def measured(one):
    outcome = task(one)
    pages = int(open("/proc/self/statm").read().split()[1])
    print("memory", one.number, pages * resource.getpagesize() // 2**20, flush=True)
    return outcome
sweep.run_task = measured
main(sys.argv[1:])
"""


def memory(jobs: int) -> None:
    """Prints the resident memory of one process after each of ``jobs`` jobs, in MiB (Linux)."""
    arguments = [*SMALL, "-m", f"seed=range(0,{jobs})", "data.size=16", "steps=20"]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", MEMORY, str(CHECKOUT), *arguments]
        done = subprocess.run(
            command, cwd=folder, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
    found = [int(line.split()[2]) for line in done.stdout.splitlines() if line.startswith("memory ")]
    tenth = max(len(found) // 5, 1)
    print(f"MiB after each of {len(found)} jobs: {found}")
    first, last = median(found[3 : 3 + tenth]), median(found[-tenth:])
    print(f"median of {tenth} jobs after the third: {first}; of the last {tenth}: {last}")


COST = """
import json, sys, time
sys.path.insert(0, sys.argv.pop(1))
clock, costs, inner = time.process_time, {}, []
def measured(owner, name, title):
    function = getattr(owner, name)
    def wrapped(*args, **keywords):
        began = clock()
        inner.append(0.0)
        try:
            return function(*args, **keywords)
        finally:
            used, within = clock() - began, inner.pop()
            costs[title] = costs.get(title, 0.0) + used - within
            if inner:
                inner[-1] += used
    setattr(owner, name, wrapped)
from ganlab.commands.train import main
measured(sys.modules["ganlab.commands.train"], "refuse_mistakes", "configuration")
from ganlab.commands.launch import launch, single_run, training_run
from ganlab.commands.sweep import run as sweep
from ganlab.config.composition import Composition
from ganlab.training.meter import Meter
from ganlab.training.observers import Observers
from ganlab.training.reports import Reports
from ganlab.training.trainer import Trainer
imported = clock()
measured(training_run, "_build", "data and networks")
measured(Observers, "start", "files begun")
titles = {"train_step": "steps", "save": "checkpoints", "_report_values": "numbers", "_loop": "rest of the loop"}
for name, title in titles.items():
    measured(Trainer, name, title)
for name, title in {"inspection": "inspection of the initialization", "samples": "pictures"}.items():
    measured(Reports, name, title)
measured(Meter, "read", "steps")
measured(sweep, "run_task", "configuration, Hydra")
ended = []
run = sweep.run_task
def counted(task):
    costs.clear()
    outcome = run(task)
    ended.append(dict(costs))
    return outcome
sweep.run_task = counted
several = "-m" in sys.argv
code = main(sys.argv[1:])
if not several:
    beside = clock() - imported - sum(costs.values())
    ended = [{"imports": imported, "configuration, Hydra": beside + costs.pop("configuration", 0.0), **costs}]
print("cost", json.dumps(ended))
sys.exit(code)
"""


def cost(jobs: int) -> None:
    """Prints what a run of 200 small steps spends, by what for: as a process of its own, and as a job of a sweep that
    runs one job after another in one process, medians over ``jobs`` after the first."""
    small = [*SMALL, "data.size=16", "steps=200", "runtime.threads=1"]
    columns = {}
    with tempfile.TemporaryDirectory() as folder:
        for title, more in {"alone": ["seed=0"], "in a sweep": ["-m", f"seed=range(0,{jobs + 1})"]}.items():
            command, found = [sys.executable, "-c", COST, str(CHECKOUT), *small, *more], []
            for _ in range(min(jobs, 3) if title == "alone" else 1):
                done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
                (line,) = (line for line in done.stdout.splitlines() if line.startswith("cost "))
                found += json.loads(line[5:])
            jobs_after = found[1:] if title != "alone" else found
            columns[title] = {name: median(one.get(name, 0.0) for one in jobs_after) for name in jobs_after[-1]}
    print("| CPU seconds | " + " | ".join(columns) + " |\n|---|---|---|")
    for name in columns["alone"]:
        print(f"| {name} | " + " | ".join(f"{found.get(name, 0.0):.2f}" for found in columns.values()) + " |")
    shares = [f"{found['steps'] / sum(found.values()):.0%}" for found in columns.values()]
    print("| share of the steps | " + " | ".join(shares) + " |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--memory", type=int, metavar="JOBS")
    parser.add_argument("--cost", type=int, metavar="JOBS")
    arguments = parser.parse_args()
    if arguments.memory or arguments.cost:
        memory(arguments.memory) if arguments.memory else cost(arguments.cost)
    else:
        compare(arguments.rounds, arguments.steps)
