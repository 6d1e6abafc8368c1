"""What a config needs and this machine lacks: models and data of the hub, the checkout of EasyR1."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from methods.engines.easyr1.checkout import lacking as checkout_lacking
from workflows.lib.config.schema import Config
from workflows.lib.hub.needs import FETCH, Lock, lacking, needs


@dataclass(frozen=True)
class MissingNeed:
    """One thing that is missing on this machine."""

    place: str  # key of the config
    cause: str
    remedy: str

    @property
    def line(self) -> str:
        """For people: place, cause, way out."""
        return f"{self.place}: {self.cause}; {self.remedy}"


def missing(config: Config, lock: Lock) -> list[MissingNeed]:
    """List all that is missing for a config. ``lock`` says what was fetched from the hub."""
    needed = []
    for need in needs(config):
        if cause := lacking(need, lock):
            needed.append(MissingNeed(need.place, f"{need.repo}: {cause}", FETCH))
    if config.engine == "easyr1" and (cause := checkout_lacking(Path(config.easyr1.checkout).expanduser())):
        needed.append(MissingNeed("easyr1.checkout", cause, FETCH))
    return needed
