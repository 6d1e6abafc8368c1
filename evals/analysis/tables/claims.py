"""A verdict on every claim of the paper that the cells of one world can speak to, as a table and as JSON.

A verdict is about the world it was reached in: what the micro world says of a claim about Qwen3-VL is no reproduction.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from contracts.files import write_text
from evals.analysis.cells import Arm, read_arms
from evals.analysis.claims.measuring import Measured
from evals.analysis.claims.records import Accuracy, Claim, Claims, Time, Training, load_claims
from evals.analysis.claims.verdicts import ClaimVerdict, PartVerdict, Verdict, judge
from evals.analysis.display import PAPER_ORDER, listed, method_name
from evals.analysis.rendering.captions import Words, made, title
from evals.analysis.rendering.cell_words import MINUS, points
from evals.analysis.rendering.document import write_document
from evals.analysis.rendering.layout import ABSENT, ColumnGroup, Entry, Part, TableSection
from evals.benchmarks import BENCHMARKS

OWN = "Methods that are not the paper's"
RIVALS = ("base", "grpo", "cepo")  # what a method of one's own is compared with


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``claims`` as .md, .csv, .tex, .html and .json to the folder ``out``; returns the paths.

    ``cells``: finished cell folders of one world. ``published``: the folder with claims.yaml. A claim whose cells were
    not run is undecided and says so. Raises DataError if a file is broken.
    """
    claims, arms = load_claims(published), read_arms(cells)
    world = arms[0].folders[0].cell.world
    known = {(arm.scale, arm.method, arm.variant): arm for arm in arms}
    judged = [judge(claim, known) for claim in [*claims.claims, *own_claims(arms)]]
    paths = write_document(
        out, "claims", _words(judged, arms, world), [_table(judged, world)], _frame(judged, claims, world)
    )
    record = {"world": world, "models": _models(arms), "claims": [_record(one, claims, world) for one in judged]}
    return [*paths, write_text(out / "claims.json", json.dumps(record, indent=1) + "\n")]


def own_claims(arms: Sequence[Arm]) -> list[Claim]:
    """Whether each method that is not the paper's beats its rivals on average, at every scale it was run at."""
    found = []
    for arm in arms:
        if arm.method not in PAPER_ORDER and arm.variant == "default":
            common = {"kind": "accuracy", "scale": arm.scale, "ours": arm.method, "expect": "higher", "tolerance": 1.0}
            found += [
                Claim(
                    id=f"{arm.method}_over_{rival}_{arm.scale}".lower(),
                    topic=OWN,
                    says=f"{arm.name} is better than {method_name(rival)} on average, {arm.scale}",
                    where="not in the paper",
                    source="",
                    parts=[Accuracy.model_validate(common | {"theirs": rival})],
                )
                for rival in RIVALS
            ]
    return found


def _models(arms: Sequence[Arm]) -> dict[str, str]:
    return {arm.scale: arm.model for arm in arms}


def _words(judged: Sequence[ClaimVerdict], arms: Sequence[Arm], world: str) -> Words:
    counts = [f"{sum(one.verdict == name for one in judged)} {name}" for name in get_args(Verdict)]
    models = listed([f"{scale} {model}" for scale, model in _models(arms).items()])
    elsewhere = "" if world == "paper" else "; the paper's sentences are about Qwen3-VL: this reproduces none"
    caption = [
        f"Of {len(judged)} claims {listed(counts)}. Tested in the {world} world ({models}){elsewhere}.",
        "Effects in points (time: ratio), with 95 % intervals over what stands beside them.",
        "Supported: every part's interval lies on the side that the claim names. Contradicted: on the other, or with "
        "no room for a difference that counts. Undecided: neither; the seeds named would decide four times in five if "
        "the effect and the spread of seeds are as seen. Rows that begin with a dash are parts of the claim above.",
        "One seed decides nothing: seeds are what is repeated, and one says nothing about the next.",
        *made(arms),
    ]
    return Words(title("claims", world), caption, [], {})


def _table(judged: Sequence[ClaimVerdict], world: str) -> Part:
    columns = ["verdict", "effect", "interval over", "seeds", "the paper", "why, or what would decide"]
    topics = dict.fromkeys(one.claim.topic for one in judged)
    grouped = {topic: [one for one in judged if one.claim.topic == topic] for topic in topics}
    sections = [TableSection(topic, list(_rows(members, world))) for topic, members in grouped.items()]
    return Part("Verdicts", [ColumnGroup("Evidence", columns)], sections, "Claim")


def _rows(judged: Sequence[ClaimVerdict], world: str) -> Iterator[tuple[str, list[Entry]]]:
    for one in judged:
        name = f"{one.claim.says} ({one.claim.where})"
        if len(one.parts) == 1:
            yield name, _entries(one.parts[0])
        else:
            yield name, [Entry(one.verdict, bold=True), *[Entry()] * 4, Entry(one.why)]
            yield from ((f"{MINUS} {part_name(part.part, world)}", _entries(part)) for part in one.parts)


def _entries(judged: PartVerdict) -> list[Entry]:
    part, found = judged.part, judged.found
    size = Entry() if part.size is None else Entry(number(part.size, part), paper=True)
    verdict = Entry(judged.verdict, bold=True)
    if not isinstance(found, Measured):
        return [verdict, Entry(ABSENT), Entry(ABSENT), Entry(ABSENT), size, Entry(judged.why)]
    ends = [number(end, part) for end in (found.low, found.high) if end is not None]
    effect = Entry(number(found.value, part), (f"[{', '.join(ends)}]",) if ends else ())
    return [verdict, effect, Entry(found.covers), Entry(str(found.seeds)), size, Entry(judged.why)]


def number(value: float, part: Accuracy | Training | Time) -> str:
    """``+3.2`` points, ``1.104`` times."""
    return f"{value:.3f}" if isinstance(part, Time) else points(value / 100)


def part_name(part: Accuracy | Training | Time, world: str) -> str:
    """``CEPO over GRPO, small, micro-MathVision``."""
    sides = " over ".join(_arm_name(name) for name in (part.ours, part.theirs) if name)
    return ", ".join([sides, part.scale, _quantity(part, world)])


def _arm_name(name: str) -> str:
    method, _, variant = name.partition("/")
    return method_name(method, variant or "default")


def _quantity(part: Accuracy | Training | Time, world: str) -> str:
    if isinstance(part, Time):
        return f"time per step against {part.than:g}"
    if isinstance(part, Training):
        steps = f"steps {part.steps[0]} to {part.steps[1]}"
        return f"{part.quantity.replace('_', ' ')}, {steps}" + (
            f" less {part.minus_steps[0]} to {part.minus_steps[1]}" if part.minus_steps else ""
        )
    if part.benchmarks == list(BENCHMARKS):
        return "average"
    named = [[BENCHMARKS[name].display(world) for name in names] for names in (part.benchmarks, part.beyond)]
    shown, beyond = map(listed, named)
    return f"{shown} beyond {beyond}" if beyond else shown


def _record(judged: ClaimVerdict, claims: Claims, world: str) -> dict[str, Any]:
    claim = judged.claim
    source = claims.sources[claim.source].where if claim.source else "this project"
    record = {"id": claim.id, "topic": claim.topic, "says": claim.says, "where": claim.where, "source": source}
    record |= {"verdict": judged.verdict, "why": judged.why, "seeds_needed": judged.seeds_needed}
    return record | {"parts": [_part_record(part, world) for part in judged.parts]}


def _part_record(judged: PartVerdict, world: str) -> dict[str, Any]:
    part, found = judged.part, judged.found
    record = {"name": part_name(part, world), "scale": part.scale, "ours": part.ours, "theirs": part.theirs}
    record |= {"expect": part.expect, "tolerance": part.tolerance, "paper": part.size, "note": part.note}
    record |= {"unit": "ratio" if isinstance(part, Time) else "points", "verdict": judged.verdict, "why": judged.why}
    measured = isinstance(found, Measured)
    record |= {name: _rounded(getattr(found, name)) if measured else None for name in ("value", "low", "high")}
    record |= {"seeds": found.seeds if measured else None, "interval_over": found.covers if measured else None}
    return record | {"seeds_needed": judged.seeds_needed, "cells": found.cells}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _frame(judged: Sequence[ClaimVerdict], claims: Claims, world: str) -> pd.DataFrame:
    lines = []
    for one in judged:
        record = _record(one, claims, world)
        parts = record.pop("parts")
        common = {"world": world} | {f"claim_{name}" if name in parts[0] else name: v for name, v in record.items()}
        lines += [common | part | {"cells": " ".join(part["cells"])} for part in parts]
    return pd.DataFrame(lines).astype({"seeds": "Int64", "seeds_needed": "Int64", "claim_seeds_needed": "Int64"})
