"""Measured gradients as runs of a tracker: one for each policy, with the numbers that are compared with GRPO."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from contracts.gradients import GradientLine, GradientReport
from contracts.records import OptionValue
from evals.analysis.gradient_results import FOLDER, MeasuredGradients, read_measured
from workflows.lib.publish.tracked_run import MetricPoint, TrackedRun

BASELINE = "grpo"
FACTS = ("accuracy", "mixed", "tokens", "labelled", "seconds", "numbers")  # of a report, as metrics
REPORT = "gradients.json"


def gradient_runs(results: Path) -> Iterator[TrackedRun]:
    """A run for each measurement below ``results``; DataError where there is none."""
    measured = read_measured(results)
    for report in measured.reports:
        yield _run(results, report, measured)


def _run(results: Path, report: GradientReport, measured: MeasuredGradients) -> TrackedRun:
    name = f"{report.scale}/{report.state}/s{report.seed}"
    file = results / FOLDER / name / REPORT
    lines = [
        line
        for line in measured.lines
        if (line.scale, line.state, line.seed) == (report.scale, report.state, report.seed)
        and line.theirs in (None, BASELINE)
    ]
    return TrackedRun(
        name=f"gradients/{name}",
        digest=report.digest,
        tags={"gradients": name, "folder": str(file.parent), "world": report.world},
        files=[file],
        params=lambda: _params(report),
        points=lambda: list(_points(report, lines)),
        started=lambda: int(file.stat().st_mtime * 1000),
        seconds=report.seconds,
        more="".join(line.model_dump_json() for line in lines).encode(),
    )


def _params(report: GradientReport) -> dict[str, str]:
    shown: dict[str, OptionValue | list[str] | None] = report.model_dump(exclude={"digest", "world", *FACTS})
    return {key: " ".join(value) if isinstance(value, list) else str(value) for key, value in shown.items()}


def _points(report: GradientReport, lines: list[GradientLine]) -> Iterator[MetricPoint]:
    for name in FACTS:
        if (value := getattr(report, name)) is not None:
            yield MetricPoint(f"gradients/{name}", float(value), 0, 0.0)
    for line in lines:
        key = f"gradients/{line.method}/{line.quantity}".replace("=", "_")  # a key of MLflow takes no "="
        ends = {"": line.value, "_low": line.low, "_high": line.high}
        yield from (MetricPoint(key + end, value, 0, 0.0) for end, value in ends.items() if value is not None)
