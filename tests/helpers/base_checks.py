"""What was measured of base models, written beside finished cells for the tests of the analysis."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tests.helpers.analysis_cells import write_cell

KNOWN = {"small_none": 0.1, "small_half": 1.5, "small": 4.0}  # evidence on slips, inline, by scale
METHODS = ("grpo", "opsd", "cepo", "oracle")


def write_check(results: Path, scale: str, seed: int, slips: float) -> None:
    """``check.json`` of a base whose evidence in the user turn is 0.5 nats more than ``slips``, that inline."""
    folder = results / "models" / scale / f"s{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    places = {"inline": slips, "user_turn": slips + 0.5}
    evidence = {
        place: {"slips": nats, "decisive": 0.05, "other": 0.01, "auroc": 0.5 + nats / 10}
        for place, nats in places.items()
    }
    report = {"accuracy": 0.25 + seed / 100, "mixed": 0.7, "evidence": evidence, "oracle": {"samples": 0.4}}
    (folder / "check.json").write_text(json.dumps(report))


def write_teachers(results: Path, seeds: tuple[int, ...] = (1,), known: Mapping[str, float] = KNOWN) -> list[Path]:
    """Cells of an experiment with three bases, whose methods gain more where teachers know more."""
    cells = []
    for scale, nats in known.items():
        for seed in seeds:
            write_check(results, scale, seed, nats + seed - 1)
            skills = {"grpo": 0.4, "opsd": 0.3, "cepo": 0.4 + nats / 20, "oracle": 0.7}
            for method in METHODS:
                changed = {"context_style": "user_turn"} if method == "opsd" else {}
                folder = results / "cells"
                cells.append(write_cell(folder, method, scale, seed, skill=skills[method], changed=changed))
    return cells
