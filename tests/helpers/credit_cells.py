"""Kept rollouts for tests: real chains of the micro world, some of them with slips, with the credit of a method."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa

from contracts.rollouts import SCHEMA, read_rollouts, write_rollouts
from evals.credit_scores import score_rollouts
from methods.micro.demonstration import chain, close
from methods.micro.families.training import TRAINING
from methods.micro.labels import label
from methods.micro.problems import DrawnProblem, draw_problems
from methods.micro.solution_plan import answer, draw_slip

SHARPNESS = {"rlsd": 0.3, "cepo": 0.6}  # nats of evidence on decisive tokens


def write_credit(folder: Path, method: str, seed: int = 1, steps: int = 6, extra: str = "", problems: int = 3) -> None:
    """``rollouts.parquet`` and ``credit.jsonl``; ``extra`` is put into the first response, which then has no labels.

    ``problems``: of each step. Figure 5 draws every token of two responses to each problem of the first step.
    """
    rows = [row for step in range(1, steps + 1) for row in _step(method, seed, step, steps // 2, problems)]
    if extra:
        rows[0]["tokens"][0] += extra
    write_rollouts(pa.Table.from_pylist(rows, schema=SCHEMA), folder / "rollouts.parquet")
    lines = score_rollouts(read_rollouts(folder / "rollouts.parquet"), label)
    (folder / "credit.jsonl").write_text("".join(line.model_dump_json(exclude_none=True) + "\n" for line in lines))


def _step(method: str, seed: int, step: int, asked: int, count: int) -> list[dict]:
    problems = draw_problems(list(TRAINING.values()), "train", count * step, seed)[-count:]
    rng = np.random.default_rng([seed, step, len(method)])
    return [_row(method, problem, member, step, asked, rng) for problem in problems for member in range(4)]


def _row(method: str, problem: DrawnProblem, member: int, step: int, asked: int, rng: np.random.Generator) -> dict:
    """Members 0 and 2 are right, 1 and 3 slip; the responses do not depend on the method."""
    slip = draw_slip(problem.plan, Random(member)) if member % 2 else None  # noqa: S311
    text = close(chain(problem.plan, slip), str(answer(problem.plan, slip)), "boxed").text
    tokens = [*re.findall(r"\d| |[^\d ]+", text), "<|im_end|>"]
    decisive, _ = label(problem.id, tokens, False) or ([], [])
    advantage = 1.0 if slip is None else -1.0
    row = {"step": step, "problem": problem.id, "member": member, "correct": slip is None, "advantage": advantage}
    row |= {"truncated": False, "tokens": tokens, "credit": None, "divergence": None, "evidence": None}
    noise = rng.normal(0, 0.05, len(tokens))
    row |= {"entropy": (np.arange(len(tokens)) % 3 * 0.3).tolist()}  # nats; two thirds are uncertain
    if method in ("opsd", "sdpo"):
        return row | {"divergence": np.abs(noise + 0.2 * np.array(decisive)).tolist()}
    if method not in SHARPNESS or step > asked:
        return row | {"credit": [advantage] * len(tokens)}
    evidence = noise + SHARPNESS[method] * np.array(decisive) * rng.choice([-1, 1], len(tokens))
    weight = np.clip(np.exp(advantage * evidence), 0.5, 1.5)
    return row | {"credit": (advantage * (0.5 + 0.5 * weight)).tolist(), "evidence": evidence.tolist()}
