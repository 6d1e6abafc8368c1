"""Sketches keep inner products, without bias and with the error the docstring states."""

from __future__ import annotations

import torch

from methods.engines.shared.count_sketch import CountSketch, exact_products

CPU = torch.device("cpu")


def vectors(length: int) -> torch.Tensor:
    """Two vectors with a cosine of .6, and a third."""
    g = torch.Generator().manual_seed(0)
    one, two, three = torch.randn(3, length, generator=g)
    return torch.stack([one, 0.6 * one + 0.8 * two, three])


def test_a_sketch_of_one_draw_agrees():
    long, dimension = vectors(100_000), 4096
    sketches = CountSketch(100_000, dimension, 0, CPU)(long)
    assert sketches.shape == (3, dimension)
    norms = long.norm(dim=1)
    error = (sketches @ sketches.T - long @ long.T) / torch.outer(norms, norms)
    assert error.abs().max() < 4 * (2 / dimension) ** 0.5


def test_sketches_have_no_bias_and_the_stated_variance():
    long, dimension, drawn = vectors(300), 64, 1500
    exact = exact_products(long)[0, 1]
    found = torch.stack([(s := CountSketch(300, dimension, seed, CPU)(long))[0] @ s[1] for seed in range(drawn)])
    bound = (2 / dimension) ** 0.5 * float(long[0].norm() * long[1].norm())
    assert abs(float(found.mean() - exact)) < 3 * bound / drawn**0.5
    assert float(found.std()) < 1.05 * bound


def test_equal_seeds_make_equal_sketches():
    long = vectors(1000)
    assert torch.equal(CountSketch(1000, 32, 5, CPU)(long), CountSketch(1000, 32, 5, CPU)(long))
    assert not torch.equal(CountSketch(1000, 32, 5, CPU)(long), CountSketch(1000, 32, 6, CPU)(long))


def test_exact_products_come_in_parts():
    long = vectors(1000)
    torch.testing.assert_close(exact_products(long, at_once=300), long.double() @ long.double().T)
