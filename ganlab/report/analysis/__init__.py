"""Computes what choices did: from the records of runs to effects, intervals and curves."""
