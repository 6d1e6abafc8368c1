"""The pictures of the micro world's page: ``python -m methods.micro.pictures docs/images``."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random
from textwrap import fill
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from contracts.files import replacing
from evals.benchmarks import BENCHMARKS
from methods.micro.benchmarks import draw_items, listed
from methods.micro.canvas import Canvas
from methods.micro.demonstration import chain, close
from methods.micro.families.training import TRAINING
from methods.micro.items import CHOICE, FAMILIES, STYLES, Item
from methods.micro.problems import draw_problems, find_problem
from methods.micro.solution_plan import answer, draw_slip

STYLE: dict[Any, Any] = {"font.size": 8, "font.family": "DejaVu Sans", "svg.hashsalt": "micro", "svg.fonttype": "path"}
FILLER, DECISIVE, SLIPPED = "0.55", "tab:blue", "tab:red"
SHOWN = "rectangle-12-21-0"  # the problem whose demonstrations are shown


def show(axes: Axes, canvas: Canvas, title: str, below: str) -> None:
    """One diagram, pixel by pixel, with a title and the answer below."""
    axes.imshow(canvas.image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.set_title(fill(title, 26), fontsize=7)
    axes.set_xlabel(below, fontsize=7)


def problems() -> Figure:
    """One training problem of each family."""
    figure, grid = plt.subplots(2, 6, figsize=(9.4, 4.2), layout="constrained")
    for axes, problem in zip(
        grid.flat, draw_problems(list(TRAINING.values()), "train", len(TRAINING), 0), strict=False
    ):
        show(axes, problem.canvas, problem.question, f"{problem.family}: {problem.answer}")
    grid.flat[len(TRAINING)].axis("off")
    return figure


def demonstrations() -> Figure:
    """One problem, solved right and with two slips; decisive and slipped text in colour."""
    problem = find_problem(TRAINING, SHOWN)
    rng = Random(3)  # noqa: S311 - not for secrets
    figure, grid = plt.subplots(1, 4, figsize=(8.2, 2.4), layout="constrained")
    show(grid[0], problem.canvas, problem.question, f"answer {problem.answer}")
    slips = [None, *(draw_slip(problem.plan, rng) for _ in range(2))]
    for axes, slip in zip(grid[1:], slips, strict=True):
        axes.axis("off")
        axes.set_title("no slip" if slip is None else f"slip: {slip.kind}", fontsize=8)
        demonstration = close(chain(problem.plan, slip, rng), str(answer(problem.plan, slip)), "boxed")
        x, y = 0.0, 0.9
        for piece in demonstration.pieces:
            for char in piece.text:
                if char == "\n" or x > 0.97:
                    x, y = 0.0, y - 0.11
                if char != "\n":
                    colour = SLIPPED if piece.slipped else DECISIVE if piece.decisive else FILLER
                    axes.text(x, y, char, color=colour, family="DejaVu Sans Mono", transform=axes.transAxes)
                    x += 0.042
    return figure


def items() -> Figure:
    """One item of each benchmark and the response that its scorer parses."""
    figure, grid = plt.subplots(1, len(FAMILIES), figsize=(8.2, 3.7), layout="constrained")
    for axes, bench in zip(grid, FAMILIES, strict=True):
        drawn = [item for _, item in draw_items(bench, 0)]
        item: Item = drawn[len(drawn) // 3]
        response = close(chain(item.problem.plan, None), item.answer, STYLES[bench]).text
        show(axes, item.problem.canvas, item.problem.question, "")
        words = f"{listed(bench)}\n\n{response}" if bench in CHOICE else response
        axes.set_xlabel("\n".join(fill(line, 26) for line in words.splitlines()), fontsize=6, loc="left")
        axes.annotate(
            f"micro-{BENCHMARKS[bench].title}", (0.5, 1.34), xycoords="axes fraction", ha="center", weight="bold"
        )
    return figure


def draw_pictures(folder: Path) -> list[Path]:
    """Writes micro_problems.png, micro_demonstrations.png and micro_benchmarks.png; returns their paths."""
    written = []
    with mpl.rc_context(STYLE):
        for name, draw in (("problems", problems), ("demonstrations", demonstrations), ("benchmarks", items)):
            figure, path = draw(), folder / f"micro_{name}.png"
            with replacing(path) as temporary:
                figure.savefig(temporary, dpi=140, format="png", metadata={"Software": None})
            plt.close(figure)
            written.append(path)
    return written


if __name__ == "__main__":
    draw_pictures(Path(sys.argv[1]))
