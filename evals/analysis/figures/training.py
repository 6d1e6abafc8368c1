"""Figures of training: validation accuracy over steps (the paper's Figure 1) and reward curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from evals.analysis import provenance
from evals.analysis.cells import Arm, read_arms, rivals, trained
from evals.analysis.display import PAPER_ORDER
from evals.analysis.figures.curves import WINDOW, Curve, paper_curve, reward, validation, validation_minus
from evals.analysis.figures.style import SETTINGS, Look, explain, legend_columns, looks, save, set_apart
from evals.analysis.published.numbers import Exhibit, load

PANEL = (3.0, 2.6)  # inches
LOWER = 1.7  # inches, height of the panels below
CUT = 10.0  # points from 0 at which those end: curves further away would flatten the others
BASELINE = ("grpo", "default")
Looks = dict[tuple[str, str], Look]


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``figure1`` and ``reward``, each .svg and .png, to the folder ``out``; returns the paths.

    ``cells``: cell folders of one world with train.jsonl and run.json, scales in the order of the panels; the untrained
    base is skipped. ``published``: the folder of the paper's numbers. The same cells give the same bytes. Raises
    DataError if a file is broken or no cell was trained.
    """
    arms = trained(rivals(read_arms(cells)))
    paper = load(published).figure1
    with rc_context(SETTINGS):
        figures = {"figure1": figure1(arms, paper), "reward": rewards(arms)}
    return [path for stem, figure in figures.items() for path in save(figure, out, stem)]


def figure1(arms: Sequence[Arm], paper: Exhibit) -> Figure:
    """Validation accuracy over steps, one panel per scale, and the paper's curves in a panel of their own.

    Below each panel the same minus GRPO, where GRPO was trained.
    """
    scales = _by_scale(arms)
    known = looks([(arm.method, arm.variant) for arm in arms] + [(name, "default") for name in PAPER_ORDER[1:]])
    partners = [next((arm for arm in some if _key(arm) == BASELINE), None) for some in scales.values()]
    figure, axes, below = _panels(len(scales) + 1, minus=any(partners))
    for ax, (title, members) in zip(axes, scales.items(), strict=False):
        _draw(ax, members, validation, known)
        ax.set(title=title, xlabel="training step", ylabel="validation accuracy (%)")
    _share_scale(axes[:-1])
    _draw_paper(axes[-1], paper, known)
    if below:
        for ax, members, partner in zip(below, scales.values(), partners, strict=False):
            _draw_minus(ax, members, partner, known)
        _share_scale(below[:-1], most=CUT)
        below[-1].axis("off")
    _finish(
        figure,
        arms,
        known,
        "Sampled answers to held-out problems. The shaded panel is another world: compare shapes"
        + (f". Lower panels end at {CUT:.0f} points from GRPO" if below else ""),
    )
    return figure


def rewards(arms: Sequence[Arm]) -> Figure:
    """Mean reward of each step's rollouts, one panel for each scale; thin lines as logged, thick ones smoothed."""
    scales = _by_scale(arms)
    known = looks([(arm.method, arm.variant) for arm in arms])
    figure, axes, _ = _panels(len(scales))
    for ax, (title, members) in zip(axes, scales.items(), strict=True):
        _draw(ax, members, reward, known, smooth=True)
        ax.set(title=title, xlabel="training step", ylabel="mean reward")
    _share_scale(axes)
    _finish(figure, arms, known, f"Thin: as logged. Thick: centred mean over {WINDOW} steps")
    return figure


def _by_scale(arms: Sequence[Arm]) -> dict[str, list[Arm]]:
    scales: dict[str, list[Arm]] = {}
    for arm in arms:
        scales.setdefault(f"{arm.scale}: {arm.model}", []).append(arm)
    return scales


def _key(arm: Arm) -> tuple[str, str]:
    return arm.method, arm.variant


def _panels(count: int, minus: bool = False) -> tuple[Figure, list[Axes], list[Axes]]:
    """A row of panels, and with ``minus`` a lower one below it, else an empty list."""
    height = PANEL[1] + 0.75 + (LOWER if minus else 0)
    figure = Figure(figsize=(PANEL[0] * count, height), layout="constrained")
    if not minus:
        return figure, list(figure.subplots(1, count, squeeze=False)[0]), []
    upper, lower = figure.subplots(2, count, squeeze=False, height_ratios=(PANEL[1], LOWER))
    return figure, list(upper), list(lower)


def _draw_minus(ax: Axes, arms: Sequence[Arm], partner: Arm | None, known: Looks) -> None:
    """Each arm minus GRPO at the same step and seed, in points."""
    ax.axhline(0, color=known[BASELINE].colour, linewidth=0.8)
    for arm in arms:
        if partner is not None and arm is not partner and (curve := validation_minus(arm, partner)) is not None:
            look = known[_key(arm)]
            if curve.seeds > 1:
                ax.fill_between(curve.steps, curve.low, curve.high, color=look.colour, alpha=0.13, linewidth=0)
            _line(ax, curve, look)
    ax.set(xlabel="training step", ylabel="minus GRPO (points)")


def _draw(
    ax: Axes, arms: Sequence[Arm], get: Callable[[Arm], Curve | None], known: Looks, smooth: bool = False
) -> None:
    for arm in arms:
        if (curve := get(arm)) is None:
            continue
        look = known[arm.method, arm.variant]
        if smooth:
            ax.plot(curve.steps, curve.mean, color=look.colour, linewidth=0.5, alpha=0.45)
            curve = curve.smoothed()
        if curve.seeds > 1:
            ax.fill_between(curve.steps, curve.low, curve.high, color=look.colour, alpha=0.13, linewidth=0)
        _line(ax, curve, look)


def _line(ax: Axes, curve: Curve, look: Look) -> None:
    every = max(1, len(curve.steps) // 8)
    marks = ((2 * len(ax.lines)) % every, every)  # so that markers of different lines lie at different steps
    ax.plot(curve.steps, curve.mean, color=look.colour, linestyle=look.dash, marker=look.marker, markevery=marks)


def _draw_paper(ax: Axes, paper: Exhibit, known: Looks) -> None:
    """Draw the paper's points on an axis of their own, with the sampling error for its number of questions."""
    curves = {method: curve for method in PAPER_ORDER[1:] if (curve := paper_curve(paper, method)) is not None}
    for method, curve in curves.items():
        _line(ax, curve, known[method, "default"])
    if paper.questions and curves:
        share = sum(curve.mean.mean() for curve in curves.values()) / len(curves) / 100
        error = 100 * (share * (1 - share) / paper.questions) ** 0.5
        text = f"standard error of a point,\n{paper.questions} questions: {error:.1f}"
        ax.text(0.03, 0.97, text, transform=ax.transAxes, va="top", fontsize=6.5, color="#444444")
    set_apart(ax)
    ax.set(title="the paper, read off its Figure 1\nQwen3-VL-2B, Geo3k test", xlabel="training step")
    ax.set_ylabel("accuracy (%), own scale")


def _share_scale(axes: Sequence[Axes], most: float = float("inf")) -> None:
    """One scale for all panels, cut at ``most`` above and below 0."""
    low, high = (pick(ax.get_ylim()[i] for ax in axes) for i, pick in ((0, min), (1, max)))
    for ax in axes:
        ax.set_ylim(max(low, -most), min(high, most))


def _finish(figure: Figure, arms: Sequence[Arm], known: Looks, explanation: str) -> None:
    """A legend above the panels; seeds, explanation and provenance below them."""
    names = {(arm.method, arm.variant): arm.name for arm in arms}
    lines = [
        Line2D([], [], color=known[key].colour, linestyle=known[key].dash, marker=known[key].marker) for key in names
    ]
    figure.legend(
        lines,
        list(names.values()),
        loc="outside upper center",
        ncols=legend_columns(figure, list(names.values())),
        frameon=False,
        handlelength=3.5,
    )
    several = any(len(arm.seeds) > 1 for arm in arms)
    seeds = provenance.seeds(arms) + (": mean and range" if several else "")
    world = arms[0].folders[0].cell.world.capitalize()
    explain(figure, f"{world} world, {seeds}. {explanation}.", f"{provenance.origin(arms)}.")
