"""Fill docs/audit.md: write behind each arm that it names how the arm changes the average accuracy.

python -m evals.analysis.report.audit_page results/micro docs/audit.md
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from contracts.errors import DataError, one_line_errors
from contracts.files import write_text
from evals.analysis.cells import Arm, read_arms, trained
from evals.analysis.comparison import by_scale
from evals.analysis.rendering.cell_words import interval, points
from evals.statistics.intervals import AVERAGE, Estimate, differences

SCALE = "small"  # where the arms of the audit run
# `audit: cepo/lora_alpha=64`, and the number behind it if there is one
NAMED = re.compile(r"(`(?:audit|controls|figure3|table4|table5): (\w+/[^`/]+)`)(?: [+\u22120-9.]+ \[[^\]]*\])?")


def effects(cells: Sequence[Path]) -> dict[str, Estimate]:
    """Map ``method/variant`` to the average accuracy of the arm minus that of its method's default, paired by question.

    Arms of scale ``small``; a method without a default has none. Raises DataError if a file is broken.
    """
    arms = by_scale(trained(read_arms(cells))).get(SCALE, [])
    defaults = {arm.method: arm for arm in arms if arm.variant == "default"}
    return {
        f"{arm.method}/{arm.variant}": _difference(arm, defaults[arm.method])
        for arm in arms
        if arm.method in defaults and arm.variant != "default"
    }


def _difference(arm: Arm, default: Arm) -> Estimate:
    return differences(arm.panels, default.panels)[AVERAGE]


def fill(page: str, known: Mapping[str, Estimate]) -> str:
    """Write the difference in points and its interval behind each arm that the page names.

    Where an arm has none, a number from an earlier run is removed.
    """

    def shown(match: re.Match[str]) -> str:
        name, arm = match[1], known.get(match[2])
        return name if arm is None else f"{name} {points(arm.value)} {interval(arm, signed=True)}"

    return NAMED.sub(shown, page)


def main() -> None:
    """``RESULTS PAGE``."""
    results, page = map(Path, sys.argv[1:])
    with one_line_errors():
        cells = sorted(path.parents[1] for path in results.glob(f"cells/*/{SCALE}/*/s*/eval/scores.json"))
        if not cells:
            raise DataError(str(results), f"no evaluated cells of scale {SCALE}", "run: make everything")
        write_text(page, fill(page.read_text(encoding="utf-8"), effects(cells)))


if __name__ == "__main__":
    main()
