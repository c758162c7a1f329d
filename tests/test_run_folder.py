from __future__ import annotations

import os
from pathlib import Path

import pytest

from ganlab.errors import UserError
from ganlab.run_folder import InUse, RunFolder, find, run_name


def test_one_at_a_time(tmp_path: Path) -> None:
    RunFolder(tmp_path).save_status("running", pid=77, host="there")
    with RunFolder(tmp_path).held():
        with pytest.raises(InUse, match="is being trained by process 77 on there"):
            RunFolder(tmp_path).need_free()
        with pytest.raises(InUse), RunFolder(tmp_path).held():
            pass
    RunFolder(tmp_path).need_free()


def test_a_folder_without_locks_is_not_held(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    with RunFolder(tmp_path).held():
        RunFolder(tmp_path).need_free()


def test_latest_is_the_run_that_saved_last(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run under"):
        find("latest", tmp_path)
    for age, name in enumerate(("newer", "older")):
        checkpoints = tmp_path / name / "checkpoints"
        checkpoints.mkdir(parents=True)
        (checkpoints / "step-0000001.safetensors").touch()
        os.utime(checkpoints / "step-0000001.safetensors", (1000 - age, 1000 - age))
    (tmp_path / "older" / "checkpoints" / "final.safetensors").symlink_to("nowhere")
    assert find("latest", tmp_path).path == tmp_path / "newer"


def test_a_name_lists_what_was_typed() -> None:
    assert (
        run_name(["init=orthogonal", "tricks=[ema,ttur]", "~regularizer.r1"])
        == "init-orthogonal+tricks-ema-ttur+regularizer.r1"
    )
    assert run_name([]) == ""
    # a folder's name tells nothing of where it is
    for typed in ("data.root=/home/me/secret/pets", "data.root='~/secret/pets/'", 'data.root="C:\\secret\\pets"'):
        assert run_name([typed]) == "data.root-pets"


def test_a_long_name_is_shortened_by_whole_settings() -> None:
    typed = [f"optimizer.generator.setting{number}=a-value-of-many-letters" for number in range(3)]
    assert run_name(typed, 200) == "+".join(f"optimizer.generator.setting{n}-a-value-of-many-letters" for n in range(3))
    assert run_name(typed, 100) == "+".join(f"o.g.setting{n}-a-value-of-m" for n in range(3))
    assert run_name(typed, 65) == "+".join(f"setting{n}-a-value-of-m" for n in range(3))
    assert run_name(typed, 64) == "setting0-a-value-of-m+setting1-a-value-of-m+1-more"
    assert run_name(typed, 20) == "3-more"
    assert run_name(typed, 3) == ""


def test_a_shortened_name_says_whose_setting_it_is_and_which_options_were_chosen() -> None:
    widths = ["generator.width=8", "discriminator.width=8", "data.size=32"]
    assert run_name(widths, 27) == "g.width-8+d.width-8+size-32"
    typed = [*widths, *(f"logging.of_many_words{number}=1" for number in range(9)), "loss=hinge", "seed=3"]
    name = run_name(typed, 60)
    assert name.startswith("loss-hinge+seed-3+g.width-8+d.width-8+size-32+")
    assert name.endswith("-more")


def test_provenance_is_read_back_and_may_be_missing_or_damaged(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.provenance() == []
    starts = [
        {"command": "train.py 'data.root=ä b'", "overrides": ["seed=1", "tricks=[ema]"], "threads": 2},
        {"command": "x"},
    ]
    folder.save_provenance(starts)
    assert folder.provenance() == starts
    for damaged in ("- &a [1]\n- *a\n", "[", "{}", "- 3\n"):
        (tmp_path / "provenance.yaml").write_text(damaged)
        assert folder.provenance() == []


@pytest.mark.parametrize(("start", "end"), [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", "")])
def test_deep_values_do_not_end_the_process(start: str, end: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(start * 50_000 + end * 50_000)
    with pytest.raises(UserError, match=r"nested too deep|not YAML|holds no settings"):
        RunFolder(tmp_path).load_config()
    by_lines = "".join(f"{' ' * depth}a:\n" for depth in range(2000))
    (tmp_path / "config.yaml").write_text(by_lines)
    with pytest.raises(UserError, match="nested too deep"):
        RunFolder(tmp_path).load_config()
