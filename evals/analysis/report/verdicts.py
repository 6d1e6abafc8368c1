"""The verdicts on the paper's claims for the report, from ``tables/claims.json``."""

from __future__ import annotations

import json
from collections import Counter
from html import escape
from pathlib import Path
from typing import Any

from contracts.errors import DataError
from evals.analysis.rendering.cell_words import MINUS, points

VERDICTS = {"supported": "\u2713", "contradicted": "\u2717", "undecided": "?"}  # a sign too: colour alone says nothing
COLUMNS = ("Verdict", "Effect", "Seeds", "The paper", "Why, or what would decide", "Positive control")
UNITS = {"points": "points", "ratio": "times", "cosine": "cosine"}  # of an effect, as they are read


def verdicts(path: Path) -> str:
    """How many claims got which verdict, then a table of all; DataError if the file is not a table of claims."""
    try:
        claims = json.loads(path.read_text(encoding="utf-8"))["claims"]
        rows = "".join(_topic(topic, claims) for topic in dict.fromkeys(claim["topic"] for claim in claims))
        counts = Counter(claim["verdict"] for claim in claims)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            str(path),
            f"is not a table of claims ({type(error).__name__}: {error})",
            "make it again",
            delete_and_rerun=True,
        ) from None
    said = {name: f"{sign} {name}" for name, sign in VERDICTS.items()}
    said["undecided"] += _not_measured(claims)
    shown = "".join(f'<li class="{name}"><b>{counts[name]}</b> {words}</li>' for name, words in said.items())
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("Claim", *COLUMNS))
    table = f'<table class="verdicts"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    return f'<ul class="counts">{shown}</ul><div class="scroll" tabindex="0">{table}</div>'


def _not_measured(claims: list[dict[str, Any]]) -> str:
    """How many claims are undecided because this folder has no number for any of their parts."""
    count = sum(all(part.get("value") is None for part in claim["parts"]) for claim in claims)
    return f", {count} of them not measured here" if count else ""


def _topic(topic: str, claims: list[dict[str, Any]]) -> str:
    width = 1 + len(COLUMNS)
    head = f'<tr class="section"><th colspan="{width}" scope="colgroup">{escape(topic)}</th></tr>'
    return head + "".join(_claim(claim) for claim in claims if claim["topic"] == topic)


def _claim(claim: dict[str, Any]) -> str:
    """One row; a claim of several parts gets a row for each below its own."""
    name = f"{escape(claim['says'])} <small>({escape(claim['where'])})</small>"
    if len(claim["parts"]) == 1:
        return _row(name, claim, claim["parts"][0])
    parts = (_row(escape(part["name"]), part, part, ' class="part"') for part in claim["parts"])
    return _row(name, claim, {}) + "".join(parts)


def _row(name: str, judged: dict[str, Any], part: dict[str, Any], kind: str = "") -> str:
    verdict = judged["verdict"]
    sign = VERDICTS.get(verdict, "")
    word = f'<span class="verdict {escape(verdict)}"><span aria-hidden="true">{sign}</span> {escape(verdict)}</span>'
    cells = [word, _effect(part), _text(part.get("seeds")), _number(part.get("paper"), part)]
    values = "".join(
        f'<td title="{head}">{cell}</td>' if cell else "<td></td>" for head, cell in zip(COLUMNS, cells, strict=False)
    )
    control = _text((part.get("control") or {}).get("state"))
    reason = _text(judged.get("why")).replace(f" ({control})", "")  # the control stands beside it
    why = f"{reason}{_behind(part.get('cells') or [])}"
    rest = "".join(
        f'<td class="why" title="{head}">{cell}</td>' if cell else '<td class="why"></td>'
        for head, cell in zip(COLUMNS[len(cells) :], (why, control), strict=True)
    )
    return f'<tr{kind}><th scope="row">{name}</th>{values}{rest}</tr>'


def _behind(cells: list[str]) -> str:
    """The cells that a number comes from, folded."""
    if not cells:
        return ""
    names = "".join(f"<br>{escape(str(cell))}" for cell in cells)
    return f'<details class="cells"><summary>{len(cells)} cell{"s" * (len(cells) > 1)}</summary>{names[4:]}</details>'


def _effect(part: dict[str, Any]) -> str:
    value = _number(part.get("value"), part)
    if not value or part.get("low") is None or part.get("high") is None:
        return value
    over = f" over {escape(str(part['interval_over']))}" if part.get("interval_over") else ""
    return f"{value}<small>[{_bare(part['low'], part)}, {_bare(part['high'], part)}]{over}</small>"


def _number(value: float | None, part: dict[str, Any]) -> str:
    return "" if value is None else f"{_bare(value, part)} {UNITS[part['unit']]}"


def _bare(value: float, part: dict[str, Any]) -> str:
    return points(value / 100) if part["unit"] == "points" else f"{value:z.3f}".replace("-", MINUS)


def _text(value: object) -> str:
    return "" if value is None else escape(str(value))
