"""A verdict on every claim of the paper from the cells of one world, as a table and as JSON.

A verdict holds in the world of its cells. A verdict of the micro world on a claim about Qwen3-VL is no reproduction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

import pandas as pd

from contracts.files import write_text
from contracts.gradients import ESTIMATES, GradientLine
from contracts.reading import read_lines
from evals.analysis.cells import Arm, read_arms
from evals.analysis.claims.judged import JudgedClaim, JudgedClaims, JudgedControl, JudgedPart
from evals.analysis.claims.measuring import ClaimEvidence
from evals.analysis.claims.numbers import Measured
from evals.analysis.claims.records import (
    Accuracy,
    Claim,
    Claims,
    Gradients,
    Part,
    Time,
    Training,
    load_claims,
)
from evals.analysis.claims.verdicts import ClaimVerdict, PartVerdict, judge
from evals.analysis.display import PAPER_ORDER, listed, method_name
from evals.analysis.gradient_results import FOLDER, state_name
from evals.analysis.paper_steps import PAPER_STEPS
from evals.analysis.rendering.captions import Words, made, title
from evals.analysis.rendering.cell_words import MINUS, points
from evals.analysis.rendering.document import write_document
from evals.analysis.rendering.layout import ABSENT, ColumnGroup, Entry, TableSection
from evals.analysis.rendering.layout import Part as TablePart
from evals.benchmarks import BENCHMARKS
from evals.statistics.verdict_rule import Verdict

QUANTITIES = {  # what a part is about, in words; a quantity that is not here keeps its own name
    "accuracy": "accuracy of rollouts",
    "val_accuracy": "validation accuracy",
    "evidence.share_positive": "share of tokens with positive evidence",
    "evidence.share_negative": "share of tokens with negative evidence",
    "evidence.weight_clip_rate": "share of weights that are clipped",
    "credit.auroc_uncertain": "AUROC of weights for decisive tokens",
    "samples": "rollouts needed",
    "direction": "direction of the gradient",
    "progress": "progress of a gradient",
}
OWN = "Methods that are not the paper's"
RIVALS = ("base", "grpo", "cepo")  # what a method of one's own is compared with


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``claims`` as .md, .csv, .tex, .html and .json to the folder ``out``; returns the paths.

    ``cells``: finished cell folders of one world. ``published``: the folder with claims.yaml. Measured gradients are
    read from ``gradients/estimates.jsonl`` beside ``out`` where that file exists. A claim whose cells were not run, or
    whose gradients were not measured, is undecided and says so. Raises DataError if a file is broken.
    """
    claims, arms = load_claims(published), read_arms(cells)
    world = arms[0].folders[0].cell.world
    known = {(arm.scale, arm.method, arm.variant): arm for arm in arms}
    estimates = out.parent / FOLDER / ESTIMATES
    evidence = ClaimEvidence(known, read_lines(GradientLine, estimates) if estimates.exists() else ())
    judged = [judge(claim, evidence) for claim in [*claims.claims, *own_claims(arms)]]
    paths = write_document(
        out, "claims", _words(judged, arms, world), [verdict_table(judged, world)], _frame(judged, claims, world)
    )
    record = JudgedClaims(
        world=world, models=_models(arms), claims=[_record(one, claims, world) for one in judged]
    )  # fmt: skip
    return [*paths, write_text(out / "claims.json", record.model_dump_json(indent=1) + "\n")]


def own_claims(arms: Sequence[Arm]) -> list[Claim]:
    """Whether each method that is not the paper's beats its rivals on average, at every scale it was run at.

    Controls are no rivals: that the oracle knows more than CEPO is no claim.
    """
    claims = []
    for arm in arms:
        if arm.method not in PAPER_ORDER and arm.variant == "default" and not arm.is_control:
            common = {"kind": "accuracy", "scale": arm.scale, "ours": arm.method, "expect": "higher", "tolerance": 1.0}
            claims += [
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
    return claims


def _models(arms: Sequence[Arm]) -> dict[str, str]:
    return {arm.scale: arm.model for arm in arms}


def _words(judged: Sequence[ClaimVerdict], arms: Sequence[Arm], world: str) -> Words:
    counts = [f"{sum(one.verdict == name for one in judged)} {name}" for name in get_args(Verdict)]
    models = listed([f"{scale} {model}" for scale, model in _models(arms).items()])
    elsewhere = "" if world == "paper" else "; the paper's sentences are about Qwen3-VL: this reproduces none"
    caption = [
        f"Of {len(judged)} claims {listed(counts)}. Tested in the {world} world ({models}){elsewhere}.",
        "Effects in points (time: ratio; gradients: ratio or cosine); 95 % intervals over what stands beside them.",
        "Supported: every part's interval lies on the side that the claim names. Contradicted: on the other, or with "
        "no room for a difference that counts. Undecided: neither; the seeds named would decide four times in five if "
        "the effect and the variance of seeds are as seen. Rows that begin with a dash are parts of the claim above.",
        "Contradicted, and 'about the same' supported, are given only where the positive control (oracle credit over "
        "GRPO, same scale, budget and seeds) is supported: a world that cannot show its lead cannot show another.",
        "One seed decides nothing: seeds are what is repeated, and one says nothing about the next.",
        *made(arms),
    ]
    return Words(title("claims", world), caption, [], {})


def verdict_table(judged: Sequence[ClaimVerdict], world: str) -> TablePart:
    """Claims by topic, each with its verdict, number and control."""
    columns = [
        "verdict",
        "effect",
        "interval over",
        "seeds",
        "the paper",
        "why, or what would decide",
        "positive control",
    ]
    topics = dict.fromkeys(one.claim.topic for one in judged)
    grouped = {topic: [one for one in judged if one.claim.topic == topic] for topic in topics}
    sections = [TableSection(topic, list(_rows(members, world))) for topic, members in grouped.items()]
    return TablePart("Verdicts", [ColumnGroup("Evidence", columns)], sections, "Claim")


def _rows(judged: Sequence[ClaimVerdict], world: str) -> Iterator[tuple[str, list[Entry]]]:
    for one in judged:
        name = f"{one.claim.says} ({one.claim.where})"
        if len(one.parts) == 1:
            yield name, _entries(one.parts[0])
        else:
            yield name, [Entry(one.verdict, bold=True), *[Entry()] * 4, Entry(one.why), Entry()]
            yield from ((f"{MINUS} {part_name(part.part, world)}", _entries(part)) for part in one.parts)


def _entries(judged: PartVerdict) -> list[Entry]:
    part, measured = judged.part, judged.number
    size = Entry() if part.size is None else Entry(number(part.size, part), paper=True)
    verdict = Entry(judged.verdict, bold=True)
    if not isinstance(measured, Measured):
        return [
            verdict,
            Entry(ABSENT),
            Entry(ABSENT),
            Entry(ABSENT),
            size,
            Entry(judged.why),
            Entry(judged.control.state),
        ]
    ends = [number(end, part) for end in (measured.low, measured.high) if end is not None]
    effect = Entry(number(measured.value, part), (f"[{', '.join(ends)}]",) if ends else ())
    return [
        verdict,
        effect,
        Entry(measured.covers),
        Entry(str(measured.seeds)),
        size,
        Entry(judged.why),
        Entry(judged.control.state),
    ]


def number(value: float, part: Part) -> str:
    """``+3.2`` points, ``1.104`` times."""
    return points(value / 100) if part.unit == "points" else f"{value:z.3f}".replace("-", MINUS)


def part_name(part: Part, world: str) -> str:
    """``CEPO over GRPO, small, micro-MathVision``."""
    sides = " over ".join(_arm_name(name) for name in part.arms)
    return ", ".join([sides, part.scale, _quantity(part, world)])


def _arm_name(name: str) -> str:
    method, _, variant = name.partition("/")
    return method_name(method, variant or "default")


def _quantity(part: Part, world: str) -> str:
    if isinstance(part, Time):
        return f"time per step against {part.than:g}"
    if isinstance(part, Gradients):
        return f"{QUANTITIES[part.quantity]} against {part.than:g}, {state_name(part.state)}"
    if isinstance(part, Training):
        less = f", less that {_steps(part.minus_steps)}" if part.minus_steps else ""
        return f"{QUANTITIES.get(part.quantity, part.quantity)} {_steps(part.steps)}{less}"
    if part.benchmarks == list(BENCHMARKS):
        return "average"
    named = [[BENCHMARKS[name].display(world) for name in names] for names in (part.benchmarks, part.beyond)]
    shown, beyond = map(listed, named)
    return f"{shown} beyond {beyond}" if beyond else shown


def _steps(window: tuple[int, int]) -> str:
    """Steps of the paper's 50 in words."""
    first, last = window
    if window == (1, PAPER_STEPS):
        return "over all steps"
    return "after the last step" if first == last == PAPER_STEPS else f"in steps {first} to {last} of {PAPER_STEPS}"


def _record(judged: ClaimVerdict, claims: Claims, world: str) -> JudgedClaim:
    claim = judged.claim
    return JudgedClaim(
        id=claim.id,
        topic=claim.topic,
        says=claim.says,
        where=claim.where,
        source=claims.sources[claim.source].where if claim.source else "this project",
        verdict=judged.verdict,
        why=judged.why,
        seeds_needed=judged.seeds_needed,
        parts=[_part_record(part, world) for part in judged.parts],
    )


def _part_record(judged: PartVerdict, world: str) -> JudgedPart:
    part, shown, control = judged.part, judged.number, judged.control
    measured = shown if isinstance(shown, Measured) else None
    return JudgedPart(
        name=part_name(part, world),
        scale=part.scale,
        ours=part.ours,
        theirs=part.arms[1] if len(part.arms) > 1 else None,
        expect=part.expect,
        tolerance=part.tolerance,
        paper=part.size,
        note=part.note,
        unit=part.unit,
        verdict=judged.verdict,
        why=judged.why,
        **_ends(measured),
        seeds=measured.seeds if measured else None,
        interval_over=measured.covers if measured else None,
        seeds_needed=judged.seeds_needed,
        cells=shown.cells,
        control=JudgedControl(
            state=control.state, works=control.works, needed=control.needed, **_ends(control.measured)
        ),
    )


def _ends(measured: Measured | None) -> dict[str, float | None]:
    return {name: _rounded(getattr(measured, name)) if measured else None for name in ("value", "low", "high")}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _frame(judged: Sequence[ClaimVerdict], claims: Claims, world: str) -> pd.DataFrame:
    lines = []
    for one in judged:
        record = _record(one, claims, world).model_dump()
        parts = record.pop("parts")
        common = {"world": world} | {f"claim_{name}" if name in parts[0] else name: v for name, v in record.items()}
        for part in parts:
            control = {f"control_{name}": value for name, value in part.pop("control").items()}
            lines.append(common | part | {"cells": " ".join(part["cells"])} | control)
    return pd.DataFrame(lines).astype({"seeds": "Int64", "seeds_needed": "Int64", "claim_seeds_needed": "Int64"})
