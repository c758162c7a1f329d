"""Measures an initialization without training: signals and gradients by layer, and figures of both networks."""
