"""Where the cells of a results folder come from, for the report: code, machines, versions, seeds, hours."""

from __future__ import annotations

from html import escape
from pathlib import Path

from contracts.errors import DataError
from contracts.records import Run
from evals.analysis.cells import CellFolder

COLUMNS = ("Cell", "Digest", "Started (UTC)", "Code", "Minutes", "Peak memory (MB)", "Device", "Resumed at")


def runs(results: Path) -> str:
    """A summary and one row a cell; cells that cannot be read are named. DataError if there are none."""
    folders = sorted(path.parent for path in (results / "cells").glob("*/*/*/*/cell.json"))
    if not folders:
        raise DataError(str(results / "cells"), "holds no cells", "train some")
    readable, broken = [], []
    for folder in folders:
        try:
            cell = CellFolder(folder)
            readable.append((cell.cell.name, cell.run))
        except DataError as error:
            broken.append(str(error))
    trained = [run for _, run in readable if run is not None]
    rows = "".join(_row(name, run) for name, run in readable)
    heads = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
    table = f'<table class="runs"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    warning = "".join(f'<p class="missing">{escape(text)}</p>' for text in broken)
    return (
        f"{_summary(len(readable), trained)}{warning}<details><summary>All {len(readable)} cells</summary>"
        f'<div class="scroll" tabindex="0">{table}</div></details>'
    )


def _summary(count: int, trained: list[Run]) -> str:
    if not trained:
        return f"<p>{count} cells, none of them trained.</p>"
    hours = sum(run.wall_seconds for run in trained) / 3600
    seeds = sorted({run.cell.rpartition("/s")[2] for run in trained}, key=int)
    facts = {
        "Cells": f"{count}, of which {len(trained)} trained in {hours:.1f} hours; seeds {', '.join(seeds)}",
        "Trained (UTC)": " to ".join(dict.fromkeys(_minute(f(run.started for run in trained)) for f in (min, max))),
        "Code": ", ".join(sorted({_code(run) for run in trained})),
        "Machines": "; ".join(sorted({f"{run.machine} ({run.device}, threads: {run.threads})" for run in trained})),
        "Versions": ", ".join(sorted({f"{name} {v}" for run in trained for name, v in run.versions.items()})),
    }
    items = "".join(f"<dt><b>{name}</b></dt><dd>{escape(text)}</dd>" for name, text in facts.items())
    return f"<dl>{items}</dl>"


def _minute(started: str) -> str:
    """``2026-11-29T18:25:36+00:00`` as ``2026-11-29 18:25``."""
    return started[:16].replace("T", " ")


def _code(run: Run) -> str:
    if run.git_sha is None:
        return "outside git"
    return run.git_sha[:10] + (" with uncommitted changes" if run.git_dirty else "")


def _row(name: str, run: Run | None) -> str:
    if run is None:
        values = ["", "", "not trained", *[""] * 4]
    else:
        resumed = ", ".join(map(str, run.resumed_at))
        minutes, memory = f"{run.wall_seconds / 60:.1f}", f"{run.peak_memory_mb:.0f}"
        values = [run.cell_digest[:12], _minute(run.started), _code(run), minutes, memory, run.device, resumed]
    cells = "".join(f"<td>{escape(value)}</td>" for value in values)
    return f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>'
