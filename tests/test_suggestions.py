"""Every ``KEY=VALUE`` in a message of the package is accepted by the commands that print it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from ganlab.commands.diagnose import Diagnose
from ganlab.commands.evaluate import Evaluate
from ganlab.commands.export import Export
from ganlab.commands.report import ReportSettings
from ganlab.commands.sample import Sample
from ganlab.commands.stylize import Stylize
from ganlab.commands.translate import Translate
from ganlab.config.choices import LISTS
from ganlab.config.compose import composer
from ganlab.config.parse import parse
from ganlab.config.schema import fields_at, hints
from ganlab.config.settings import Settings
from ganlab.errors import Refused

PACKAGE = Path(__file__).resolve().parent.parent / "ganlab"
NAME = r"(?:[a-z_]|\{[^{}]*\})(?:[\w./]|\{[^{}]*\})*"
TOKEN = re.compile(rf"(?<![\w./…{{}}=\"'\\-])({NAME})=(?!=)('[^']*'|\[[^\]]*\]|\{{[^{{}}]*\}}|[^\s;,()\]'\"]*)")

EXAMPLES = {  # of what a message fills in
    "{network}": "generator", "{part}": "generator", "{network.name}": "generator", "{learner.name}": "generator",
    "{failing.name}": "generator", "{one.name}": "discriminator", "{field.name}": "real",
    "regularizer.{regularizer}": "regularizer.gradient_penalty", "regularizer.{name}": "regularizer.r1", "augment.{name}": "augment.ada",
    "data.{setting}": "data.images", "data.options.{name}": "data.options", "data.options.{wrong[2]}": "data.options",
}  # fmt: skip
COMPUTED = ("{word}", "{key", "{group}", "{name}", "{prefix_and_key}", "{PLACE}", "{missing[0]}", "{one.", "{text.")
"""Beginnings of keys that are computed from what was typed or from the settings themselves."""
TRAINS = {
    ("commands/evaluate.py", "data.held_out"), ("trained.py", "output"), ("data/torchvision_sets.py", "download"),
    ("commands/diagnose.py", "try"), ("commands/tries.py", "try"), ("commands/launch/in_process.py", "config_dir"), ("commands/inspect_init.py", "out"),
    ("commands/launch/announcements.py", "images"), ("commands/evaluate.py", "features.name"),
}  # fmt: skip
"""Keys of another command, or ones that stand for another field: a run must be trained with it, arguments in Python, a message of torchvision's, a key
that is read before the settings, and a flag of TensorBoard's."""
EXPORTS = {
    (f"{name}.py", "format")
    for name in (
        "commands/sample",
        "commands/doctor",
        "commands/stylize",
        "commands/translate",
        "commands/terminal/loading_settings",
        "loading",
    )
}
OTHER = ("commands/__init__.py", "commands/model_card.py")  # lines of a shell, and of Python
MARKUP = ("report/figures/", "report/page/", "run/html.py", "report/text/latex.py")  # SVG, HTML, LaTeX
OF_HYDRA = (
    "hydra.run.dir",
    "hydra/sweeper",
    "hydra.sweeper.direction",
    "hydra/launcher",
    "hydra.launcher.n_jobs",
    "hydra/job_logging",
)
KINDS: dict[str, list[type]] = {
    "commands/sample.py": [Sample],
    "commands/stylize.py": [Stylize, Settings],
    "commands/translate.py": [Translate, Settings],
    "lettering/": [Stylize, Settings],
    "commands/doctor.py": [Settings, Stylize],
    "commands/diagnose.py": [Diagnose, Settings],
    "report/reading/diagnosis.py": [Diagnose, Settings],
    "commands/evaluate.py": [Evaluate],
    "evaluation/lpips.py": [Evaluate],
    "commands/export.py": [Export],
    "commands/report.py": [ReportSettings, Settings],  # baseline=[init=normal] names what the sweep was typed with
    "loading.py": [Sample, Export],
    "trained.py": [Sample],
}


@dataclass(frozen=True)
class Suggestion:
    """``key=value`` in a message; ``own`` are the settings of the component whose ``__post_init__`` raises it."""

    file: str
    line: int
    key: str
    value: str
    own: frozenset[str]

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.key}={self.value}"


def text_of(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = (one.value if isinstance(one, ast.Constant) else f"{{{bare(one)}}}" for one in node.values)
        return "".join(map(str, parts))
    return None


def bare(node: Any) -> str:
    return ast.unparse(node.value).translate(dict.fromkeys(map(ord, "{}="), " "))


def suggestions_in(file: str, source: str) -> Iterator[Suggestion]:
    """Yields the suggestions in all texts of several words, docstrings and pieces of other texts excepted."""
    tree = ast.parse(source)
    passed = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    passed |= {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
        if part is not node
    }
    own: dict[int, frozenset[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            names = frozenset(
                one.target.id
                for one in node.body
                if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
            )
            own |= {
                id(part): names
                for raised in ast.walk(node)
                if isinstance(raised, ast.Raise)
                for part in ast.walk(raised)
            }
    for node in ast.walk(tree):
        text = text_of(node)
        if text is None or id(node) in passed or " " not in text:
            continue
        for key, value in TOKEN.findall(text):
            for written, example in EXAMPLES.items():
                key = key.replace(written, example)
            yield Suggestion(file, node.lineno, key, value.rstrip(":").strip("'"), own.get(id(node), frozenset()))


def suggestions() -> list[Suggestion]:
    files = sorted(PACKAGE.rglob("*.py"))
    every = [one for file in files for one in suggestions_in(str(file.relative_to(PACKAGE)), file.read_text())]
    return [
        one
        for one in every
        if not one.key.startswith(COMPUTED) and one.file not in OTHER and not one.file.startswith(MARKUP)
    ]


def kinds_of(file: str) -> list[type]:
    """Returns the settings that messages of a file name."""
    return KINDS.get(file) or KINDS.get(f"{file.split('/')[0]}/", [Settings])


def is_example(value: str) -> bool:
    """Whether a value stands for others: …, FOLDER, or what a message fills in."""
    return not value or "…" in value or "{" in value or value.isupper() or "." in value


def accepts(kind: type, key: str, value: str) -> bool:
    """Whether a command with these settings has the key, and one of the components there takes the value."""
    if kind is Evaluate and key.startswith("data."):
        kind = Settings
    found = list(fields_at(kind, key.split(".")))
    if is_example(value):
        return bool(found)
    for inner, name in found:
        try:
            parse(inner, {name: OverridesParser.create().parse_override(f"{name}={value}").value()})
        except Refused as error:
            if any(problem.startswith((f"{name}:", f"{name}=", f"{name}.")) for problem in error.problems):
                continue  # other problems are those of settings that are not typed here
        return True
    return False


def is_accepted(one: Suggestion, options: dict[str, list[str]]) -> bool:
    if (one.file, one.key) in TRAINS:
        return True
    kinds = [ReportSettings, Settings] if one.file.startswith("report/") else kinds_of(one.file)
    kinds = [Export] if (one.file, one.key) in EXPORTS else kinds
    if one.key in {*one.own, *(("from",) if "since" in one.own else ())} and one.key not in hints(
        Settings
    ):  # told with its full key: see below
        return True
    if (
        one.file.startswith("evaluation/") and one.file not in KINDS
    ):  # evaluate prints it as it is, train with `evaluation.` before it
        return accepts(Evaluate, one.key, one.value) and accepts(Settings, f"evaluation.{one.key}", one.value)
    if Settings in kinds and one.key in options:
        names = re.findall(r"\w+", one.value)
        return is_example(one.value) or (set(names) <= set(options[one.key]) and (one.key in LISTS or len(names) == 1))
    if Settings in kinds and one.key.startswith("hydra"):
        return one.key in OF_HYDRA
    return any(accepts(kind, one.key, one.value) for kind in kinds)


def test_every_suggestion_is_accepted() -> None:
    with composer() as composing:
        options = {group: list(names) for group, names in composing.options.items()}
    found = suggestions()
    assert len(found) > 200
    assert "\n".join(str(one) for one in found if not is_accepted(one, options)) == ""


@pytest.mark.parametrize(
    "text", ["type steps=many", "type features=pixels", "type data=nothing", "leave out lr=1", "type norm.layer=batch"]
)
def test_the_test_finds_what_is_refused(text: str) -> None:
    (found,) = suggestions_in("config/rules.py", f"say('{text}')")
    with composer() as composing:
        assert not is_accepted(found, {group: list(names) for group, names in composing.options.items()})


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        (
            {"regularizer": {"gradient_penalty": {"one_sided": True, "center": 0}}},
            "type regularizer.gradient_penalty.center=1 or regularizer.gradient_penalty.one_sided=false",
        ),
        (
            {"augment": {"instance_noise": {"std": {"start": 1, "end": 0, "shape": "exponential"}}}},
            "augment.instance_noise.std.shape=linear",
        ),
        ({"augment": {"ada": {"target": None}}}, "augment.ada.p=0.2"),
    ],
)
def test_a_components_message_has_full_keys(plain: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(Settings, plain)
    assert said in str(refused.value)
