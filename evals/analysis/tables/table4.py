"""Table 4: CEPO with its teachers' weights from the actor, from the base model, or copied every k steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from contracts.records import OptionValue
from evals.analysis.paper_steps import of_paper_steps
from evals.analysis.tables.ablation import Ablation, Choice, Key, write_ablation


def _key(options: Mapping[str, OptionValue]) -> Key:
    source = str(options.get("teacher_weights"))
    return source, of_paper_steps(options, "teacher_sync") if source == "synced" else None


SOURCES = Choice(
    rows={
        ("actor", None): "actor, before the step's update",
        ("synced", 1.0): "copied every step: the same cells",
        ("synced", 5.0): "copied every 5 steps",
        ("synced", 10.0): "copied every 10 steps",
        ("synced", 25.0): "copied every 25 steps",
        ("fixed", None): "fixed: the base model",
    },
    options=frozenset({"teacher_weights", "teacher_sync"}),
    key=_key,
    same={("synced", 1.0): ("actor", None)},
)
TABLE4 = Ablation(
    stem="table4",
    exhibit="table4",
    stub="Teachers' weights",
    choices=[SOURCES],
    about=[
        "Rows: whose weights the two teachers of CEPO have; the student is trained alike in all.",
        "A copy made at steps 0 and 25 is the base model until step 25, and lambda is 0 from then on: under the "
        "default schedule the copy every 25 steps is the fixed teacher wherever a teacher is asked.",
    ],
)


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``table4`` to the folder ``out``; see :func:`evals.analysis.tables.ablation.write_ablation`."""
    return write_ablation(TABLE4, cells, published, out)
