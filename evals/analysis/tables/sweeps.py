"""The points of Figure 3 as a table: CEPO with lambda constant, lambda fading out from 1, and other clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from contracts.records import OptionValue
from evals.analysis.paper_steps import of_paper_steps
from evals.analysis.tables.ablation import Ablation, Choice, Key, write_ablation

CONSTANT, LINEAR, CLIP = "lambda constant", "lambda linear from 1 over x steps", "eps_w"  # series of the paper's points


def _constant(options: Mapping[str, OptionValue]) -> Key | None:
    return (CONSTANT, float(options["lam"])) if options["lam_schedule"] == "constant" else None


def _linear(options: Mapping[str, OptionValue]) -> Key | None:
    from_one = options["lam_schedule"] == "linear" and options["lam"] == 1.0
    return (LINEAR, of_paper_steps(options, "decay_steps")) if from_one else None


def _clip(options: Mapping[str, OptionValue]) -> Key | None:
    return CLIP, float(options["eps_w"])


SWEEPS = Ablation(
    stem="sweeps",
    exhibit="figure3",
    stub="CEPO with",
    choices=[
        Choice(
            rows={(CONSTANT, x): f"lambda {x:g}, constant" for x in (0.0, 0.25, 0.5, 0.75, 1.0)},
            options=frozenset({"lam", "lam_schedule"}),
            key=_constant,
        ),
        Choice(
            rows={(LINEAR, x): f"lambda from 1 to 0 over {x:g} steps" for x in (10.0, 25.0, 50.0)},
            options=frozenset({"lam", "lam_schedule", "decay_steps"}),
            key=_linear,
        ),
        Choice(
            rows={(CLIP, x): f"eps_w {x:g}" for x in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)},
            options=frozenset({"eps_w"}),
            key=_clip,
        ),
    ],
    about=[
        "Rows: the points of Figure 3. Each varies the default in one respect; constant lambda 0 is GRPO at CEPO's "
        "learning rate.",
        "The default: lambda from {lam:g} to 0 over {decay_steps} of {steps} steps, eps_w {eps_w:g}.",
        "The paper prints no numbers for most points; what it says of them in words is in results/published.",
    ],
)


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``sweeps`` to the folder ``out``; see :func:`evals.analysis.tables.ablation.write_ablation`."""
    return write_ablation(SWEEPS, cells, published, out)
