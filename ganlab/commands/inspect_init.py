"""`ganlab inspect-init`, `python scripts/inspect_init.py`, `ganlab.inspect_init(…)`: what an initialization does to
signals and gradients, without training."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from ganlab.commands.launch.ready import open_data
from ganlab.commands.sweep.asked import asked_for
from ganlab.commands.sweep.plan import varied
from ganlab.commands.sweep.prepare import MOST_CHECKED, check_jobs, expanded
from ganlab.commands.sweep.sweeper import BASIC, Sweeper
from ganlab.commands.terminal.arguments import without_dashes
from ganlab.commands.terminal.output import write_out_odd_letters
from ganlab.config import Settings
from ganlab.config.build import build_trainer
from ganlab.config.compose import composer
from ganlab.diagnosis.inspection import Combination, Inspection, Inspections, Inspector, tables
from ganlab.errors import Refused, UserError
from ganlab.evaluation import NoEvaluation
from ganlab.progress import progress
from ganlab.run_folder import OUTPUTS, make_exclusively, shown

SUMMARY = """what an initialization does to signals and gradients, without training

  {program} init=normal,he,orthogonal norm=batch,spectral     every combination of the values
  {program} experiment=wgan_gp_cifar10 data.root=FOLDER       a recipe; all settings of train.py are allowed
  {program} study=init_by_norm seed=0                         the combinations of a study
  {program} init=he,orthogonal out=FOLDER                     where to write

One batch of data and of latents passes through each pair of networks. Prints a table and a sentence for each
combination, and writes inspection.json, inspection.txt and inspection.png to out=FOLDER, or outputs/inspections/TIME.
"""
MOST_WITH_LAYERS = 3
"""The most combinations whose layers are printed; those of more are in inspection.txt."""
NOT_TAKEN = ("resume", "resume_override", "branch")


def main(arguments: Sequence[str] | None = None, program: str = "inspect_init.py") -> int:
    """Runs the command. Returns its exit code: 0 done, 2 refused, 130 after Ctrl-C."""
    write_out_odd_letters()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if {"-h", "--help"} & set(words):
        print(f"{program}: {SUMMARY.format(program=program)}", end="")
        return 0
    try:
        out = next((Path(word[4:]).expanduser() for word in reversed(words) if word.startswith("out=")), None)
        found = inspections([word for word in words if not word.startswith("out=")])
        folder = _folder(out)
        paths = found.save(folder)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename}: it cannot be written ({error.strerror}); type out=FOLDER", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    print(as_text(found))
    for path in paths:
        print(shown(path))
    return 0


def inspect_init(*overrides: str, **settings: object) -> Inspections:
    """Inspects the initialization of each combination of settings, as ``ganlab inspect-init`` does:
    ``ganlab.inspect_init("init=normal,he", "norm=batch", seed=1)``. Returns ``Inspections``: ``sentences``, ``text()``,
    ``by_name``, ``plain()`` and ``save(folder)``. Raises UserError."""
    return inspections([*overrides, *(f"{key}={_typed(value)}" for key, value in settings.items())])


def _typed(value: object) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def inspections(overrides: Sequence[str]) -> Inspections:
    """Returns what is found in each combination that the overrides name. Raises Refused."""
    flags = [one for one in overrides if one.startswith("-") and one not in ("-m", "--multirun")]
    if flags:
        raise Refused([f"{flag}: there is no such flag; type {without_dashes(flag, overrides)}" for flag in flags])
    typed = [one for one in overrides if not one.startswith("-")]
    for key in NOT_TAKEN:
        if any(one.partition("=")[0] == key for one in typed):
            raise Refused([f"{key}: an inspection begins no run and goes on with none; leave it out"])
    with composer() as composing:
        read, _ = asked_for(composing, composing.read(typed), True)
        jobs = expanded(composing, [one for one in read if not one.is_hydra_override()])
        if len(jobs) > MOST_CHECKED:
            raise Refused(
                [f"{len(jobs):,} combinations are asked for, and {MOST_CHECKED} are the most; leave some out"]
            )
        checked = check_jobs(composing, jobs, Sweeper(BASIC))
    return _inspected(
        jobs, checked.settings, {number: "; ".join(one.problems) for number, one in checked.refused.items()}
    )


def _inspected(
    jobs: Sequence[Sequence[str]], settings: Mapping[int, Settings], refused: Mapping[int, str]
) -> Inspections:
    levels = [_levels(job, varied(jobs)) for job in jobs]
    names = [" ".join(f"{key}={value}" for key, value in one.items()) or "as typed" for one in levels]
    found = []
    with progress("Inspecting", len(settings)) as advance:
        for number, one in sorted(settings.items()):
            seed = levels[number].get("seed")  # jobs that differ in their seed alone are checked once
            one = replace(one, seed=int(seed)) if seed is not None else one
            found += [Combination(names[number], levels[number], _of_settings(one))]
            advance(1)
    return Inspections(found, {names[number]: reason for number, reason in refused.items()})


def _levels(job: Sequence[str], keys: Sequence[str]) -> dict[str, str]:
    pairs = [one.lstrip("+").partition("=") for one in job]
    return {key: value for key, _, value in pairs if key in keys}


def _of_settings(settings: Settings) -> Inspection:
    """Returns what is found for one combination: its trainer is built as for training, without scores and files."""
    settings = replace(settings, evaluation=NoEvaluation(), logging=replace(settings.logging, observers={}))
    machine = settings.runtime.resolve()
    machine.prepare()
    with tempfile.TemporaryDirectory() as unused:  # no checkpoint is written there
        trainer = build_trainer(settings, machine, open_data(settings.data, settings.runtime.cache), Path(unused))
    return Inspector(settings.seed).inspection(trainer.gan, trainer.feed)


def _folder(out: Path | None) -> Path:
    """Returns the folder to write to, which is created. Raises UserError."""
    if out is None:
        return make_exclusively(OUTPUTS / "inspections", f"{datetime.now():%Y-%m-%d-%H-%M-%S}")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"out={out}: no folder can be made there ({error.strerror}); choose another folder") from None
    return out


def as_text(found: Inspections) -> str:
    """Returns what is printed: the summary, the layers of few combinations, and the sentences."""
    parts = [tables.summary_text(found.by_name)]
    if len(found.by_name) <= MOST_WITH_LAYERS:
        parts += [f"{name}\n{tables.layers_text(one)}" for name, one in found.by_name.items()]
    parts.append("\n".join(f"{name}: {sentence}" for name, sentence in found.sentences.items()))
    notes = dict.fromkeys(note for one in found.by_name.values() for note in one.notes)
    parts += [f"note: {note}" for note in notes]
    parts += [f"note: {name} is refused: {reason}" for name, reason in found.refused.items()]
    return "\n\n".join(parts)
