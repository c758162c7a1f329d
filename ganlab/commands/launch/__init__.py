"""Launching a training run: from the words that are typed to a run folder and an exit code."""
