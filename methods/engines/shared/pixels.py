"""Image sizes within limits, as EasyR1 has them before the image processor sees the image.

Size as in EasyR1 @b44b311, verl/utils/dataset.py:64-72: first shrunk to at most ``largest`` pixels, then enlarged to
about ``smallest``, sides rounded down; the image processor rounds them to its patches afterwards.
"""

from __future__ import annotations

import math

from PIL import Image

Limits = tuple[int | None, int | None]  # smallest and largest number of pixels of an image; None: no limit
UNLIMITED: Limits = (None, None)


def limited_size(width: int, height: int, limits: Limits) -> tuple[int, int]:
    """(width, height) of an image after both limits."""
    smallest, largest = limits
    if largest is not None and width * height > largest:
        width, height = _scaled(width, height, largest)
    if smallest is not None and width * height < smallest:
        width, height = _scaled(width, height, smallest)
    return width, height


def limited(image: Image.Image, limits: Limits) -> Image.Image:
    """The image at its size within the limits; the image itself if that is its size."""
    size = limited_size(*image.size, limits)
    return image if size == image.size else image.resize(size)


def _scaled(width: int, height: int, pixels: int) -> tuple[int, int]:
    factor = math.sqrt(pixels / (width * height))
    return int(width * factor), int(height * factor)
