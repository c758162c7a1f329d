"""`ganlab COMMAND …`: the same commands as `python train.py` and `scripts/`, available in any folder."""

from __future__ import annotations

import sys
from collections.abc import Callable

import ganlab
from ganlab.commands.terminal.output import loading, say, write_out_odd_letters
from ganlab.errors import nearest


def _train(arguments: list[str]) -> int:
    from ganlab.commands import train

    return train.main(arguments, "ganlab train")


def _data(arguments: list[str]) -> int:
    with loading():
        from ganlab.commands import data

    return data.main(arguments, "ganlab data")


def _evaluate(arguments: list[str]) -> int:
    with loading():
        from ganlab.commands import evaluate

    return evaluate.main(arguments, "ganlab evaluate")


def _sample(arguments: list[str]) -> int:
    with loading():
        from ganlab.commands import sample

    return sample.main(arguments, "ganlab sample")


def _stylize(arguments: list[str]) -> int:
    with loading():
        from ganlab.commands import stylize

    return stylize.main(arguments, "ganlab stylize")


def _translate(arguments: list[str]) -> int:
    with loading():
        from ganlab.commands import translate

    return translate.main(arguments, "ganlab translate")


def _export(arguments: list[str]) -> int:
    with loading():
        from ganlab.commands import export

    return export.main(arguments, "ganlab export")


def _report(arguments: list[str]) -> int:
    with loading("Loading SciPy"):  # a report needs no PyTorch
        from ganlab.commands import report

    return report.main(arguments, "ganlab report")


def _inspect_init(arguments: list[str]) -> int:
    with loading():
        from ganlab.commands import inspect_init

    return inspect_init.main(arguments, "ganlab inspect-init")


def _diagnose(arguments: list[str]) -> int:
    from ganlab.commands import diagnose  # verdicts need no PyTorch, unless try=true trains

    return diagnose.main(arguments, "ganlab diagnose")


def _doctor(arguments: list[str]) -> int:
    from ganlab.commands import doctor

    return doctor.main(arguments)


def _completion(arguments: list[str]) -> int:
    from ganlab.commands import completion

    return completion.main(arguments)


COMMANDS: dict[str, tuple[str, Callable[[list[str]], int]]] = {
    "train": ("train a GAN: ganlab train init=orthogonal norm=spectral", _train),
    "data": ("the cache of decoded images: ganlab data, ganlab data clear", _data),
    "report": ("which choices of a sweep train, and how sure that is: ganlab report sweep=latest", _report),
    "inspect-init": ("signals and gradients before training: ganlab inspect-init init=he", _inspect_init),
    "diagnose": ("what is wrong with a run, and what to try: ganlab diagnose run=latest", _diagnose),
    "evaluate": ("how good a run's samples are: ganlab evaluate run=latest", _evaluate),
    "sample": ("pictures from a trained generator: ganlab sample run=latest mode=walk", _sample),
    "stylize": ("text or a font in the style of one glyph: ganlab stylize run=latest style=a.png text=Hello", _stylize),
    "translate": ("pictures by a generator of pairs: ganlab translate run=latest images=FOLDER out=FOLDER", _translate),
    "export": ("a trained generator as files for other programs: ganlab export run=latest format=onnx", _export),
    "doctor": ("versions, devices, cache and extras, and what is missing: ganlab doctor", _doctor),
    "completion": ('the completion of a shell: eval "$(ganlab completion bash)"', _completion),
}


def main() -> None:
    """The entry point of the installed command; exits with the command's code."""
    write_out_odd_letters()
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        lines = [f"  ganlab {command:14}{text}" for command, (text, _) in COMMANDS.items()]
        last = f"  ganlab {'--version':14}the version of ganlab"
        say("\n".join(["ganlab: find out which choices make a GAN train.", "", *lines, "", last]))
        sys.exit(0)
    if name == "--version":
        print(f"ganlab {ganlab.__version__}")
        sys.exit(0)
    if name not in COMMANDS:
        guess = nearest(name, COMMANDS)
        print(
            f"ganlab {name}: no such command; {f'did you mean ganlab {guess}?' if guess else 'try ganlab --help'}",
            file=sys.stderr,
        )
        sys.exit(2)
    sys.exit(COMMANDS[name][1](arguments))
