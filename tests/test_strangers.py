"""Files from somebody else: whatever is in them, opening them is one sentence, runs nothing, and takes bounded memory."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import ganlab
from ganlab import run_folder, tree_file
from ganlab.commands import evaluate, export, sample
from ganlab.commands import train as train_command
from ganlab.errors import UserError
from ganlab.initializers.pretrained import Pretrained
from ganlab.training import checkpoint
from tests import strangers
from tests.conftest import tiny
from tests.test_trained import changed, final

# ---------------------------------------------------------------------------------------------------- what is in a file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("strangers") / "inside" / "files"
    made.mkdir(parents=True)
    strangers.write_all(made)
    return made


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, dict[str, str]]:
    return strangers.open_all(folder)


@pytest.mark.parametrize(
    ("suffix", "name"),
    [
        (suffix, name)
        for suffix, names in (
            ("safetensors", strangers.SAFETENSORS), ("pth", strangers.PTH), ("npy", strangers.NPY),
            ("npz", strangers.NPZ), ("tar", strangers.TARS), ("zip", strangers.ZIPS),
        )
        for name in names
    ],
)  # fmt: skip
def test_a_hostile_file_is_one_sentence(suffix: str, name: str, folder: Path, found: dict[str, dict[str, str]]) -> None:
    file = f"{name.replace(' ', '_')}.{suffix}"
    for way, sentence in found[file].items():
        assert not sentence.startswith(("TRACEBACK", "opened")), (way, sentence)
        assert file in sentence, way
        assert "\n" not in sentence, way
        assert len(sentence) < 1000, way


def test_nothing_in_them_has_run(folder: Path, found: dict[str, dict[str, str]]) -> None:
    assert found
    assert not (folder / strangers.TRAP).exists()
    assert not (Path.cwd() / strangers.TRAP).exists()


@pytest.mark.parametrize("file", ["tricks.zip", "tricks.tar"])
def test_names_in_archives_lead_nowhere(file: str, folder: Path, found: dict[str, dict[str, str]]) -> None:
    (told,) = found[file].values()
    # Those that begin with a dot are hidden; the others are pictures like any other, whatever their names say.
    assert told.startswith("opened: 3 of (3, 8, 8)")
    assert not list(folder.rglob("outside.png"))
    for place in (Path("/tmp"), Path.cwd(), *folder.parents):
        assert not (place / "outside.png").exists()


def test_pictures_that_nobody_can_open_are_named_and_left_out(found: dict[str, dict[str, str]]) -> None:
    told = found["pictures.d"]["folder"]
    assert told.startswith(f"opened: 1 of (3, 8, 8); {len(strangers.LEFT_OUT)} of {1 + len(strangers.LEFT_OUT)} images")


# ---------------------------------------------------------------------------- checkpoints that are whole, and claim much

CLAIMS: dict[str, Callable[[dict[str, Any]], object]] = {
    "width": lambda tree: tree["settings"]["generator"].update(width=10**7, largest_width=10**9),
    "width_beyond_64_bits": lambda tree: tree["settings"]["generator"].update(width=10**30, largest_width=10**30),
    "depth": lambda tree: tree["settings"]["generator"].update(depth=10**12),
    "latent": lambda tree: tree["settings"]["latent"].update(dim=10**10),
    "image": lambda tree: tree["model"].update(image_shape=[3, 2**40, 2**40]),
    "channels": lambda tree: tree["model"].update(image_shape=[10**12, 16, 16]),
    "classes": lambda tree: tree["model"].update(classes=10**12),
    "classes_without_an_end": lambda tree: tree["model"].update(classes=10**40),
    "told_classes": lambda tree: (
        tree["model"].update(classes=10**11),
        tree["settings"].update(condition={"name": "projection", "generator": "concat"}),
    ),
    "many_layers": lambda tree: tree["settings"].update(generator={"name": "mlp", "hidden": [1] * 1_000_000}),
    "layers": lambda tree: tree["settings"].update(generator={"name": "mlp", "hidden": [10**7, 10**7]}),
    "another_shape": lambda tree: tree["generator"]["network"].update(
        {name: torch.zeros(3) for name in tree["generator"]["network"]}
    ),
}  # fmt: skip


@pytest.mark.slow
def test_a_checkpoint_gets_no_more_room_than_its_weights_take(trained_run: Callable[..., Path], tmp_path: Path) -> None:
    source = final(trained_run())
    for name, claim in CLAIMS.items():
        changed(source, tmp_path / f"{name}.safetensors", claim)
    found = strangers.open_all(tmp_path)
    for name in CLAIMS:
        told = found[f"{name}.safetensors"]["load"]
        assert "its weights do not fit its settings" in told, (name, told)
        assert "\n" not in told
    whole = found["another_shape.safetensors"]
    assert whole["read"] == "opened: dict"


def test_a_parametrizations_tensors_of_another_size(trained_run: Callable[..., Path], tmp_path: Path) -> None:
    run = trained_run(norm={"generator": {"weight": "spectral"}})

    def cut(tree: dict[str, Any]) -> None:
        state = tree["generator"]["network"]
        state.update({name: tensor[:-1] for name, tensor in state.items() if name.endswith("parametrization.u")})

    file = changed(final(run), tmp_path / "cut.safetensors", cut)
    with pytest.raises(UserError, match="do not fit its settings"):
        ganlab.load(file)
    settings = tiny(init={"generator": {"name": "pretrained", "path": str(file)}}).settings
    from ganlab.config.build import build_generator, initialize_network

    with pytest.raises(UserError, match="cannot be computed from the tensors in the file") as told:
        initialize_network(build_generator(settings), "generator", settings)
    assert "\n" not in str(told.value)


def test_what_a_terminal_would_obey_is_written_out(trained_run: Callable[..., Path], tmp_path: Path) -> None:
    obeyed = "\x1b]0;title\x07\x1b[2J"

    def name(tree: dict[str, Any]) -> None:
        tree["model"]["class_names"] = [f"{obeyed}{number}" for number in range(10)]
        tree["settings"]["data"]["name"] = obeyed

    file = changed(final(trained_run(condition="concat")), tmp_path / "named.safetensors", name)
    generator = ganlab.load(file)
    assert "\x1b" not in generator.description + "".join(generator.classes)
    with pytest.raises(UserError) as told:
        ganlab.load(
            changed(file, tmp_path / "b.safetensors", lambda tree: tree["settings"]["generator"].update({obeyed: 1}))
        )
    assert "\x1b" not in str(told.value)


# ------------------------------------------------------------------------------------------------------ what a run says


@pytest.fixture
def run(trained_run: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a run, in the current folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained_run(), "run")
    return Path("run")


def resume(run: Path, *typed: str) -> int:
    return train_command.main([f"resume={run}", "steps=3", *typed])


DEEP_YAML = "steps: " + "[" * 5000 + "]" * 5000
BILLION = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("steps: !!python/object/apply:os.mkdir [ran]", "not YAML"),
        ("steps: !!python/name:os.mkdir", "not YAML"),
        (DEEP_YAML, "nested too deep"),
        (f"{BILLION}steps: *i", "not YAML (a reference to another place"),
        ("steps: 2026-99-99", "not YAML"),
        ("steps: !!bool x", "not YAML (KeyError: 'x')"),
        ("steps: !!timestamp x", "not YAML"),
        ("steps: !!int ''", "not YAML"),
        ("steps: " + "9" * 5000, "not YAML"),
        ("steps: 0x_", "not YAML"),
        ("- 1", "holds no settings"),
        ("\x00", "not YAML"),
        ("steps: {[1]: 2}", "not YAML"),
        ("? [1]\n: 2", "not YAML"),
        ("1: 2\nnull: 3", "no such setting"),
    ],
)
def test_a_saved_config_is_read_as_values_alone(
    text: str, sentence: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / "config.yaml").write_text(text)
    assert resume(run) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert "Traceback" not in said
    assert len(said) < 10_000
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    "text",
    ["[]", "3", "{}", "[" * 100_000, '{"status": "running", "pid": 99999999999999999999}', "\x00", '{"status": 3}'],
)
def test_a_status_that_nobody_here_wrote(text: str, run: Path) -> None:
    facts = json.loads((run / "status.json").read_text()) if (run / "status.json").exists() else {}
    if text.startswith('{"status": "running"'):
        text = json.dumps({**facts, **json.loads(text), "reason": "", "host": __import__("socket").gethostname()})
    (run / "status.json").write_text(text)
    run_folder.RunFolder(run).need_free()
    assert {"status", "reason"} <= run_folder.RunFolder(run).status().keys()


def test_a_score_that_nobody_here_wrote(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from ganlab.monitor.scores_file import read_scores

    (run / "scores.jsonl").write_bytes(b"[" * 100_000 + b'\n{"scores": 3}\n{"scores": {"fid": [1]}}\n\xff\xfe\n')
    assert export.main([f"run={run}"]) == 0
    evaluate.best_while_training(read_scores(run))
    (run / "scores.jsonl").write_bytes(b"[" * 100_000 + b'\n{"scores": 3}\n{"scores": {"fid": [1]}}\n[]\n')
    assert export.main([f"run={run}"]) == 0
    evaluate.best_while_training(read_scores(run))
    assert "Traceback" not in capsys.readouterr().err


RESUMED: dict[str, Callable[[dict[str, Any]], object]] = {
    "weights of another shape": lambda tree: tree["discriminator"]["network"].update(
        {name: torch.zeros(3) for name in tree["discriminator"]["network"]}
    ),
    "no weights": lambda tree: tree["generator"].update(network=3),
    "an optimizer of another shape": lambda tree: [
        one.update(exp_avg=torch.zeros(2)) for one in tree["generator"]["optimizer"].values()
    ],
    "an optimizer that is none": lambda tree: tree["generator"].update(optimizer=[1, 2]),
    "an optimizer's text": lambda tree: [one.update(exp_avg="x") for one in tree["generator"]["optimizer"].values()],
    "an optimizer without a part": lambda tree: [one.pop("exp_avg") for one in tree["generator"]["optimizer"].values()],
    "a model that is none": lambda tree: (tree.update(model=[1]), tree["generator"].update(optimizer=3)),
    "a meter that is none": lambda tree: tree["meter"].update(sums={"x": "y"}, counts={"x": 1}),
    "a step below zero": lambda tree: tree.update(step=-1),
    "a step that is text": lambda tree: tree.update(step="1"),
    "updates that are text": lambda tree: tree["generator"].update(updates="x"),
}


QUICK = (
    "weights of another shape",
    "an optimizer that is none",
    "a step that is text",
)  # one for each part of the check


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[] if case in QUICK else pytest.mark.slow) for case in RESUMED]
)
def test_a_checkpoint_that_cannot_be_gone_on_from(
    case: str, run: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    changed(final(run), final(run), RESUMED[case])
    code = resume(run)
    said = capsys.readouterr()
    assert code == 2, (case, said.err + said.out)
    assert "Traceback" not in said.err + said.out + caplog.text


# -------------------------------------------------------------------------------------------------------------- plugins

PLUGIN = "import pathlib\npathlib.Path('ran').mkdir(exist_ok=True)\n"


@pytest.fixture
def with_plugins(run: Path) -> Path:
    """A run whose config.yaml and checkpoints name a module that lies in the current folder."""
    Path("of_somebody.py").write_text(PLUGIN)
    plain = yaml.safe_load((run / "config.yaml").read_text())
    (run / "config.yaml").write_text(run_folder.as_yaml({**plain, "plugins": ["of_somebody"]}))
    for file in (run / "checkpoints").glob("*.safetensors"):
        changed(file, file, lambda tree: tree["settings"].update(plugins=["of_somebody"]))
    return run


def _resume(run: Path) -> None:
    assert resume(run) == 0


def _evaluate(run: Path) -> None:
    assert evaluate.main([f"run={run}", "n=20", "reals=20", "features=pixels"]) == 0


def _sample(run: Path) -> None:
    assert sample.main([f"run={run}", "n=4"]) == 0


def _export(run: Path) -> None:
    for source in (f"run={run}", f"run={final(run)}"):
        assert export.main([source]) == 0
    (file,) = (run / "export" / "safetensors").glob("*.safetensors")
    assert sample.main([f"run={file}", "n=4"]) == 0


def _load(run: Path) -> None:
    for source in (run, final(run)):
        ganlab.load(source).sample(2)


def _pretrained(run: Path) -> None:
    for source in (run, final(run)):
        Pretrained(str(source)).check()
        overrides = [f"init.generator={{name: pretrained, path: {source}}}", "steps=1", "data.size=16", "batch_size=4"]
        networks = ["generator.width=4", "discriminator.width=4", "latent.dim=6"]
        assert train_command.main([*overrides, *networks, "logging.progress=false"]) == 0


WAYS = {"resume": _resume, "evaluate": _evaluate, "sample": _sample, "export": _export, "load": _load, "pretrained": _pretrained}  # fmt: skip


@pytest.mark.parametrize("way", list(WAYS))
def test_saved_plugins_are_not_imported_whoever_opens_a_run(way: str, with_plugins: Path) -> None:
    WAYS[way](with_plugins)
    assert not Path("ran").exists()
    assert "of_somebody" not in sys.modules


def test_typed_plugins_are(with_plugins: Path) -> None:
    try:
        assert sample.main([f"run={with_plugins}", "n=4", "plugins=[of_somebody]"]) == 0
        assert Path("ran").exists()
    finally:
        sys.modules.pop("of_somebody", None)


# ------------------------------------------------------------------------------------------- programs that judge samples


@pytest.mark.parametrize("features", ["file", {"name": "file", "path": "of_somebody.pt"}])
def test_a_saved_program_that_judges_is_not_run(features: Any, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """TorchScript and exported programs are programs: a run of somebody else must not bring one along."""
    plain = yaml.safe_load((run / "config.yaml").read_text())
    plain["evaluation"] = {"name": "scores", "every": 1, "images": 10, "features": features}
    (run / "config.yaml").write_text(run_folder.as_yaml(plain))
    Path("of_somebody.pt").write_bytes(strangers.torch_file({"x": strangers.Trap()}))
    assert resume(run) == 2
    told = capsys.readouterr().err
    assert "names a program, which would be run; type that too if you trust it, or evaluation=none" in told
    assert not Path("ran").exists()
    assert resume(run, "evaluation=none") == 0


def test_what_judges_samples_is_read_as_tensors_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch-fidelity itself would run what is in a file of weights."""
    pytest.importorskip("torch_fidelity")
    from ganlab.evaluation.features.inception import Inception
    from tests.evaluation.test_features import CPU, digits

    monkeypatch.chdir(tmp_path)
    Path("x.pth").write_bytes(strangers.torch_file({"x": strangers.Trap()}))
    with pytest.raises(UserError, match="could not be read from"):
        Inception(weights="x.pth").open(digits(20), CPU, tmp_path)
    assert not Path("ran").exists()


def test_checkpoints_of_a_folder_that_somebody_filled(tmp_path: Path) -> None:
    """Whichever is newest by its own word: those that cannot be read are named, and a whole one is taken."""
    tree_file.write(tmp_path / "step-0000001.safetensors", {"step": 1})
    (tmp_path / "final.safetensors").write_bytes(strangers.SAFETENSORS["a deep text"]())
    assert checkpoint.newest(tmp_path)[1]["step"] == 1
    (tmp_path / "final.safetensors").write_bytes(strangers.said('{"format": 1, "tree": {"tree": {"step": Infinity}}}'))
    assert checkpoint.newest(tmp_path)[1]["step"] in (1, float("inf"))
