"""A page to read rollouts: one HTML file that opens offline, to pick a step, a problem and what colours the tokens.

    python -m evals.analysis.report.rollouts_page results/micro

For each problem it shows the diagram, the question and the gold answer, then every method's rollouts under each other,
with reward, advantage, and each token's credit, evidence, entropy or divergence. Rollouts are model output: the page
puts them in as text, never as markup, and its policy lets nothing be fetched and no other script run.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from contracts.errors import DataError, one_line_errors
from contracts.files import write_text
from contracts.rollouts import Rollout, read_rollouts
from evals.analysis.cells import Arm, read_arms
from evals.analysis.report.rollouts_script import MARKUP, SCRIPT, STYLE
from evals.analysis.runs.opening import opened

STEPS = 8  # steps that are shown, evenly over training
MEASURES = ("credit", "evidence", "entropy", "divergence")
DIGITS = 4  # of a number of the page


def build(results: Path, steps: int = STEPS) -> str:
    """The page of the default arms of ``results/<world>``, their first seeds; DataError if no cell kept rollouts."""
    with opened(results) as cells:
        arms = [arm for arm in read_arms(cells) if arm.variant == "default" and arm.method != "base"]
        scales = {
            scale: _scale([arm for arm in arms if arm.scale == scale], steps)
            for scale in dict.fromkeys(arm.scale for arm in arms)
        }
    scales = {scale: found for scale, found in scales.items() if found}
    if not scales:
        raise DataError(str(results), "no cell kept rollouts", "train one; an archive holds none")
    shown = {problem for steps in scales.values() for groups in steps.values() for problem in groups}
    data = {"scales": scales, "problems": _problems(results / "data" / "train.parquet", shown)}
    return _page(f"Rollouts of {results}, first seed", data)


def _scale(arms: Sequence[Arm], count: int) -> dict[int, dict[str, dict[str, list[dict[str, Any]]]]]:
    """Rollouts by step, problem and method."""
    kept = {arm: _kept(arm) for arm in arms}
    every = sorted({rollout.step for rollouts in kept.values() for rollout in rollouts})
    chosen = {every[round(i * (len(every) - 1) / max(count - 1, 1))] for i in range(count)} if every else set()
    found: dict[int, dict[str, dict[str, list[dict[str, Any]]]]] = {step: {} for step in sorted(chosen)}
    for arm, rollouts in kept.items():
        for one in rollouts:
            if one.step in chosen:
                found[one.step].setdefault(one.problem, {}).setdefault(arm.name, []).append(_shown(one, arm))
    return found


def _kept(arm: Arm) -> list[Rollout]:
    path = arm.folders[0].path / "rollouts.parquet"
    return read_rollouts(path) if path.exists() else []


def _shown(one: Rollout, arm: Arm) -> dict[str, Any]:
    """A rollout as the page reads it; ``reward`` is absent where a method is not trained on right or wrong alone."""
    values = {name: _rounded(getattr(one, name)) for name in MEASURES if getattr(one, name) is not None}
    reward = {"reward": float(one.correct)} if arm.options.get("reward") == "binary" else {}
    row = {"member": one.member, "correct": one.correct, "cut": one.truncated, "tokens": one.tokens}
    return row | reward | {"advantage": _rounded([one.advantage])[0], "values": values}


def _rounded(numbers: Iterable[float]) -> list[float]:
    return [float(f"{number:.{DIGITS}g}") for number in numbers]


def _problems(path: Path, wanted: set[str]) -> dict[str, dict[str, str]]:
    """Question, gold answer and diagram (as a data URI) of each problem, by id, or by row where it has none."""
    try:
        rows = pq.read_table(path).to_pylist()
    except OSError as error:
        raise DataError(str(path), f"cannot be read ({error})", "make the problems again") from None
    named = {str(row.get("id") if row.get("id") is not None else number): row for number, row in enumerate(rows)}
    return {name: _problem(named[name]) for name in sorted(wanted) if name in named}


def _problem(row: dict[str, Any]) -> dict[str, str]:
    images = [image["bytes"] for image in row.get("images") or [] if image.get("bytes")]
    picture = {"image": "data:image/png;base64," + base64.b64encode(images[0]).decode()} if images else {}
    return {"question": str(row["problem"]).replace("<image>", ""), "answer": str(row["answer"])} | picture


def _page(title: str, data: dict[str, Any]) -> str:
    allowed = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'"
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    markup = MARKUP.replace("TITLE", _plain(title))
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{_plain(title)}</title><style>{STYLE}</style></head><body>{markup}",
            f'<script id="data" type="application/json">{text}</script><script>{SCRIPT}</script></body></html>\n',
        ]
    )


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def main() -> None:
    """Write the page of the results named first, with as many steps as the number named second."""
    if len(sys.argv) not in (2, 3) or not all(word.isdecimal() and int(word) for word in sys.argv[2:]):
        sys.exit("usage: python -m evals.analysis.report.rollouts_page <results/world> [number of steps]")
    results, steps = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else STEPS
    with one_line_errors():
        path = write_text(results / "report" / "rollouts.html", build(results, steps))
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB; open it in a browser")


if __name__ == "__main__":
    main()
