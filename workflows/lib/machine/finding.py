"""One line of the doctor's report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MachineFinding:
    """One line of the report. Without a way out all is well; with one, it blocks a run."""

    what: str
    expected: str
    found: str
    way_out: str = ""

    @property
    def line(self) -> str:
        """For people: mark, what, found, expected, way out."""
        mark, tail = ("STOP", f"; {self.way_out}") if self.way_out else ("ok  ", "")
        return f"{mark} {self.what}: {self.found} (expected: {self.expected}){tail}"
