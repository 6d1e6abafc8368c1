"""The name of a cell. No torch."""

from __future__ import annotations

from typing import NamedTuple

BASE = "base"  # the untrained model, as a method
DEFAULT = "default"


class Key(NamedTuple):
    """The name of a cell. It is also its folder and the wildcards of its rules."""

    method: str
    scale: str
    variant: str
    seed: int

    @property
    def name(self) -> str:
        """``method/scale/variant/s<seed>``."""
        return f"{self.method}/{self.scale}/{self.variant}/s{self.seed}"
