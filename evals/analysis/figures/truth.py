"""Credit and truth over the tokens of a response: the measured advantage of each, and what every method gives to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from contracts.truth import TruthRollout
from evals.analysis.figures.style import COLOURS, SETTINGS, explain, save
from evals.analysis.gradient_results import arm_rank, state_name
from evals.analysis.truth_results import MeasuredTruth, read_measured_truth, row_name

WIDTH, TRUTH_HEIGHT, ROW_HEIGHT, TEXT_HEIGHT = 9.0, 1.3, 0.16, 0.9  # inches
MAP = "RdBu"  # red below 0, blue above
PLAIN, DECISIVE, SLIP = "#9a9a9a", COLOURS[0], COLOURS[4]


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``truth`` (.svg, .png) to the folder ``out``; returns the paths.

    Rollouts are read from the folder ``truth`` beside ``out``; ``cells`` and ``published`` are not needed. The same
    rollouts give the same bytes. Raises DataError if nothing was measured or a file is broken.
    """
    with rc_context(SETTINGS):
        return save(draw_truth(read_measured_truth(out.parent)), out, "truth")


def draw_truth(measured: MeasuredTruth) -> Figure:
    """A right and a wrong response to one problem, of the first policy that was measured."""
    scale, state = measured.policies[0]
    rollouts = [one for one in measured.shown if (one.scale, one.state) == (scale, state)]
    rollouts.sort(key=lambda one: not one.correct)  # the right one first
    arms = sorted({name for one in rollouts for name in one.credit}, key=arm_rank)
    each = TRUTH_HEIGHT + ROW_HEIGHT * len(arms) + TEXT_HEIGHT
    figure = Figure(figsize=(WIDTH, each * len(rollouts) + 0.5), layout="constrained")
    heights = [height for _ in rollouts for height in (TRUTH_HEIGHT, ROW_HEIGHT * len(arms))]
    axes = figure.subplots(2 * len(rollouts), 1, squeeze=False, height_ratios=heights)[:, 0]
    for place, rollout in enumerate(rollouts):
        _truth(axes[2 * place], rollout)
        _credits(axes[2 * place + 1], rollout, arms)
    explain(figure, *_note(measured, scale, state))
    return figure


def _truth(ax: Axes, rollout: TruthRollout) -> None:
    """Bars of the measured advantage with their standard errors, in the colours of the labels."""
    mean = (np.array(rollout.first) + np.array(rollout.second)) / 2
    places = np.arange(len(mean))
    ax.bar(places, mean, yerr=rollout.error, color=_colours(rollout), error_kw={"elinewidth": 0.6}, width=0.8)
    ax.axhline(0.0, color="#555555", linewidth=0.8)
    ax.set_xlim(-0.5, len(mean) - 0.5)
    ax.set_xticks([])
    ax.set_ylabel("advantage")
    right = "right" if rollout.correct else "wrong"
    ax.set_title(f"A {right} response: what each token did to the probability of a right answer", loc="left")


def _colours(rollout: TruthRollout) -> list[str]:
    if rollout.decisive is None or rollout.slipped is None:
        return [PLAIN] * len(rollout.tokens)
    flags = zip(rollout.decisive, rollout.slipped, strict=True)
    return [SLIP if slipped else DECISIVE if decisive else PLAIN for decisive, slipped in flags]


def _credits(ax: Axes, rollout: TruthRollout, arms: Sequence[str]) -> None:
    """A row of colours for each arm, each over its own largest credit; shapes, since the report keeps no pictures."""
    rows = np.stack([_scaled(rollout.credit.get(name, []), len(rollout.tokens)) for name in arms])
    edges = [np.arange(count + 1) - 0.5 for count in rows.shape]
    ax.pcolormesh(edges[1], edges[0], rows, cmap=MAP, vmin=-1, vmax=1, edgecolors="face", linewidth=0.1)
    ax.invert_yaxis()
    ax.set_yticks(np.arange(len(arms)), [row_name(name) for name in arms], fontsize=6)
    ax.set_xticks(
        np.arange(len(rollout.tokens)), [_printable(token) for token in rollout.tokens], rotation=90, fontsize=5
    )
    ax.grid(visible=False)


def _scaled(credit: Sequence[float], length: int) -> Float[np.ndarray, " T"]:
    values = np.array(credit, dtype=float) if credit else np.full(length, np.nan)
    largest = float(np.abs(values).max())
    return values / largest if largest > 0 else values


def _printable(token: str) -> str:
    """The token's text on one line, without a character that starts mathematics in matplotlib."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in token).replace("$", r"\$")


def _note(measured: MeasuredTruth, scale: str, state: str) -> tuple[str, str]:
    report = measured.of_policy(scale, state)[0]
    return (
        f"{report.world.capitalize()} world, {report.model_name}, {state_name(state)}. Advantage: value after a token "
        f"less that before it, by {report.continuations} continuations each; bars: one standard error.",
        "Blue bars: decisive tokens; orange: slips; grey: filler or not read. Below, credit over the row's largest: "
        "blue above 0, red below.",
    )
