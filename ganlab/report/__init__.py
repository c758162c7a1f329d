"""Reads the runs of a sweep, and computes what their choices did."""
