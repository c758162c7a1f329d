"""Reads run folders: what each run was, how it ended, and which score counts."""
