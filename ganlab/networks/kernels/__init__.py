"""Fast kernels: the same numbers as PyTorch's operations, with cheaper second derivatives."""
