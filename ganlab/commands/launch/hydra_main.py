"""Hands jobs to Hydra, which creates their folders and logs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import hydra
from hydra._internal.utils import run_and_report
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from ganlab.config.compose import composer
from ganlab.config.explain import CONFIG_NAME
from ganlab.config_folder import config_folder

Job = Callable[[DictConfig], float | None]


def hand_to_hydra(program: str, arguments: Sequence[str], job: Job) -> None:
    """Lets Hydra read ``arguments``: it shows what they ask for, or runs ``job`` for each job of a sweep that another
    launcher or sweeper runs."""
    sys.argv = [program, *arguments]
    hydra.main(config_path=str(config_folder()), config_name=CONFIG_NAME, version_base="1.3")(job)()


def run_with_hydra(config_dir: str | None, overrides: Sequence[str], job: Job) -> None:
    """Runs ``job`` once, in the folder of ``hydra.run.dir``. ``hand_to_hydra`` would compose the configuration once
    more, to find out whether it is a sweep."""
    with composer(config_dir):
        running = GlobalHydra.instance().hydra
        assert running is not None
        run_and_report(lambda: running.run(CONFIG_NAME, job, list(overrides)))
