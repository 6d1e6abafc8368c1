"""Copy the base models of a run to where they are committed and taken from: ``make ready-bases``.

python -m workflows.lib.publish.bases results/micro results/bases/micro
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from contracts.errors import DataError, one_line_errors
from contracts.files import replacing_folder
from contracts.reading import read_record
from workflows.lib.ready_bases import CHECK, REPORT, WEIGHTS, BuiltBase, file_digest

LIMIT = 70e6  # bytes of all committed base models together: a checkout holds them all


def publish(results: Path, target: Path) -> list[Path]:
    """Copy every base model that ``results`` built to ``target``/<scale>/s<seed>; returns the folders.

    Raises DataError if there is none, if one is not what its record says, or if all together are too large.
    """
    made = [_copy(report.parent, target) for report in sorted(results.glob(f"models/*/s*/{REPORT}"))]
    if not made:
        raise DataError(str(results), "holds no base model that was built here", "run: make ready-bases SEEDS=3")
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    if size > LIMIT:
        cause = f"{size / 1e6:.0f} MB of base models, {LIMIT / 1e6:.0f} MB are the limit"
        raise DataError(str(target), cause, "delete those of scales or seeds that nobody needs")
    return made


def _copy(base: Path, target: Path) -> Path:
    record = read_record(BuiltBase, base / REPORT)
    if file_digest(base / "model" / WEIGHTS) != record.weights:
        raise DataError(str(base / "model"), f"{WEIGHTS} is not the file that {REPORT} names", "run: make ready-bases")
    folder = target / base.parent.name / base.name
    with replacing_folder(folder) as temporary:
        shutil.copytree(base / "model", temporary / "model")
        for path in [path for path in (base / REPORT, base / CHECK) if path.exists()]:
            shutil.copyfile(path, temporary / path.name)
    return folder


def main() -> None:
    """Copy from the folder named first into the one named second."""
    if len(sys.argv) != 3:
        sys.exit("usage: python -m workflows.lib.publish.bases <results/world> <folder>")
    with one_line_errors():
        for folder in publish(Path(sys.argv[1]), Path(sys.argv[2])):
            print(f"{folder}: {sum(p.stat().st_size for p in folder.rglob('*') if p.is_file()) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
