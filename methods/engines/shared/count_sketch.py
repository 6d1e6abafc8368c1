"""A fixed random sketch of long vectors: a few thousand numbers from which inner products are estimated without bias.

Charikar, Chen and Farach-Colton 2002: every coordinate is given a random place and a random sign; coordinates with the
same place are added up. The error of an inner product has a variance of at most 2 |x|^2 |y|^2 / dimension.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


class CountSketch:
    """Makes sketches of vectors of one length. Equal arguments make the same sketch."""

    def __init__(self, length: int, dimension: int, seed: int, device: torch.device) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.dimension = dimension
        self.place = torch.randint(dimension, (length,), generator=generator).to(device)
        self.sign = (torch.randint(2, (length,), generator=generator, dtype=torch.int8) * 2 - 1).to(device)

    def __call__(self, vectors: Float[Tensor, "M N"]) -> Float[Tensor, "M D"]:
        """Return the sketches of M vectors; they are made one at a time to save memory."""
        sketches = torch.zeros(len(vectors), self.dimension, device=vectors.device)
        for vector, sketch in zip(vectors, sketches, strict=True):
            sketch.index_add_(0, self.place, vector * self.sign)
        return sketches


def exact_products(vectors: Float[Tensor, "M N"], at_once: int = 1 << 20) -> Float[Tensor, "M M"]:
    """Return all inner products of M vectors in float64, computed from ``at_once`` coordinates at a time."""
    products = torch.zeros(len(vectors), len(vectors), dtype=torch.float64, device=vectors.device)
    for part in vectors.split(at_once, dim=1):
        products += part.double() @ part.double().T
    return products
