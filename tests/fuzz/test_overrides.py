"""Whatever is typed after ``train``: a plan, or exit code 2 with a sentence; never a traceback, and no folder before."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganlab.commands import train
from ganlab.commands.launch import launch, single_run
from ganlab.commands.sweep import prepare
from ganlab.config.compose import config_folder
from ganlab.config.schema import keys
from ganlab.config.settings import Settings
from tests.conftest import TINY_OVERRIDES
from tests.fuzz import LEAVES, TEXTS, long, quick

# Of the data, only what comes with the package: others would be downloaded.
OPTIONS = {
    group.name: sorted(file.stem for file in group.glob("*.yaml"))
    for group in config_folder().iterdir()
    if group.is_dir() and group.name not in ("data", "experiment")
} | {"data": ["digits", "ring", "grid"], "experiment": ["dcgan_digits", "ring", "grid"]}
KEYS = sorted({key for key in keys(Settings) if not key.startswith(("runtime.cache", "data.root", "data.download"))})
HOSTILE = [
    "[", "]", "{", "}", "(", ")", "[[[", "{a:{b:", "[1,2", "'", '"', "'a", "\\", "${", "${a", "${steps}", "${oc.env:HOME}",
    "${oc.env:NOT_THERE}", "${oc.decode:1}", "${.}", "${..seed}", "${seed:1}", "${now:%Y}", "${hydra:job.name}", "???",
    "1,2", "a,b", "range(0,3)", "range(3)", "choice(1,2)", "interval(0,1)", "glob(*)", "glob(a*,exclude=b)", "sort(2,1)",
    "shuffle(1,2)", "tag(a,1)", "extend_list(1)", "str(1)", "int(a)", "json_str(1)", "range(0,0)", "range(0,1,0)",
    "cast(x)", "float([1])", "bool(maybe)", "null", "~", "@", "a@b", "a:b", "=", "==", " ", "\t", "\n", "%", "#", "$",
    "&a", "*a", "!!python/name:os.system", "_target_", "{_target_: os.system}", "{name: bce, name: hinge}", "[ema,ema]",
    "[ema,[ttur]]", "[null]", "[{}]", "[1]", "{}", "[]", "()", "nan", "inf", "-inf", "1e999", "1_000", "0x10", "０",
    "9" * 5000, "a" * 20_000, "[" * 300, "(" * 300, "{a:" * 150, "ß", "\U0001f600", "\u202e", "\x00", "\x1b[2J", "𝟙",
    "\udcff", "a\udc80b", '"\udcff"', "['\udcff']", "{a: '\udcff'}",
]  # fmt: skip


def options(group: str) -> st.SearchStrategy[str]:
    one = st.sampled_from(OPTIONS[group])
    several = st.lists(one, max_size=3).map(lambda names: f"[{','.join(names)}]")
    sweep = st.lists(one, min_size=2, max_size=3).map(",".join)
    return one | several | sweep | st.sampled_from(HOSTILE) | TEXTS


values = st.sampled_from(HOSTILE) | TEXTS | st.builds(str, LEAVES)
prefixes = st.sampled_from(["", "", "", "", "+", "++", "~", "+++", "~~", "-"])
choices = st.sampled_from(sorted(OPTIONS)).flatmap(
    lambda group: st.builds(lambda prefix, value: f"{prefix}{group}={value}", prefixes, options(group))
)
settings = st.builds(
    lambda prefix, key, equals, value: f"{prefix}{key}{equals}{value}",
    prefixes,
    st.sampled_from(KEYS) | st.sampled_from(sorted(OPTIONS)) | TEXTS | st.sampled_from([
        "hydra.job.name", "hydra.sweep.subdir", "hydra.verbose", "hydra/launcher", "hydra/sweeper", "hydra.searchpath",
        "norm@x", "a@b:c", "a.b.c", "a/b", "_self_", "defaults", "hydra", "resume", "loss.name", "norm.generator",
    ]),
    st.sampled_from(["=", "=", "=", "=", "", "=="]),
    values,
)  # fmt: skip
# Half a character cannot be typed, but for those that Python makes of bytes which are no letters.
arguments = st.lists(
    (choices | settings | values).filter(lambda word: not re.search("[\ud800-\udc7f\udd00-\udfff]", word)),
    min_size=1, max_size=4,
)  # fmt: skip
flags = st.sampled_from([[], [], ["-m"], ["--cfg", "job"], ["--cfg", "job", "--resolve"]])


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], int]:
    """The check of ``train``, up to the place where Hydra would run the job."""
    monkeypatch.chdir(tmp_path)

    class Planned(Exception):
        pass

    def planned(*arguments: object) -> int:
        raise Planned

    monkeypatch.setattr(single_run, "hand_to_hydra", planned)
    monkeypatch.setattr(single_run, "run_with_hydra", planned)
    monkeypatch.setattr(launch, "hand_to_hydra", planned)
    monkeypatch.setattr(launch, "run_sweep", planned)
    monkeypatch.setattr(prepare, "MOST_CHECKED", 4)

    def run(given: list[str]) -> int:
        try:
            code = train.main([*TINY_OVERRIDES, *given])
        except Planned:
            code = 0
        made = Path("outputs").exists()
        shutil.rmtree("outputs", ignore_errors=True)
        assert not (code == 2 and made), "a folder was made for what was refused"
        return code

    return run


def check(
    typed: list[str], flag: list[str], plan: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]
) -> None:
    if any(word.startswith("-") for word in typed):  # a flag, which argparse answers, with code 2 as well
        typed = [word for word in typed if not word.startswith("-")]
    code = plan([*flag, *typed])
    said = capsys.readouterr()
    assert code in (0, 2), (code, typed)
    assert "Traceback" not in said.err + said.out, typed
    assert bool(said.err) or code == 0, typed


@quick(10)
@given(typed=arguments, flag=flags)
def test_what_is_typed_is_a_plan_or_refused(
    typed: list[str], flag: list[str], plan: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]
) -> None:
    check(typed, flag, plan, capsys)


@pytest.mark.slow
@long(3000)
@given(typed=arguments, flag=flags)
def test_much_that_is_typed_is_a_plan_or_refused(
    typed: list[str], flag: list[str], plan: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]
) -> None:
    check(typed, flag, plan, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("value", HOSTILE)
def test_each_of_these_is_a_plan_or_refused(
    value: str, plan: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]
) -> None:
    for key in ("seed", "loss", "init.generator", "tricks"):
        check([f"{key}={value}"], ["--cfg", "job"], plan, capsys)
    check([value], [], plan, capsys)
