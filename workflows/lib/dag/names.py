"""Names of cells, and the error for a name that does not exist. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from contracts.errors import ConfigError, nearest


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


def known(name: str, names: Mapping[str, object], kind: str, place: str, hint: str = "") -> str:
    """Return ``name`` if it is one of ``names``. ConfigError names all of them, and the nearest, otherwise."""
    if name not in names:
        cause = f"no {kind} '{name}'; there is {', '.join(sorted(names)) or 'none'}{hint}"
        raise ConfigError(place, cause, nearest(name, list(names)))
    return name
