"""Packages that provide options of Hydra's own groups: sweepers, launchers, and loggers in colour."""

from __future__ import annotations

PACKAGES = {
    ("hydra/sweeper", "optuna"): "'ganlab-train[optuna]'",
    ("hydra/sweeper", "ax"): "hydra-ax-sweeper",
    ("hydra/sweeper", "nevergrad"): "hydra-nevergrad-sweeper",
    ("hydra/launcher", "joblib"): "'ganlab-train[joblib]'",
    ("hydra/launcher", "submitit_local"): "'ganlab-train[slurm]'",
    ("hydra/launcher", "submitit_slurm"): "'ganlab-train[slurm]'",
    ("hydra/launcher", "ray"): "'ganlab-train[ray]'",
    ("hydra/launcher", "ray_aws"): "'ganlab-train[ray]'",
    ("hydra/launcher", "rq"): "hydra-rq-launcher",
    ("hydra/job_logging", "colorlog"): "hydra-colorlog",
    ("hydra/hydra_logging", "colorlog"): "hydra-colorlog",
}


def missing(group: str, option: str, installed: list[str]) -> str:
    """Returns a sentence on an option of Hydra's that is not installed, with the command that installs it."""
    if package := PACKAGES.get((group, option)):
        return f"{group}={option}: it is not installed; type pip install {package}"
    near = [one for known, one in PACKAGES if known == group and option in one and one not in installed]
    if near:
        return (
            f"{group}={option}: not installed; did you mean {group}={near[0]}? That needs pip install "
            f"{PACKAGES[group, near[0]]}"
        )
    return f"{group}={option}: not installed; there are {', '.join(installed)}"
