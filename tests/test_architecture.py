"""The map of the house: arrows run one way, and nothing in it can run code from a file."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "ganlab"
FILES = sorted(PACKAGE.rglob("*.py"))

# Who may know whom. A room knows the floors below it and itself; rooms of one floor do not know each other.
FLOORS = [
    {"errors", "table", "streams", "precision", "derivatives", "points"},
    {"types", "draws", "ranks"},
    {"networks", "initializers", "losses", "regularizers", "augment", "latents", "conditions", "data", "evaluation"},
    {"training"},
    {"monitor", "config", "run_folder"},
    {"trained"},
    {"commands"},
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
CONFIGURATION_LIBRARIES = {"hydra", "omegaconf", "yaml"}


def room(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(file: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_arrows_run_one_way(file: Path) -> None:
    if file.parent == PACKAGE and file.name == "__init__.py":
        return
    here = room(file)
    for name in imported(file):
        parts = name.split(".")
        if parts[0] == "ganlab" and len(parts) > 1 and parts[1] != "__version__":
            there = parts[1]
            assert there == here or FLOOR[there] < FLOOR[here], f"{here} must not know {there}"
        if parts[0] in CONFIGURATION_LIBRARIES:
            assert here in ("config", "commands", "run_folder"), f"{here} must not know {parts[0]}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_training_knows_interfaces_only(file: Path) -> None:
    if room(file) == "training":
        rooms = {name.split(".")[1] for name in imported(file) if name.startswith("ganlab.")}
        assert rooms <= {"types", "table", "errors", "streams", "precision", "points", "draws", "ranks", "training"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_nothing_runs_code_from_a_file(file: Path) -> None:
    """The syntax tree, not the text: comments may name what the code must not do."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            # torch.load unpickles tensors alone, and runs nothing, where it is told so in as many words.
            if called == "torch.load" and any(ast.unparse(keyword) == "weights_only=True" for keyword in node.keywords):
                continue
            assert called not in ("eval", "exec", "torch.load", "torch.save", "yaml.load", "hydra.utils.instantiate"), (
                called
            )
        if isinstance(node, ast.Constant) and node.value == "_target_":
            raise AssertionError("_target_ is remote code")
    assert not {name.split(".")[0] for name in imported(file)} & {"pickle", "dill", "cloudpickle", "marshal", "shelve"}


def test_every_component_has_a_documented_source() -> None:
    from ganlab.augment import AUGMENTS
    from ganlab.initializers import INITIALIZERS
    from ganlab.losses import LOSSES
    from ganlab.regularizers import REGULARIZERS

    for table in (AUGMENTS, INITIALIZERS, LOSSES, REGULARIZERS):
        for name, component in table.items():
            assert any(year in (component.__doc__ or "") for year in map(str, range(1990, 2030))), (
                f"{table.kind} {name}"
            )
