"""The type of functions that pick what a teacher is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from numpy.random import Generator

from methods.shared.references import Member, Reference


class Choose(Protocol):
    """Picks what a teacher is shown. Those of the paper and the released code are in ``references.py`` beside this."""

    def __call__(
        self, members: Sequence[Member], truth: str, rng: Generator, others: Sequence[str] = ()
    ) -> list[Reference | None]:
        """Return one reference per member, or None. ``others``: right answers of the other problems of this step."""
        ...
