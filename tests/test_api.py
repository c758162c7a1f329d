"""`ganlab.train`: what the command line does, in a process that it leaves as it was."""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

import ganlab
from ganlab import api, tree_file
from ganlab.commands.launch import in_process, training_run
from ganlab.commands.terminal import program
from ganlab.commands.train import main
from ganlab.config import CannotCombine, configure, differences
from ganlab.config.compose import composer, config_folder
from ganlab.monitor import Files
from ganlab.run import SavedSettings
from ganlab.run_folder import RunFolder
from tests.conftest import TINY_OVERRIDES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One current folder for the tests of this file, with what they train in it."""
    return tmp_path_factory.mktemp("api")


@pytest.fixture(autouse=True)
def _in_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


@pytest.fixture(scope="module")
def run(folder: Path) -> ganlab.Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return ganlab.train(
            *TINY_OVERRIDES, "init=orthogonal", {"optimizer": {"generator": {"lr": 0.01}}}, tricks=["ema"], seed=5
        )


def weights(folder: Path) -> dict[str, torch.Tensor]:
    tree = tree_file.read(folder / "checkpoints" / "final.safetensors")
    return {
        f"{name}.{key}": value
        for name in ("generator", "discriminator")
        for key, value in tree[name]["network"].items()
    }


def test_the_same_settings_give_the_weights_of_the_command_line(run: ganlab.Run, folder: Path) -> None:
    typed = [*TINY_OVERRIDES, "init=orthogonal", "optimizer.generator.lr=0.01", "tricks=[ema]", "seed=5"]
    assert main([*typed, "hydra.run.dir=typed"]) == 0
    ours, theirs = weights(run.folder), weights(folder / "typed")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert ganlab.open("typed").settings == run.settings
    assert (
        run.command
        == ganlab.open("typed").command
        == f"ganlab train {' '.join(typed)}".replace("[ema]", "[ema]'").replace("tricks", "'tricks")
    )
    names = [{path.name.split(".tfevents")[0] for path in one.iterdir()} for one in (run.folder, folder / "typed")]
    assert names[0] == names[1]
    logs = [(one / "train.log").read_text().splitlines() for one in (run.folder, folder / "typed")]
    assert len(logs[0]) == len(logs[1])


def test_a_run_can_go_on_and_be_branched_and_be_trained_again(run: ganlab.Run) -> None:
    first = ganlab.train(run.settings, steps=1)
    assert first.settings == {**run.settings, "steps": 1}
    assert len(first.command) < 400, "it lists what differs from the default settings"
    more = ganlab.train(resume=first, steps=2)
    assert more == first
    ours, theirs = weights(first.folder), weights(run.folder)
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    branch = ganlab.train(branch=run, optimizer={"discriminator": {"lr": 1e-5}}, steps=3)
    assert (branch.status, branch.settings["optimizer"]["discriminator"]["lr"]) == ("finished", 1e-5)
    assert RunFolder(branch.folder).provenance()[0]["branch"]["step"] == 2
    with pytest.raises(ganlab.Refused, match="has done 2 steps; type steps=4"):
        ganlab.train(resume=run)
    typed = [one for one in first.command.split() if "=" in one and not one.startswith("steps")]
    assert ganlab.train(*typed, "steps=2", resume="auto", **{"hydra.run.dir": first}) == first, "it is done already"


@pytest.mark.parametrize(
    ("typed", "changes", "left", "gone"),
    [
        (["evaluation=scores", "evaluation.every=7"], {"evaluation": "none"}, [], ["evaluation.every"]),
        (["data=ring", "data.std=0.03", "generator=mlp", "discriminator=mlp"], {"data": "digits"}, ["generator"], ["data.std"]),
        (["optimizer.generator.betas=[0.1,0.9]"], {"optimizer": {"generator": "sgd"}}, [], ["optimizer.generator.betas"]),
        (["optimizer.generator.lr=0.1"], {"optimizer": {"generator": "adam"}}, ["optimizer.generator.lr"], []),
        (["init.generator=orthogonal", "init.generator.gain=2"], {"init": "he"}, [], ["init.generator"]),
        (["loss=relativistic", "loss.form=average"], {"loss": "hinge"}, [], ["loss.form"]),
        (["regularizer=[r1,r2]", "regularizer.r1.weight=5", "regularizer.r2.weight=5"], {"regularizer": ["r1"]},
         ["regularizer.r1.weight"], ["regularizer.r2.weight"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("source", ["run", "text"])
def test_an_option_that_replaces_another_replaces_its_settings(
    typed: list[str], changes: dict[str, Any], left: list[str], gone: list[str], source: str
) -> None:
    with composer() as composing:
        saved = SavedSettings(configure(composing.plain(composing.rewrite(composing.read(typed)))).plain())
    earlier = [saved] if source == "run" else typed
    if source == "text" and not any(one.partition("=")[0] in changes for one in typed):
        gone = []  # as on the command line, where a setting may be typed before its option
    words = api._overrides(earlier, changes)
    keys = {word.partition("=")[0] for word in words}
    assert set(left) <= keys
    assert not keys & set(gone)
    if source == "run":
        with composer() as composing:
            configure(composing.plain(composing.rewrite(composing.read(words))))


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        (["loss=wgann"], {"loss": "wgann"}),
        (["bach_size=3", "steps=-1"], {"bach_size": 3, "steps": -1}),
        (["loss=wgan_gp", "norm.discriminator.layer=batch"], {"loss": "wgan_gp", "norm": {"discriminator": {"layer": "batch"}}}),
        (["data=image_folder", "data.root=/no where"], {"data": {"name": "image_folder", "root": Path("/no where")}}),
        (["resume=/nowhere"], {"resume": "/nowhere"}),
        (["jobs=2"], {"jobs": 2}),
        (["batch_size=100000"], {"batch_size": 100000}),
        (["steps"], {}),
    ],
)  # fmt: skip
def test_mistakes_get_the_sentences_of_the_command_line(
    typed: list[str], given: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(folder.rglob("config.yaml"))
    assert main(typed) == 2
    said = capsys.readouterr().err.strip()
    with pytest.raises(ganlab.Refused) as refused:
        ganlab.train(*typed)
    assert str(refused.value) == said
    if given:
        with pytest.raises(ganlab.Refused) as refused:
            ganlab.train(**given)
        assert str(refused.value) == said
    assert sorted(folder.rglob("config.yaml")) == before


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (["init=normal,he", "seed=1"], "init=normal,he: several values are a sweep, .*call ganlab.sweep with the same, or type ganlab train -m init=normal,he seed=1"),
        (["study=init_by_norm"], "study=init_by_norm: several values are a sweep, .* type ganlab train study=init_by_norm"),
        (["-m", "seed=0,1"], "-m: flags are for the command line; leave it out"),
        (["--config-dir=mine"], "give config_dir=FOLDER"),
        (["hydra.verbose=true"], "hydra.verbose=true: Hydra's own settings"),
        ([7], "found int, need settings as text"),
        ([{"steps": object()}], "steps: found object, need a number"),
    ],
)  # fmt: skip
def test_what_belongs_to_the_command_line_is_refused(typed: list[Any], found: str) -> None:
    with pytest.raises(ganlab.Refused, match=found):
        ganlab.train(*typed)


def test_of_several_ranks_none_trains_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ganlab.Refused, match=r"WORLD_SIZE=2: ganlab\.train trains in one process; type torchrun"):
        ganlab.train()


def test_settings_from_a_file_import_nothing_that_was_not_given(run: ganlab.Run) -> None:
    saved = run.settings
    saved["plugins"] = ["of_somebody"]
    with pytest.raises(ganlab.Refused, match=r"saved config.yaml: plugins=\[of_somebody\] names modules"):
        ganlab.train(saved, steps=1)
    assert "of_somebody" not in sys.modules
    saved["plugins"], saved["evaluation"] = [], {"name": "scores", "features": {"name": "file", "path": "theirs.pt"}}
    with pytest.raises(ganlab.Refused, match="names a program, which would be run"):
        ganlab.train(saved)


def test_the_process_is_left_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Hydra, the arguments, the log and PyTorch's settings of a script or a notebook that calls it."""
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text("# @package _global_\nloss:\n  name: hinge\n")
    log = logging.getLogger("ganlab")
    argv, threads, handlers, level = list(sys.argv), torch.get_num_threads(), list(log.handlers), log.level
    torch.set_num_threads(threads + 1)
    try:
        with initialize_config_dir(str(config_folder()), version_base="1.2"):
            mine = GlobalHydra.instance().hydra
            more = {"runtime": {"threads": threads}, "logging": {"progress": False}, "steps": 1}
            own = ganlab.train(*TINY_OVERRIDES, more, config_dir=tmp_path, experiment="mine")
            assert GlobalHydra.instance().hydra is mine
            assert compose("train", ["loss=hinge"]).loss.name == "hinge"
            with pytest.raises(ganlab.Refused):
                ganlab.train("loss=none_such")
            assert GlobalHydra.instance().hydra is mine
        assert torch.get_num_threads() == threads + 1
    finally:
        torch.set_num_threads(threads)
    assert own.settings["loss"]["name"] == "hinge"
    assert own.command.startswith(f"ganlab train --config-dir {tmp_path} batch_size=8")
    assert not GlobalHydra.instance().is_initialized()
    assert (sys.argv, log.handlers, log.level, log.propagate) == (argv, handlers, level, True)
    assert capsys.readouterr().out == "", "the handlers of the caller show the messages"


def test_messages_go_where_the_caller_has_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger("ganlab")
    kept, root = logging.getLogger().handlers[:], logging.getLogger()
    try:
        root.handlers[:] = []
        with in_process._logged_to(tmp_path / "a.log"):
            log.info("shown")
        log.setLevel(logging.WARNING)
        with in_process._logged_to(tmp_path / "b.log"):
            log.info("only in the file")
            log.warning("a note")
        assert capsys.readouterr().out == "shown\na note\n"
        assert (tmp_path / "b.log").read_text() == "only in the file\na note\n"
    finally:
        log.setLevel(logging.NOTSET)
        root.handlers[:] = kept


def test_ctrl_c_stops_after_the_step_and_saves(run: ganlab.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(Files, "stepped", lambda self, step: step == 1 and signal.raise_signal(signal.SIGINT))
    stopped = ganlab.train(run.settings)
    assert (stopped.status, stopped.reason) == ("stopped", "stopped after step 1")
    assert signal.getsignal(signal.SIGINT) is before
    assert [path.name for path in (stopped.folder / "checkpoints").iterdir()] == ["step-0000001.safetensors"]


def test_ctrl_c_before_the_first_step_is_no_run(run: ganlab.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_run, "announce", lambda *_: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt, match=r"^stopped before its first checkpoint$") as stopped:
        ganlab.train(run.settings, "hydra.run.dir=unbegun")
    assert stopped.value._render_traceback_() == ["KeyboardInterrupt: stopped before its first checkpoint"]  # type: ignore[attr-defined]
    assert ganlab.open("unbegun").status == "stopped"


def test_ctrl_c_before_there_is_a_folder(run: ganlab.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(in_process, "checked", interrupted)  # no signal: a shell's background jobs ignore it
    with pytest.raises(KeyboardInterrupt, match=r"^stopped before the run began$"):
        ganlab.train(run.settings)


def test_a_notebook_reads_calls_and_not_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    assert program.resuming("outputs/a b").startswith("ganlab train ")
    monkeypatch.setattr(program, "in_notebook", lambda: True)
    assert program.resuming("outputs/a b") == "ganlab.train(resume='outputs/a b')"


def test_what_fails_while_it_trains_is_raised(run: ganlab.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise ValueError("no room")

    monkeypatch.setattr(training_run, "announce", fails)
    with pytest.raises(ganlab.TrainingFailed, match="ValueError: no room"):
        ganlab.train(run.settings)


def test_the_default_settings_are_those_of_the_command(run: ganlab.Run) -> None:
    assert run.changed == {
        "steps": 2, "batch_size": 8, "seed": 5, "data.size": 16, "data.limit": 64, "generator.width": 4,
        "discriminator.width": 4, "latent.dim": 6, "init.generator": "orthogonal", "init.discriminator": "orthogonal",
        "optimizer.generator.lr": 0.01, "averaging": "ema", "logging.samples": 4, "logging.inspection": False,
    }  # fmt: skip
    assert differences.differences(differences.default_settings()) == {}


@pytest.mark.slow
def test_a_sweep_runs_beside_this_process_and_can_be_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    handlers, argv = logging.getLogger().handlers[:], list(sys.argv)
    words = [word for word in TINY_OVERRIDES if word != "steps=2"]
    found = ganlab.sweep(
        *words, "seed=0,1", "loss=bce,wgan_gp", {"norm": {"discriminator": {"layer": "batch"}}}, steps=1
    )
    assert [run.status for run in found] == ["finished", "refused"] * 2
    assert (logging.getLogger().handlers, sys.argv) == (handlers, argv)
    assert len(ganlab.report(found.folder).data.runs) == 4
    more = ganlab.sweep("seed=2", resume=found.folder)
    assert len(more) == 6


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (["init=normal,hee"], "init=hee: no such option; did you mean init=he"),
        (["study=none_such"], "study=none_such: no such option"),
        (["seed=0,1", "hydra/sweeper=none_such"], "none_such"),
        (["-m"], "-m: flags are for the command line"),
        (["resume=latest", "seed=0,1"], "resume=latest: resume=… goes on with one run; call ganlab.train"),
    ],
)
def test_mistakes_in_a_sweep_are_refused(typed: list[str], found: str, folder: Path) -> None:
    with pytest.raises(ganlab.Refused, match=found):
        ganlab.sweep(*typed)
    assert not (folder / "outputs" / "multirun").exists()


@pytest.mark.parametrize(
    ("given", "sentences"),
    [
        ({"data": "/my photos"}, ["data=/my photos: no such option; it is a place of images; type data=image_folder 'data.root=/my photos'"]),
        ({"data": "/my.zip"}, ["data=/my.zip: no such option; it is a place of images; type data=zip data.root=/my.zip"]),
        ({"tricks": "ema,diff_augment"}, ["tricks=ema,diff_augment: no such option; did you mean tricks=[ema,diff_augment]?"]),
        ({"experiment": "few_imges", "data": {"root": "x"}, "steps": "abc"},
         ["experiment=few_imges: no such option; did you mean experiment=few_images?", "steps: found 'abc', need a whole number"]),
    ],
)  # fmt: skip
def test_refusals_name_what_was_meant(given: dict[str, Any], sentences: list[str]) -> None:
    with pytest.raises(ganlab.Refused) as refused:
        ganlab.train(**given)
    assert list(refused.value.problems) == sentences


def test_a_notebook_names_the_exception_that_is_documented() -> None:
    with pytest.raises(CannotCombine) as refused:
        ganlab.train(data="image_folder", condition="projection", **{"data.root": "/nowhere"})
    assert refused.value._render_traceback_()[0].startswith("Refused: This configuration cannot run:")


def test_the_mistakes_in_the_docs_have_these_sentences() -> None:
    page = (Path(__file__).resolve().parent.parent / "docs" / "python.md").read_text(encoding="utf-8")
    typed, said = page.split("    >>> ")[1].split("\n\n")[0].split("\n", 1)
    assert typed == 'ganlab.train(norm="spectrl", steps="abc")'
    with pytest.raises(ganlab.Refused) as refused:
        ganlab.train(norm="spectrl", steps="abc")
    assert "\n".join(refused.value._render_traceback_()) == "\n".join(line[4:] for line in said.splitlines())
