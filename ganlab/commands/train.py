"""`ganlab train`, `python train.py`: shows the help, and refuses what was mistyped, before it imports PyTorch."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

from ganlab.commands.launch.hydra_main import arguments_parser
from ganlab.commands.launch.signals import stopped_by_sigterm
from ganlab.commands.launch.words import hydra_help, refuse_flags, refuse_what_is_no_text
from ganlab.commands.terminal.arguments import without_dashes
from ganlab.commands.terminal.output import loading, say, write_out_odd_letters
from ganlab.commands.terminal.program import command_text
from ganlab.config.compose import composer
from ganlab.config.mistakes import refuse_mistakes
from ganlab.config.paths import expand_flags
from ganlab.errors import Refused, TrainingFailed, UserError

if TYPE_CHECKING:
    from ganlab.ranks import Ranks

log = logging.getLogger("ganlab")


def main(arguments: Sequence[str] | None = None, program: str = "train.py") -> int:
    """Runs the command and returns its exit code: 0 done, 1 failed while running, 2 refused before anything was
    written, 130 or 143 stopped by Ctrl-C or SIGTERM, after saving a checkpoint if training had begun. If torchrun has
    started several processes, they train one run together, and rank 0 alone prints and writes files."""
    write_out_odd_letters()
    words = list(sys.argv[1:] if arguments is None else arguments)
    ranks: Ranks | None = None
    try:
        with stopped_by_sigterm():
            ranks = _ranks()
            code = _main(words, program, ranks)
            if ranks is not None:
                _leave(wait=code not in (1, 2))
            return code
    except UserError as error:
        if ranks is None or ranks.first:
            print(error, file=sys.stderr)
        return 1 if isinstance(error, TrainingFailed) else 2
    except KeyboardInterrupt as stop:
        if ranks is None or ranks.first:
            print("Stopped.", file=sys.stderr)
        return int(stop.args[0]) if stop.args else 130
    except RuntimeError as error:
        if ranks is None or not _is_loss_of_a_rank(error):
            raise
        print(f"rank {ranks.rank}: another rank ended before training had begun, or after it", file=sys.stderr)
        return 1


def _ranks() -> Ranks | None:
    """Joins the processes that torchrun has started, and returns the ranks; None for one process before PyTorch is
    imported. Raises UserError if they cannot connect."""
    if os.environ.get("WORLD_SIZE", "1") == "1" and "torch" not in sys.modules:
        return None
    from ganlab.ranks import join

    ranks = join()
    if not ranks.first:
        _print_errors_only(ranks)
    return ranks


def _leave(wait: bool) -> None:
    from ganlab.ranks import leave

    leave(wait)


def _is_loss_of_a_rank(error: RuntimeError) -> bool:
    from ganlab.ranks import is_loss_of_a_rank

    return is_loss_of_a_rank(error)


def _print_errors_only(ranks: Ranks) -> None:
    handler = logging.StreamHandler()
    handler.setLevel(logging.ERROR)
    handler.setFormatter(logging.Formatter(f"rank {ranks.rank}: %(message)s"))
    log.addHandler(handler)
    log.propagate = False


def _main(arguments: list[str], program: str, ranks: Ranks | None) -> int:
    refuse_what_is_no_text(arguments)
    # Intermixed, because users type `norm=batch -m seed=0,1`.
    arguments = expand_flags(arguments)
    args, unknown = arguments_parser().parse_known_intermixed_args(arguments)
    if unknown:
        raise Refused([f"{flag}: there is no such flag; type {without_dashes(flag, arguments)}" for flag in unknown])
    flags = [argument for argument in arguments if argument not in args.overrides]
    if args.help or args.hydra_help:
        if ranks is None or ranks.first:
            with composer(args.config_dir) as composing:
                shown = hydra_help(composing.hydra_options()).rstrip("\n") if args.hydra_help else composing.help()
            say(shown)
        return 0
    refuse_flags(args)
    with composer(args.config_dir) as composing, ranks.together() if ranks else nullcontext():
        read = composing.read(args.overrides)
        refuse_mistakes(composing, read, args.multirun)
        with loading():
            from ganlab.commands.launch import launch
        run = launch.checked(composing, read, args, flags, program, command_text(program, arguments))
    return run()
