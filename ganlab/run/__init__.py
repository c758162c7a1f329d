"""Runs in Python: what is in their folders, and how they show themselves in a notebook."""

from ganlab.run.run import Run, find_run
from ganlab.run.runs import Runs, find_runs
from ganlab.run.saved import SavedSettings

__all__ = ["Run", "Runs", "SavedSettings", "find_run", "find_runs"]
