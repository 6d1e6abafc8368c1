"""``tables/claims.json`` as models: the verdicts on all claims in one world, with the numbers behind them. No torch."""

from __future__ import annotations

from pydantic import Field

from contracts.records import Record
from evals.analysis.claims.records import Unit
from evals.statistics.verdict_rule import Expect, Verdict


class JudgedControl(Record):
    """The positive control of a part: oracle credit over GRPO."""

    state: str = Field(description="in words, with the number where there is one")
    works: bool = Field(description="whether it is supported with the seeds of the part")
    needed: bool = Field(description="whether a verdict on this kind of part depends on it")
    value: float | None
    low: float | None
    high: float | None


class JudgedPart(Record):
    """One part of a claim and its verdict. Numbers are in ``unit``, null if not known."""

    name: str
    scale: str
    ours: str
    theirs: str | None
    expect: Expect
    tolerance: float
    paper: float | None
    note: str
    unit: Unit
    verdict: Verdict
    why: str
    value: float | None
    low: float | None
    high: float | None
    seeds: int | None
    interval_over: str | None
    seeds_needed: int | None
    cells: list[str]
    control: JudgedControl


class JudgedClaim(Record):
    """One claim and its verdict."""

    id: str
    topic: str
    says: str
    where: str
    source: str
    verdict: Verdict
    why: str
    seeds_needed: int | None
    parts: list[JudgedPart]


class JudgedClaims(Record):
    """All of ``claims.json``: every claim of the paper with its verdict in one world."""

    world: str
    models: dict[str, str] = Field(description="base model of each scale")
    claims: list[JudgedClaim]
