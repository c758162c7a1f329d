"""Reading of image files, archives and arrays: pixels, the range of their numbers, and classes."""
