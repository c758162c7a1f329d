"""Every command in the README, the documentation and the option files is one that ganlab takes."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException

from ganlab.commands.diagnose import Diagnose
from ganlab.commands.evaluate import Evaluate
from ganlab.commands.export import Export
from ganlab.commands.report import ReportSettings
from ganlab.commands.sample import Sample
from ganlab.commands.stylize import Stylize
from ganlab.commands.translate import Translate
from ganlab.config.choices import LISTS
from ganlab.config.compose import composer
from ganlab.config.settings import Settings
from ganlab.table import Table
from tests.docs.checks import Checks, names_component, write_files
from tests.docs.found import PAGES, ROOT, Command, all_commands, commands_in, files_in, settings_in
from tests.test_suggestions import OF_HYDRA, accepts, is_example

KINDS = (Settings, Sample, Evaluate, Export, ReportSettings, Diagnose, Stylize, Translate)
TABLES = [one for one in gc.get_objects() if isinstance(one, Table)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with every file that the pages say to write. What its plugins register is removed afterwards: other
    tests compare tables, option files and pages."""
    for table in TABLES:
        monkeypatch.setattr(table, "_components", dict(table._components))
    store = ConfigStore.instance().repo
    options = {group: dict(store.get(group, {})) for group in ("init", "norm", "optimizer")}
    for page in PAGES:
        write_files(tmp_path, list(files_in(page.read_text(encoding="utf-8"))))
    for name in ("mine", "NAME"):
        write_files(
            tmp_path, [(f"configs/experiment/{name}.yaml", (tmp_path / "FOLDER/experiment/NAME.yaml").read_text())]
        )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)
    store.update(options)


def checked(commands: list[Command], composed: bool) -> str:
    with composer() as composing:
        checks = Checks(composing, composed)
        problems = [(one, checks.problem_of(one.text)) for one in commands]
    return "\n".join(f"{one}\n    {problem}" for one, problem in problems if problem is not None)


MISTYPED = {
    f"python train.py {word}"
    for word in (
        "init=orthogonl",
        "normm=batch",
        "optimizer.generator.lrr=1e-4",
        "batch_size=0",
        "loss=wgan_gp norm.discriminator.layer=batch",
    )
}
"""Commands that are wrong on purpose: benchmarks/README.md has the time until each is refused."""


NOT_HERE = re.compile(r"data\.content=|data\.folders=")
"""Commands that need fonts or folders of pictures of the reader's own, as their pages say."""


def is_refused(command: Command) -> bool:
    """Whether a page shows the command with its refusal, or how long that takes."""
    return command.printed[:1] == ("This configuration cannot run:",) or command.text in MISTYPED


def test_every_command_is_read(folder: Path) -> None:
    commands = [one for one in all_commands() if not is_refused(one)]
    assert len(commands) > 150
    words = {word for one in commands for word in one.text.split()}
    assert {"train.py", "ganlab", "scripts/report.py", "inspect-init", "make", "torchrun"} <= words
    assert checked(commands, composed=False) == ""


def test_the_first_pages_commands_are_composed(folder: Path) -> None:
    first = [
        one for one in all_commands() if one.place.startswith(("README.md", "docs/index.md")) and not is_refused(one)
    ]
    assert len(first) > 10
    assert checked(first, composed=True) == ""


@pytest.mark.slow
def test_every_command_is_composed(folder: Path) -> None:
    possible = [one for one in all_commands() if not is_refused(one) and not NOT_HERE.search(one.text)]
    assert checked(possible, composed=True) == ""


def test_refusals_are_those_that_the_pages_show(folder: Path) -> None:
    shown = [
        one
        for page in PAGES
        for one in commands_in(page.name, page.read_text(encoding="utf-8"))
        if is_refused(one) and one.text not in MISTYPED
    ]
    assert len(shown) >= 2
    for one in shown:
        said = checked([one], composed=True).partition("\n")[2]
        assert [line.strip() for line in one.printed] == [line.strip() for line in said.splitlines()], str(one)


@pytest.mark.parametrize(
    "command",
    [
        "python train.py init=nothing", "python train.py optimizer.generator.lrate=1", "python train.py steps=many",
        "python train.py init=he,normal", "python train.py --fast", "python scripts/nothing.py", "ganlab trian",
        "ganlab sample run=RUN mode=nothing", "ganlab report swep=latest", "make nothing", "pip install '.[nothing]'",
        "python benchmarks/train_step.py --nothing", "pytest tests/nothing.py", "torchrun train.py norm=nothing",
    ],
)  # fmt: skip
def test_the_test_finds_what_is_wrong(command: str, folder: Path) -> None:
    assert checked([Command("here", command)], composed=False) != ""


def test_every_setting_in_a_sentence_is_one(folder: Path) -> None:
    with composer() as composing:
        options = {group: list(names) for group, names in composing.options.items()}
    found = {
        (page.name, one)
        for page in PAGES
        if page.name != "CHANGELOG.md"
        for one in settings_in(page.read_text(encoding="utf-8"))
    }
    assert len(found) > 200
    assert (
        sorted(
            f"{page}: {one}" for page, one in found if one not in NOT_WHOLE and not is_setting(one.strip("'"), options)
        )
        == []
    )


def is_setting(text: str, options: dict[str, list[str]]) -> bool:
    """Whether a ``KEY=VALUE`` is one of a command, or chooses an option; examples of values stand for others."""
    key, _, value = text.partition("=")
    value = re.sub(r"^(\d+)(,\d+)+$", r"\1", value)  # of a sweep
    key = re.sub(r"<network>|\*", "generator", key)
    if key in options:
        names = re.findall(r"[a-z]\w*", value)
        return is_example(value) or (
            set(names) <= {*options[key], *MINE} and (key in LISTS or "," in value or len(names) == 1)
        )
    if key.startswith("hydra"):
        return key in OF_HYDRA
    try:
        return names_component(key) or any(accepts(kind, key, value) for kind in KINDS)
    except HydraException:  # its grammar does not read the value
        return False


NOT_WHOLE = (
    "largest_width=512", "interval=16", "tricks=[x]", "features.name=file", "baseline=[init=normal,norm=batch]",
    "regularizer.r1.weight.end=0.01", "half=thresholds", "try=true", "also=[evaluation=scores]",
)  # fmt: skip
"""Settings whose sentence names the rest of their key, those of which a part stands for the reader's own, and columns of a
table, keys that Python has a word for, and lists of settings."""
MINE = ("mine", "tiny", "null")
"""Names that stand for an option of the reader."""


@pytest.mark.slow
def test_the_cheap_commands_run(folder: Path) -> None:
    """Those of the first pages that need no data of the reader's, at two steps."""
    first = [one.text for one in all_commands() if one.place.startswith(("README.md", "docs/index.md", "docs/idea.md"))]
    train = [one.split(None, 2)[2] for one in first if one.startswith(("python train.py ", "ganlab train "))]
    alone = [one for one in train if not re.search(r"data.root|study=|-m |resume|…|spectrl", one)]
    assert len(alone) >= 4
    small = ["steps=2", "logging.every=1", "data.limit=128", "batch_size=8", "hydra.run.dir=RUN", "evaluation=none"]
    for typed in alone:
        words = re.findall(r"'[^']*'|\S+", typed.partition("  #")[0])
        only = [word for word in small if not (word.startswith("data.limit") and re.search(r"grid|ring", typed))]
        run(folder, "train.py", *(word.strip("'") for word in words), *only)
        run(folder, "scripts/sample.py", "run=RUN", "n=4", "out=samples.png") if "outlines" not in typed else None
        (folder / "samples.png").unlink(missing_ok=True)
        for path in sorted((folder / "RUN").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()


def run(folder: Path, script: str, *words: str) -> None:
    done = subprocess.run([sys.executable, str(ROOT / script), *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{script} {' '.join(words)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
