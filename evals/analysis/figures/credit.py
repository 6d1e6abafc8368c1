"""Figures 4 and 5: evidence over training, and the weights that methods give to the tokens of the same rollouts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from contracts.files import write_text
from contracts.rollouts import CreditLine
from evals.analysis import provenance
from evals.analysis.cells import Arm, read_arms, rivals, trained, with_scored_credit
from evals.analysis.comparison import by_scale
from evals.analysis.figures.curves import WINDOW, Curve, evidence
from evals.analysis.figures.heat_map_page import page
from evals.analysis.figures.heat_map_picture import draw
from evals.analysis.figures.heat_map_rollouts import HeatMap, heat_map
from evals.analysis.figures.style import SETTINGS, Look, explain, looks, save

Share = Callable[[CreditLine], float | None]
SIGNS: dict[str, tuple[Share, Any]] = {  # share and line style
    "positive": (lambda line: line.evidence_positive, "-"),
    "negative": (lambda line: line.evidence_negative, (0, (4, 2))),
}
RANKINGS: dict[str, tuple[Share, Any]] = {  # AUROC for decisive tokens and line style
    "AUROC among uncertain tokens": (lambda line: line.auroc_uncertain, "-"),
    "among all tokens": (lambda line: line.auroc, (0, (4, 2))),
}
ENTROPY = Look("#777777", "x", (0, (1, 1)))
PANEL = (3.4, 2.1)  # inches


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``figure4`` and ``figure5`` (.svg, .png; figure5 also .html) to the folder ``out``; returns the paths.

    ``cells``: cell folders of one world with run.json; arms other than defaults, those without credit.jsonl and the
    base are left out. The paper gives no numbers for either figure. The same cells give the same bytes.
    """
    arms = [arm for arm in trained(with_scored_credit(rivals(read_arms(cells)))) if arm.variant == "default"]
    scales = by_scale(arms)
    world = arms[0].folders[0].cell.world
    maps = [one for members in scales.values() if (one := heat_map(members))]
    note = _note(maps, arms)
    with rc_context(SETTINGS):
        paths = save(figure4(scales, world), out, "figure4") + save(draw(maps, note), out, "figure5")
    return [*paths, write_text(out / "figure5.html", page(maps, f"Figure 5, {world} world: where credit goes", note))]


def figure4(scales: dict[str, list[Arm]], world: str) -> Figure:
    """Per scale: tokens whose evidence speaks for the right answer and against it; tokens with none; what weights find.

    The last row is the AUROC of weights for decisive tokens, among uncertain tokens and among all.
    """
    with_evidence = {scale: [arm for arm in arms if _has_evidence(arm)] for scale, arms in scales.items()}
    arms = [arm for members in with_evidence.values() for arm in members]
    known = looks([(arm.method, arm.variant) for arm in arms])
    figure = Figure(figsize=(PANEL[0] * max(len(scales), 2), 3 * PANEL[1] + 0.9), layout="constrained")
    axes = figure.subplots(3, len(scales), squeeze=False, sharex=True, sharey="row")
    for column, (scale, members) in enumerate(with_evidence.items()):
        above, below, found = axes[:, column]
        above.set(title=f"{scale}: {scales[scale][0].model}", ylabel="tokens with evidence (%)")
        below.set(ylabel="tokens without (%)")
        found.set(xlabel="training step", ylabel="AUROC, decisive (%)")
        found.axhline(50.0, color="#555555", linewidth=0.8)
        for arm in members:
            look = known[arm.method, arm.variant]
            for share, dash in SIGNS.values():
                _plot(above, evidence(arm, share), look, dash)
            _plot(below, evidence(arm, lambda line: line.evidence_zero), look, "-")
            for ranking, dash in RANKINGS.values():
                _plot(found, evidence(arm, ranking), look, dash)
        if members:
            _plot(found, evidence(members[0], lambda line: line.entropy_auroc_uncertain), ENTROPY, ENTROPY.dash)
    for ax in axes[:2].flat:
        ax.set_ylim(bottom=0)
    _explain(figure, arms, known, world)
    return figure


def _has_evidence(arm: Arm) -> bool:
    return any(line.evidence_positive is not None for folder in arm.folders for line in folder.credit)


def _plot(ax: Axes, curve: Curve | None, look: Look, dash: Any) -> None:  # noqa: ANN401 - a line style of matplotlib
    if curve is None:
        return
    smooth = curve.smoothed()
    if curve.seeds > 1:
        ax.fill_between(smooth.steps, smooth.low, smooth.high, color=look.colour, alpha=0.13, linewidth=0)
    ax.plot(curve.steps, curve.mean, color=look.colour, linewidth=0.4, alpha=0.4, linestyle=dash)
    marks = {"marker": look.marker, "markevery": max(1, len(smooth.steps) // 6)}  # two colours may be one grey
    ax.plot(smooth.steps, smooth.mean, color=look.colour, linestyle=dash, **marks)


def _explain(figure: Figure, arms: Sequence[Arm], known: dict[tuple[str, str], Look], world: str) -> None:
    if not arms:
        explain(figure, "No method of these cells has evidence.")
        return
    shown = {arm.name: known[arm.method, arm.variant] for arm in arms}
    names = {name: Line2D([], [], color=look.colour, marker=look.marker) for name, look in shown.items()}
    signs = {f"{sign} evidence": Line2D([], [], color="#555555", linestyle=dash) for sign, (_, dash) in SIGNS.items()}
    known_by = {"AUROC of the policy's entropy": Line2D([], [], color=ENTROPY.colour, linestyle=ENTROPY.dash)}
    handles = names | signs | known_by
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=len(handles), frameon=False)
    explain(
        figure,
        f"{world.capitalize()} world, {provenance.seeds(arms)}. Evidence above, within and below 0.01 nats of 0, while "
        "the teachers are asked.",
        "Bottom: AUROC of |weight \u2212 1| for decisive tokens, solid among uncertain ones (policy's entropy above "
        "0.2 nats), dashed among all; grey: the entropy's own among uncertain ones.",
        f"Thin: as logged. Thick: centred mean over {WINDOW} steps. {provenance.origin(arms)}.",
    )


def _note(maps: Sequence[HeatMap], arms: Sequence[Arm]) -> str:
    left_out = sorted({name for m in maps for name in m.left_out})
    reaches = {f"{m.reach:.2f}" for m in maps}
    ends = reaches.pop() if len(reaches) == 1 else ", ".join(f"{m.reach:.2f} ({m.scale})" for m in maps)
    text = (
        "Credit of each token over the advantage of its rollout: blue below 1, white at 1, orange above; the fullest "
        f"colour is {ends or '0'} from 1. Rollouts of the first step, at which all cells of a seed are the base "
        "model and draw the same: of the first problems with both, the first right one and the first wrong one with a "
        "slip. "
        "Underlined: decisive tokens; red: slips; grey: tokens of which the policy was sure (at most 0.2 "
        "nats). Methods that match distributions have no weights."
    )
    text += f" Other responses drawn, so left out: {', '.join(left_out)}." if left_out else ""
    return f"{text} {provenance.origin(arms)}."
