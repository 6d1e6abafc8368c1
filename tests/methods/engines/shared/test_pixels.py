"""Sizes of images within limits of pixels."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from methods.engines.shared.pixels import UNLIMITED, limited_size
from methods.engines.shared.problems import Problem


@pytest.mark.parametrize(
    ("size", "limits", "expected"),
    [
        ((300, 200), UNLIMITED, (300, 200)),
        ((100, 100), (40000, None), (200, 200)),  # sides times sqrt(40000 / 10000) = 2
        ((400, 100), (None, 10000), (200, 50)),
        ((30, 10), (1000, None), (54, 18)),  # times 1.826: 54.8 and 18.3, rounded down
        ((200, 200), (10000, 40000), (200, 200)),
    ],
)
def test_sizes_by_hand(size: tuple[int, int], limits: tuple[int | None, int | None], expected: tuple[int, int]):
    assert limited_size(*size, limits) == expected


def test_a_problem_s_images_and_their_sizes_are_within_its_limits():
    out = io.BytesIO()
    Image.new("P", (40, 20)).save(out, "png")
    problem = Problem("here", "0", "<image>", "7", (out.getvalue(),), (3200, None))
    (image,) = problem.open_images()
    assert image.mode == "RGB" and image.size == (80, 40) and problem.image_sizes() == [(40, 80)]
