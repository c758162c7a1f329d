"""`ganlab doctor`: what is installed, what this machine computes with, and what is missing."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import metadata
from pathlib import Path

import ganlab
from ganlab.commands.terminal.output import say, write_out_odd_letters
from ganlab.errors import in_one_line

DISTRIBUTION = "ganlab-train"
USAGE = """versions, devices, threads, the cache, the extras, and what is missing

  {program}                  exits with 0, or with 1 if something that ganlab requires is missing or too old
"""
EXTRAS = {
    "huggingface": "data=huggingface: data sets of the Hugging Face hub",
    "lsun": "data=lsun: LSUN's databases",
    "inception": "evaluation.features=inception: FID as published",
    "onnx": "ganlab export format=onnx: the generator for other programs",
    "video": "MP4 files from ganlab sample",
    "fonts": "data=glyph_pairs: dozens of free font families; ganlab stylize out=mine.ttf",
    "mlflow": "logging.observers.mlflow: runs in MLflow",
    "wandb": "logging.observers.wandb: runs in Weights & Biases",
    "optuna": "hydra/sweeper=optuna: a search by score",
    "joblib": "hydra/launcher=joblib: the jobs of a sweep in Hydra's process pool",
    "slurm": "hydra/launcher=submitit_slurm: the jobs of a sweep on a Slurm cluster",
    "ray": "hydra/launcher=ray: the jobs of a sweep on a Ray cluster",
}
"""The gain of each extra, which is what `pip install 'ganlab-train[NAME]'` adds."""


def main(arguments: Sequence[str] | None = None, program: str = "ganlab doctor") -> int:
    """Runs the command and returns its exit code: 0 all required packages are there, 1 not all, 2 refused."""
    write_out_odd_letters()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if {"-h", "--help"} & set(words):
        print(f"{program}: {USAGE.format(program=program)}", end="")
        return 0
    if words:
        print(f"{words[0]}: {program} has no settings; leave it out", file=sys.stderr)
        return 2
    problems: list[str] = []
    lines: list[str] = []
    for title, section in (
        ("versions", versions),
        ("machine", machine),
        ("devices", devices),
        ("cache", cache),
        (f"extras: pip install '{DISTRIBUTION}[NAME]'", extras),
    ):
        lines += [title, *(f"  {line}" for line in _found(section, problems))]
    problems += _found(missing, problems)
    lines += [f"problem: {problem}" for problem in problems]
    say("\n".join([*lines, f"problems: {len(problems)}" if problems else "nothing that ganlab needs is missing"]))
    return 1 if problems else 0


def _found(section: Callable[[], Iterable[str]], problems: list[str]) -> list[str]:
    """Returns the lines of a section. If it fails, because a package is missing or broken, the reason is a problem."""
    try:
        return list(section())
    except Exception as error:  # whatever a broken installation raises
        problems.append(f"{section.__name__}: {type(error).__name__}: {in_one_line(error)}")
        return []


def versions() -> Iterator[str]:
    """Yields the versions of ganlab, Python and the packages that ganlab requires."""
    yield f"{'ganlab':14}{ganlab.__version__}  in {Path(ganlab.__file__).parent}"
    yield f"{'python':14}{platform.python_version()}  {sys.executable}"
    for name, _, _ in requirements():
        yield f"{name:14}{installed(name) or 'missing'}"


def machine() -> Iterator[str]:
    """Yields the system, the processor and the threads of this process."""
    from ganlab.commands.launch.provenance import processor

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    named = os.environ.get("OMP_NUM_THREADS")
    yield f"{platform.platform()}, {processor()}"
    yield f"{os.cpu_count()} cores, of which this process may use {usable}"
    yield f"OMP_NUM_THREADS={named}" if named else "OMP_NUM_THREADS is not set"


def devices() -> Iterator[str]:
    """Yields the devices that PyTorch finds, and what ``auto`` selects."""
    import torch

    from ganlab.training.device import computes_bf16, find_device

    yield f"cpu: threads: {torch.get_num_threads()}, bf16 arithmetic: {_yes(computes_bf16(torch.device('cpu')))}"
    built = torch.version.cuda or getattr(torch.version, "hip", None)
    if not torch.cuda.is_available():
        yield f"cuda: none found ({f'PyTorch is built for {built}' if built else 'this PyTorch is built without it'})"
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        facts = torch.cuda.get_device_properties(index)
        bf16 = _yes(computes_bf16(torch.device("cuda", index)))
        yield f"cuda:{index}: {facts.name}, {facts.total_memory / 2**30:.0f} GiB, bf16 arithmetic: {bf16}"
    if torch.backends.mps.is_available():
        yield "mps: Apple GPU"
    chosen = find_device("auto")
    yield f"runtime.device=auto is {chosen}, runtime.precision=auto is {'bf16' if computes_bf16(chosen) else 'fp32'}"


def cache() -> Iterator[str]:
    """Yields the folder of decoded images and its size."""
    from ganlab import image_cache as images

    folder = images.folder_of()
    entries = images.entries(folder)
    size = images.readable(sum(entry.bytes for entry in entries))
    yield f"{folder}: {len(entries)} sets of images, {size} (ganlab data lists them, ganlab data clear removes them)"


def extras() -> Iterator[str]:
    """Yields each extra, the packages of it that are missing, and what it brings."""
    needed = requirements(extras=True)
    for extra, gain in EXTRAS.items():
        lacking = [name for name, _, of in needed if of == extra and not installed(name)]
        named = ", ".join(lacking) if len(lacking) < 6 else f"{len(lacking)} packages"
        state = f"missing: {named}" if lacking else "installed"
        yield f"{extra:14}{gain}  ({state})"


def missing() -> list[str]:
    """Returns a sentence for each required package that is missing or has a version outside of its range."""
    found = []
    for name, wanted, _ in requirements():
        version = installed(name)
        if version is None:
            found.append(f"{name} is not installed; type pip install '{name}{wanted}'")
        elif not _fits(version, wanted):
            found.append(f"{name} is {version}, and ganlab needs {wanted}; type pip install '{name}{wanted}'")
    return found


def requirements(extras: bool = False) -> list[tuple[str, str, str]]:
    """Returns the name, the range and the extra (``""`` if it is required always) of each package that ganlab names:
    those that it requires, or those of its extras."""
    from packaging.requirements import Requirement

    found = []
    for text in _named():
        one = Requirement(text)
        of = next((extra for extra in EXTRAS if one.marker and one.marker.evaluate({"extra": extra})), "")
        if bool(of) == extras and (one.marker is None or of):
            found.append((one.name, str(one.specifier), of))
    return found


def _named() -> list[str]:
    """Returns the requirements of the installed package, or those of the checkout if ganlab runs from one."""
    import tomllib

    file = Path(ganlab.__file__).resolve().parent.parent / "pyproject.toml"
    project = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {}) if file.is_file() else {}
    if project.get("name") != DISTRIBUTION:
        return metadata.requires(DISTRIBUTION) or []
    of_extras = project["optional-dependencies"].items()
    return [*project["dependencies"], *(f"{one}; extra == '{extra}'" for extra, every in of_extras for one in every)]


def installed(package: str) -> str | None:
    """Returns the version of an installed package, without importing it; None if it is missing."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _fits(version: str, wanted: str) -> bool:
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(wanted).contains(version, prereleases=True)


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"
