"""The two updates, the loop around them, and what happens between a loss and new weights."""
