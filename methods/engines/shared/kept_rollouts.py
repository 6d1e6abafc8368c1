"""What a cell keeps of its rollouts: tokens and credit of a few groups of every step, as ``rollouts.parquet``.

How good the credit is, is computed later from this file alone (evals/credit_scores.py). The engines cannot do it, since
they do not know what a right chain looks like.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from contracts.errors import TrainError
from contracts.reading import wrong_steps
from contracts.rollouts import SCHEMA, write_rollouts
from methods.base import Method, Rollouts, TokenCredit
from methods.engines.shared.experience import Experience
from methods.engines.shared.problems import Problem
from methods.engines.shared.responses import token_texts


def keep(
    folder: Path, step: int, problems: Sequence[Problem], experience: Experience, token_values: Float[Tensor, "B T"],
    method: Method, tokenizer: PreTrainedTokenizerBase,
) -> None:  # fmt: skip
    """Write the rollouts to ``problems``, the first of 0-based ``step``, to a file of their own in ``folder``.

    ``token_values`` holds a number for each token: its credit, or its loss in nats where distributions are matched.
    """
    rollouts, responses = experience.rollouts, experience.responses
    evidence = asked_evidence(method, rollouts, step)
    rows, owner = [], rollouts.group.tolist()
    for row in range(sum(place < len(problems) for place in owner)):
        ids = responses.ids(row)
        per_token = token_values[row, : len(ids)].tolist()
        advantage = float(rollouts.advantage[row])
        rows.append(
            {
                "step": step + 1,
                "problem": problems[owner[row]].id,
                "member": row - owner.index(owner[row]),
                "correct": bool(rollouts.correct[row]),
                "advantage": advantage,
                "truncated": bool(responses.truncated[row]),
                "tokens": token_texts(tokenizer, ids),
                "credit": None if method.matches_distributions else per_token,
                "divergence": per_token if method.matches_distributions else None,
                "evidence": None if evidence is None or advantage == 0 else evidence[row, : len(ids)].tolist(),
                "entropy": responses.entropy[row, : len(ids)].tolist(),
            }
        )
    write_rollouts(pa.Table.from_pylist(rows, schema=SCHEMA), folder / f"step_{step + 1:05d}.parquet")


def asked_evidence(method: Method, rollouts: Rollouts, step: int) -> Float[Tensor, "B T"] | None:
    """Evidence in nats, which has a meaning only where the advantage is not 0; None if the teachers were not asked."""
    if not isinstance(method, TokenCredit) or not method.needs_teachers(step):
        return None
    return method.evidence(rollouts)


def join(folder: Path, out: Path, steps: int) -> None:
    """Put the ``steps`` steps kept in ``folder`` into one file, in order; TrainError if one is missing."""
    files = sorted(folder.glob("step_*.parquet"))
    if cause := wrong_steps([int(file.stem.removeprefix("step_")) for file in files], steps):
        raise TrainError(str(folder), f"rollouts of {cause}", f"delete {folder.parent} to train from the start")
    parts = [pq.read_table(path, schema=SCHEMA) for path in files]
    write_rollouts(pa.concat_tables(parts) if parts else SCHEMA.empty_table(), out)
