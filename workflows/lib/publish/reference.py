"""Copy a finished run's tables, figures and base records to the committed run; its cells go into the archive.

    python -m workflows.lib.publish.reference results/micro results/reference/micro "make everything"

The archive (:mod:`evals.analysis.archive`) is packed beside them and holds the only copy of each cell's records.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from contracts.errors import DataError, one_line_errors
from contracts.files import replacing, write_text
from contracts.records import Run

SUFFIXES = (".md", ".csv", ".tex", ".html", ".json", ".svg", ".png")
BASE_FILES = ("base.json", "check.json")
PROVENANCE = "provenance.json"
PAGE = "README.md"  # says how the committed run came about


def publish(source: Path, target: Path, command: str) -> list[Path]:
    """Fill ``target`` with tables, figures and the records of base models; no cells, no answers, no weights.

    Returns the files. What was there before is deleted, the archive too: pack it again afterwards. Only :data:`PAGE`
    stays, because it is written by hand. ``command`` is the command that made ``source``; provenance.json names it.
    Raises DataError if ``source`` is not finished.
    """
    if not (source / "tracked.json").exists() or not sorted(source.glob("tables/*.md")):
        raise DataError(str(source), "no finished run (no tables, or tracked.json is missing)", f"run: {command}")
    chosen = [path for folder in ("tables", "figures") for path in sorted((source / folder).glob("*"))]
    chosen = [path for path in chosen if path.suffix in SUFFIXES]
    chosen += [path for name in BASE_FILES for path in sorted(source.glob(f"models/**/{name}"))]
    chosen = [path for path in chosen if path.exists()]
    runs = list(_runs(source))
    _empty(target)
    written = [_copy(path, target / path.relative_to(source)) for path in chosen]
    return [*written, write_text(target / PROVENANCE, json.dumps(provenance(runs, command), indent=1) + "\n")]


def _runs(source: Path) -> Iterator[Run]:
    """``run.json`` of every trained cell that was evaluated."""
    for scores in sorted(source.glob("cells/*/*/*/s*/eval/scores.json")):
        run = scores.parents[1] / "run.json"
        if run.exists():
            yield Run.model_validate_json(run.read_text(encoding="utf-8"))


def provenance(runs: list[Run], command: str) -> dict[str, object]:
    """Where the trained cells come from: every machine, version and commit that any of them names."""
    return {
        "command": command,
        "published": datetime.now(UTC).isoformat(timespec="seconds"),
        "trained": sorted({run.started[:10] for run in runs}),
        "cells": len(runs),
        "training_minutes": round(sum(sum(run.seconds.values()) for run in runs) / 60, 1),
        "machines": sorted({f"{run.machine} ({run.device}, threads: {run.threads})" for run in runs}),
        "versions": sorted({f"{name} {version}" for run in runs for name, version in run.versions.items()}),
        "commits": sorted({f"{run.git_sha}{' with changes' if run.git_dirty else ''}" for run in runs if run.git_sha}),
    }


def _empty(target: Path) -> None:
    """Delete everything in ``target`` except :data:`PAGE`."""
    for path in target.glob("*"):
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != PAGE:
            path.unlink()


def _copy(source: Path, target: Path) -> Path:
    """Copy the file's content, also where ``source`` is a link into the cache."""
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)
    return target


def main() -> None:
    """``FROM TO COMMAND``."""
    source, target, command = sys.argv[1:]
    with one_line_errors():
        written = publish(Path(source), Path(target), command)
    size = sum(path.stat().st_size for path in written) / 1e6
    print(f"{len(written)} files, {size:.1f} MB in {target}")


if __name__ == "__main__":
    main()
