"""ganlab: find out which choices make a GAN train."""

__version__ = "0.1.0"
