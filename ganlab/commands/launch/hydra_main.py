"""Reads Hydra's command line, and hands jobs to Hydra, which creates their folders and logs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from hydra import version
from hydra._internal.utils import _run_hydra, get_args_parser, run_and_report
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from ganlab.config.compose import composer
from ganlab.config.explain import CONFIG_NAME
from ganlab.config_folder import config_folder

Job = Callable[[DictConfig], float | None]


def arguments_parser() -> argparse.ArgumentParser:
    """Returns Hydra's parser of the command line.

    Since Python 3.14 argparse expands each help text as it is added, and Hydra 1.3 adds one that is no text yet
    (facebookresearch/hydra#3121). The check is left out meanwhile.
    """
    container = argparse._ActionsContainer
    check = getattr(container, "_check_help", None)
    if check is None:
        return get_args_parser()
    container._check_help = lambda *_: None  # type: ignore[attr-defined]
    try:
        return get_args_parser()
    finally:
        container._check_help = check  # type: ignore[attr-defined]


def hand_to_hydra(program: str, arguments: Sequence[str], job: Job) -> None:
    """Lets Hydra read ``arguments``: it shows what they ask for, or runs ``job`` for each job of a sweep that another
    launcher or sweeper runs. It is what ``hydra.main`` does, with the parser above."""
    sys.argv = [program, *arguments]
    version.setbase("1.3")
    parser = arguments_parser()
    _run_hydra(
        args=parser.parse_args(),
        args_parser=parser,
        task_function=job,
        config_path=str(config_folder()),
        config_name=CONFIG_NAME,
    )


def run_with_hydra(config_dir: str | None, overrides: Sequence[str], job: Job) -> None:
    """Runs ``job`` once, in the folder of ``hydra.run.dir``. ``hand_to_hydra`` would compose the configuration once
    more, to find out whether it is a sweep."""
    with composer(config_dir):
        running = GlobalHydra.instance().hydra
        assert running is not None
        run_and_report(lambda: running.run(CONFIG_NAME, job, list(overrides)))
