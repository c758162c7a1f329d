"""The map of the house: arrows run one way, and nothing in it can run code from a file."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "ganlab"
FILES = sorted(PACKAGE.rglob("*.py"))

# Who may know whom. A room knows the floors below it and itself; rooms of one floor do not know each other.
FLOORS = [
    {"deprecated", "scalars", "config_folder"},
    {
        "errors",
        "table",
        "random_streams",
        "input_gradient",
        "points",
        "atomic_write",
        "progress",
        "processor",
        "eager_optimizers",
    },
    {"update_counts", "score_names", "image_cache"},
    {"types", "layer", "random_numbers", "ranks", "tree_file", "python_arguments"},
    {"networks", "initializers", "losses", "regularizers", "augment", "latents", "conditions", "data", "evaluation"},
    {"draws", "streams", "derivatives"},  # the previous version's names of modules
    {"training"},
    {"monitor"},
    {"diagnosis"},
    {"config", "run_folder"},
    {"report"},
    {"trained"},
    {"loading", "lettering"},
    {"commands", "testing"},
    {"run"},
    {"api"},
    {"__main__"},
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
        assert rooms <= {
            "types",
            "table",
            "errors",
            "deprecated",
            "random_streams",
            "input_gradient",
            "points",
            "scalars",
            "random_numbers",
            "ranks",
            "tree_file",
            "update_counts",
            "processor",
            "eager_optimizers",
            "training",
        }


# What runs whatever a file says, by its full name: nothing in ganlab mentions it, whether it is called there or handed
# on.
BANNED = {
    "eval", "exec", "compile", "__import__", "globals",
    "os.system", "os.popen", "os.startfile", "os.posix_spawn", "os.posix_spawnp", "subprocess.getoutput",
    "subprocess.getstatusoutput", "yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.unsafe_load_all",
    "yaml.full_load", "yaml.full_load_all", "yaml.Loader", "yaml.CLoader", "yaml.UnsafeLoader", "yaml.FullLoader",
    "torch.save", "torch.hub.load", "torch.package", "numpy.fromregex",
}  # fmt: skip
BANNED_PARTS = ("os.exec", "os.spawn", "hydra.utils.", "hydra._internal.instantiate", "torch.serialization.")
BANNED_MODULES = {
    "pickle", "_pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib", "runpy", "code", "codeop",
    "imp", "zipimport", "pty",
}  # fmt: skip
# What may be called where one argument says that it runs nothing.
GUARDED = {
    "torch.load": "weights_only=True",
    "numpy.load": "allow_pickle=False",
    "numpy.lib.format.read_array": "allow_pickle=False",
}
# What runs the code that it is given, and the one place that a person's own code comes in by.
ONE_PLACE = {
    "importlib.import_module": "config/plugins.py",  # plugins=, as they were typed
    "torch.jit.load": "evaluation/features/file.py",  # features=file features.path=…, as it was typed
    "torch.export.load": "evaluation/features/file.py",
}


def dangers(source: str, place: str) -> list[str]:
    """What in a module could run what a file holds: read off the syntax tree, since comments may name what the code
    must not do, and under whatever name it was imported."""
    tree = ast.parse(source)
    meant: dict[str, str] = {}
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            meant |= {
                alias.asname or alias.name.partition(".")[0]: alias.name
                if alias.asname
                else alias.name.partition(".")[0]
                for alias in node.names
            }
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            meant |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            modules = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        found += [f"imports {name}" for name in modules if name.partition(".")[0] in BANNED_MODULES]

    def full(node: ast.expr) -> str:
        first, dot, rest = ast.unparse(node).partition(".")
        return f"{meant.get(first, first)}{dot}{rest}"

    calls = {node.func: node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value == "_target_":
            found.append("_target_ is remote code")
        if isinstance(node, ast.Call):
            told = [ast.unparse(keyword) for keyword in node.keywords]
            if full(node.func).startswith("subprocess.") and any(one.startswith(("shell", "**")) for one in told):
                found.append(f"{full(node.func)} with a shell")
        if not isinstance(node, ast.Name | ast.Attribute):
            continue
        name = full(node)
        if name in BANNED or name.startswith(BANNED_PARTS):
            found.append(name)
        elif name in GUARDED:
            told = [ast.unparse(keyword) for keyword in calls[node].keywords] if node in calls else ["handed on"]
            plain = name == "numpy.load" and not any("allow_pickle" in one or one.startswith("**") for one in told)
            if GUARDED[name] not in told and not (plain and told != ["handed on"]):
                found.append(f"{name} without {GUARDED[name]}")
        elif name in ONE_PLACE and place != ONE_PLACE[name]:
            found.append(name)
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_nothing_runs_code_from_a_file(file: Path) -> None:
    assert dangers(file.read_text(), file.relative_to(PACKAGE).as_posix()) == []


@pytest.mark.parametrize(
    "source",
    [
        "eval('1')", "run = exec", "compile('1', '', 'eval')", "__import__('os')", "import pickle",
        "from pickle import loads", "import dill as json", "import marshal", "import shelve", "import runpy",
        "import os\nos.system('ls')", "from os import system as say\nsay('ls')", "import os\nos.execv('ls', [])",
        "import subprocess\nsubprocess.run('ls', shell=True)", "import subprocess as s\ns.Popen('ls', **more)",
        "import yaml\nyaml.load(text, yaml.SafeLoader)", "from yaml import unsafe_load", "import yaml\nyaml.Loader(text)",
        "import torch\ntorch.load(file)", "import torch\ntorch.load(file, weights_only=False)",
        "import torch\ntorch.load(file, weights_only=how)", "import torch\nmap(torch.load, files)",
        "from torch import load as read\nread(file)", "import torch\ntorch.save(tree, file)",
        "import numpy as np\nnp.load(file, allow_pickle=True)", "import numpy as np\nnp.load(file, **more)",
        "import numpy as np\nmap(np.load, files)", "import numpy as np\nnp.lib.format.read_array(file)",
        "import torch\ntorch.jit.load(file)", "import torch\ntorch.export.load(file)", "import torch\ntorch.hub.load('x')",
        "import importlib\nimportlib.import_module(name)", "import hydra\nhydra.utils.instantiate(config)",
        "from hydra.utils import get_method", "config['_target_']",
    ],
)  # fmt: skip
def test_what_would_run_code_is_seen(source: str) -> None:
    # An import alone does nothing; what it brings is used somewhere.
    used = "\nuse(unsafe_load)" if "unsafe_load" in source else "\nuse(get_method)" if "get_method" in source else ""
    assert dangers(source + used, "commands/somewhere.py")


def test_what_runs_nothing_is_let_be() -> None:
    source = """
import numpy as np, re, subprocess, torch, yaml
network.eval()
re.compile("eval")
torch.load(file, map_location="cpu", weights_only=True)
np.load(file)
np.load(file, mmap_mode="r", allow_pickle=False)
np.lib.format.read_array(file, allow_pickle=False)
subprocess.run(["ffmpeg", name], input=raw)
yaml.safe_load(text)  # pickle, eval, _target_
"""
    assert dangers(source, "commands/somewhere.py") == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_text_files_are_utf8_whatever_the_system_prefers(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if is_call and node.func.attr in ("read_text", "write_text"):
            assert "encoding" in {keyword.arg for keyword in node.keywords}, f"{file}, line {node.lineno}"


def test_every_component_has_a_documented_source() -> None:
    from ganlab.augment import AUGMENTATIONS
    from ganlab.initializers import INITIALIZERS
    from ganlab.losses import LOSSES
    from ganlab.regularizers import REGULARIZERS

    for table in (AUGMENTATIONS, INITIALIZERS, LOSSES, REGULARIZERS):
        for name, component in table.items():
            assert any(year in (component.__doc__ or "") for year in map(str, range(1990, 2030))), (
                f"{table.kind} {name}"
            )
