"""Images that are points of the plane."""

POINT = (2, 1, 1)
"""The shape (C, H, W) of an image that is a point: x and y as its channels."""
