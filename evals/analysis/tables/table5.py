"""Table 5: CEPO with five sources of what its two teachers are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from contracts.records import OptionValue
from evals.analysis.tables.ablation import Ablation, Choice, Key, write_ablation


def _key(options: Mapping[str, OptionValue]) -> Key:
    return f"{options.get('right')}/{options.get('wrong')}", None


FEEDBACK = Choice(
    rows={
        ("answer/answer", None): "answer / answer",
        ("answer/full", None): "answer / whole rollout",
        ("full/full", None): "whole rollout / whole rollout",
        ("prefix/prefix", None): "first {cot_k} tokens / first {cot_k}",
        ("suffix/suffix", None): "last {cot_k} tokens / last {cot_k}",
    },
    options=frozenset({"right", "wrong", "cot_k"}),
    key=_key,
)
TABLE5 = Ablation(
    stem="table5",
    exhibit="table5",
    stub="r+ / r\u2212",
    choices=[FEEDBACK],
    about=[
        "Rows: what the teacher shown r+ and the teacher shown r\u2212 read besides the problem. Answers are the right "
        "one and that of a wrong rollout of the group; rollouts are a right and a wrong one of the group.",
        "The paper states no length for prefixes and suffixes; the released scripts say 512 tokens, which is also the "
        "whole of any shorter rollout.",
    ],
)


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``table5`` to the folder ``out``; see :func:`evals.analysis.tables.ablation.write_ablation`."""
    return write_ablation(TABLE5, cells, published, out)
