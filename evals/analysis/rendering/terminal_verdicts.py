"""Two lines of ``claims.json`` for a terminal: what the positive controls say, and a count of each verdict."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from contracts.errors import DataError

REMEDY = "delete it and run: make reproduce"
CONTROL = "oracle over GRPO"  # its states begin with it


def verdict_lines(path: Path) -> list[str]:
    """The controls' states by scale, and the number of claims of each verdict; none where a run asked for no verdicts.

    DataError if the file is not one of verdicts.
    """
    if not path.exists():
        return ["Controls not judged: this run made no table of claims."]
    try:
        claims = json.loads(path.read_text(encoding="utf-8"))["claims"]
        counts = Counter(str(claim["verdict"]) for claim in claims)
        states = _states([part for claim in claims for part in claim["parts"]])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise DataError(str(path), "is not a file of verdicts that this project writes", REMEDY) from None
    if len(states) > 1 and len(set(states.values())) == 1:
        states = {"every scale": next(iter(states.values()))}
    said = [f"{scale}: {state}" for scale, state in states.items()] or ["none is needed"]
    heads = [f"Control  {CONTROL}, ", *[" " * len(f"Control  {CONTROL}, ")] * len(said)]
    found = ", ".join(f"{counts[name]} {name}" for name in ("supported", "contradicted", "undecided"))
    controls = [f"{head}{one}" for head, one in zip(heads, said, strict=False)]
    return [*controls, f"Claims   {found}: tables/claims.md"]


def _states(parts: list[dict[str, Any]]) -> dict[str, str]:
    """The state of the control at each scale, as the first part in points that needs one has it."""
    needing = [part for part in parts if part["control"]["needed"] and part["unit"] == "points"]
    states: dict[str, str] = {}
    for part in needing:
        states.setdefault(part["scale"], _state(part["control"]))
    if not all(f"{scale}{state}".isprintable() for scale, state in states.items()):
        raise ValueError("a state that cannot be printed")
    return states


def _state(control: dict[str, Any]) -> str:
    """Its difference in points with the interval and whether it works, or where there is no number what it says."""
    ends = [control.get(name) for name in ("value", "low", "high")]
    if None in ends:
        return str(control["state"]).removeprefix(f"{CONTROL} ")
    words = "works" if control["works"] else "not supported"
    return "{:+z.1f} [{:+z.1f}, {:+z.1f}] points: ".format(*ends) + words
