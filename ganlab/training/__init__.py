"""Training: the two updates, the loop around them, and the steps from a loss to new weights."""
