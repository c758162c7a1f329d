"""What a run is in Python, from its folder alone."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

import ganlab
from ganlab.run_folder import RunFolder

BEFORE = Path(__file__).resolve().parents[1] / "fixtures" / "run_before"


@pytest.fixture
def before(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BEFORE, tmp_path / "run"))


def rows(table: object) -> list[dict[str, object]]:
    return table if isinstance(table, list) else table.to_dict("records")  # type: ignore[attr-defined]


def test_a_run_of_an_earlier_version_can_be_opened(before: Path) -> None:
    run = ganlab.open(str(before))
    assert (run.folder, run.name, run.status) == (before, "run", "killed")
    assert run.settings["loss"] == {"name": "hinge"}
    assert [row["step"] for row in rows(run.metrics)] == [1, 2, 3]
    assert rows(run.metrics)[0]["discriminator/loss"] == 22.533220926920574
    assert rows(run.scores) == []
    assert [path.name for path in run.samples] == [
        "step-0000000-generator.png", "step-0000000-average.png", "step-0000002-generator.png", "step-0000002-average.png",
    ]  # fmt: skip
    assert run.progress == "3 of 4 steps"
    assert "killed, 3 of 4 steps" in repr(run)


def test_the_generator_is_that_of_the_newest_checkpoint(trained_run: Callable[..., Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(trained_run(), tmp_path / "run"))
    run = ganlab.open(folder)
    assert run.generator is run.generator
    assert torch.equal(run.generator.sample(3), ganlab.load(run).sample(3))
    first = run.generator
    (newest,) = [path for path in (folder / "checkpoints").iterdir() if path.name == "final.safetensors"]
    newest.rename(newest.with_name("step-0000002.safetensors"))
    assert run.generator is not first


def test_rows_of_scores_and_lines_that_a_kill_cut_short(before: Path) -> None:
    row = {"step": 2, "scores": {"fid": 7.5, "kid": 0.25}, "id": "digits-1", "fingerprint": {"weights": "average"}}
    (before / "scores.jsonl").write_text(json.dumps(row) + '\n[1]\n{"step": 3, "sco')
    run = ganlab.open(before)
    assert rows(run.scores) == [{"step": 2, "fid": 7.5, "kid": 0.25, "id": "digits-1", "weights": "average"}]
    assert run.progress == "3 of 4 steps, fid 7.5, kid 0.25 (digits)"
    figure = run.plot()
    assert [panel.get_title() for panel in figure.axes] == [
        "losses",
        "D's outputs (logits)",
        "fid, digits (lower is better)",
    ]
    assert [line.get_label() for panel in figure.axes for line in panel.get_lines()] == [
        "D", "G", "real", "generated", "digits-1",
    ]  # fmt: skip
    assert list(figure.axes[0].get_lines()[0].get_xdata()) == [1, 2, 3]
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_the_score_that_chooses_the_checkpoint_is_the_first(before: Path) -> None:
    folder = RunFolder(before)
    folder.save_config({**folder.load_config(), "evaluation": {"name": "scores", "best": "kid"}})
    row = {"step": 2, "scores": {"fid": 7.5, "kid": 0.25, "recall": 0}, "id": "pixels-1a2b"}
    (before / "scores.jsonl").write_text(json.dumps(row) + "\n")
    run = ganlab.open(before)
    assert run.progress == "3 of 4 steps, kid 0.25, fid 7.5, recall 0 (pixels)"
    assert run.plot().axes[2].get_title() == "kid, pixels (lower is better)"


def test_a_curve_of_one_point_is_seen(before: Path) -> None:
    lines = (before / "metrics.jsonl").read_text().splitlines()
    (before / "metrics.jsonl").write_text(lines[0] + "\n")
    assert [line.get_marker() for line in ganlab.open(before).plot().axes[0].get_lines()] == ["o", "o"]
    (before / "metrics.jsonl").write_text("\n".join(lines))
    assert ganlab.open(before).plot().axes[0].get_lines()[0].get_marker() == "None"


def test_without_pandas_tables_are_lists(before: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert isinstance(ganlab.open(before).metrics, list)


def test_the_command_is_that_of_the_provenance(before: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(before)
    folder = RunFolder(before)
    started = {
        "command": "python train.py --config-dir=own loss=hinge steps=2",
        "overrides": ["loss=hinge", "steps=2", "hydra.run.dir=x"],
    }
    went_on = {"command": "python train.py resume=x steps=4", "overrides": ["resume=x", "steps=4"]}
    folder.save_provenance([started, went_on])
    assert ganlab.open(before).command == "ganlab train --config-dir own loss=hinge steps=4"


def test_the_command_follows_the_folder_that_it_is_typed_in(before: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    RunFolder(before).save_provenance([{"command": "", "overrides": ["tricks=[ema,ttur]"]}])
    (before / "train.py").touch()
    monkeypatch.chdir(before)
    assert ganlab.open(".").command == "python train.py 'tricks=[ema,ttur]'"


def test_a_notebook_shows_samples_curves_settings_and_status(before: Path) -> None:
    folder = RunFolder(before)
    settings = folder.load_config()
    settings["data"] = {"name": "image_folder", "root": "<script>alert(1)</script>"}
    folder.save_config(settings)
    folder.save_status("failed", "no <b>room</b>")
    shown = ganlab.open(before)._repr_html_()
    assert shown.count("data:image/png;base64,") == 2
    assert "failed" in shown
    assert "<code>loss=hinge</code>" in shown
    assert "<script>" not in shown and "<b>room" not in shown  # noqa: PT018
    assert "&lt;script&gt;" in shown


def test_a_run_without_anything_shows_itself(tmp_path: Path) -> None:
    RunFolder(tmp_path).save_status("refused", "they cannot be combined")
    run = ganlab.open(tmp_path)
    assert (run.status, run.samples, rows(run.metrics)) == ("refused", [], [])
    assert "they cannot be combined" in run._repr_html_()
    with pytest.raises(ganlab.UserError, match="it has no config"):
        _ = run.settings


def test_what_is_no_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ganlab.UserError, match="there is no such folder"):
        ganlab.open(tmp_path / "nowhere")
    with pytest.raises(ganlab.UserError, match=r"is no run folder: .*ganlab\.runs\('.*'\) lists those in it"):
        ganlab.open(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ganlab.UserError, match="no run under outputs/"):
        ganlab.open("latest")


def test_what_all_runs_share_is_shown_once(before: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(before, tmp_path / "second"))
    folder = RunFolder(other)
    folder.save_config({**folder.load_config(), "batch_size": 5})
    lines = (other / "metrics.jsonl").read_text().splitlines()
    (other / "metrics.jsonl").write_text(lines[0] + "\n")
    wide = Image.new("RGB", (900, 90))
    wide.save(other / "samples" / "step-0000003-generator.png")
    shown = ganlab.runs(tmp_path)._repr_html_()
    assert shown.count("<code>loss=hinge</code>") == 1
    assert shown.index("<code>loss=hinge</code>") < shown.index("<table>")
    assert shown.index("<code>batch_size=5</code>") > shown.index("<table>")
    first = json.loads(lines[0])
    assert f"{first['discriminator/loss']:.3g}, {first['generator/loss']:.3g}" in shown, "one row is no curve"
    pictures = [Image.open(io.BytesIO(base64.b64decode(one))).size for one in re.findall('base64,([^"]*)"', shown)]
    assert pictures[1] == (180, 90), "the left part of a wide picture, not a stripe"
    alone = ganlab.open(other)._repr_html_()
    assert Image.open(io.BytesIO(base64.b64decode(re.findall('base64,([^"]*)"', alone)[0]))).size == (900, 90)


def test_a_folder_of_runs(before: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "multirun" / "2026-01-01" / "00-00-00" / "0-seed-0"
    other.mkdir(parents=True)
    RunFolder(other).save_status("refused", "no")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "config.yaml").touch()
    Image.new("L", (300, 300)).save(before / "samples" / "step-0000003-generator.png")
    runs = ganlab.runs(tmp_path)
    assert [run.folder for run in runs] == [other, before]
    assert isinstance(runs[:1], ganlab.Runs)
    assert runs[-1] == ganlab.open(before)
    table = rows(runs.table)
    assert [row["status"] for row in table] == ["refused", "killed"]
    assert table[1]["loss"] == "hinge"
    shown = runs._repr_html_()
    assert shown.count("<tr>") == 3
    assert shown.count("<polyline") == 2
    assert shown.index("0-seed-0<br>") < shown.index("run<br>"), "in the order of runs[0], runs[1]"
    assert repr(runs).startswith("2 runs\n<Run ")
    with pytest.raises(ganlab.UserError, match="there is no such folder"):
        ganlab.runs(tmp_path / "nowhere")
    monkeypatch.chdir(before / "samples")
    assert ganlab.runs(".")._repr_html_() == "<div>no runs</div>"


def test_opening_runs_waits_for_neither_pytorch_nor_hydra() -> None:
    code = (
        "import sys, ganlab; run = ganlab.open(sys.argv[1]); run.metrics, run.settings, run.samples, repr(run), ganlab.Refused;"
        "sys.exit(bool({'torch', 'hydra', 'matplotlib'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code, str(BEFORE)], check=True)
