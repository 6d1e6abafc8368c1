"""Figures of training: validation accuracy over steps (the paper's Figure 1) and reward curves."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from evals.analysis.cells import read_arms  # noqa: E402


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``figure1`` and ``reward`` (.svg, .png) to ``out`` from cell folders of one world; the base is skipped."""
    arms = [arm for arm in read_arms(cells) if arm.method != "base"]
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for stem, field in (("figure1", "val_accuracy"), ("reward", "reward_mean")):
        figure, axes = plt.subplots()
        for arm in arms:
            points = [(s.step, getattr(s, field)) for s in arm.folders[0].steps if getattr(s, field) is not None]
            axes.plot(*zip(*points, strict=True), label=arm.name)
        for kind in ("svg", "png"):
            temporary = out / f".{stem}.{kind}"
            figure.savefig(temporary, format=kind)
            os.replace(temporary, out / f"{stem}.{kind}")
            written.append(out / f"{stem}.{kind}")
        plt.close(figure)
    return written
