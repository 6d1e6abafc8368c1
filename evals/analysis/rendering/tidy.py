"""Tables in long form for .csv: one number in each row, with its interval, counts and source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from evals.analysis.cells import Arm
from evals.analysis.comparison import Block, Comparison, ComparisonRow
from evals.analysis.published.numbers import Exhibit, PublishedRow, Table2
from evals.benchmarks import BENCHMARKS
from evals.statistics.intervals import AVERAGE, Estimate

Line = dict[str, Any]

COLUMNS = ("world", "scale", "model", "method", "variant", "row", "benchmark", "quantity", "value", "low", "high")
COLUMNS += ("unit", "questions", "seeds", "source")


def frame(*parts: Iterable[Line]) -> pd.DataFrame:
    """Join lines to a table; fields that a line does not have are empty."""
    lines = [line for part in parts for line in part]
    return pd.DataFrame(lines, columns=list(COLUMNS)).astype({"questions": "Int64"})


def measured(table: Comparison) -> Iterator[Line]:
    """Yield every number of a comparison. A row that was not run is one line without a value."""
    for block in table.blocks:
        for row in block.rows:
            if row.arm is not None:
                yield from _row(table, row, arm_line(row.arm, row.name))
            else:
                yield _not_run(table, block, row)


def arm_line(arm: Arm, name: str) -> Line:
    """Fields that are the same for all numbers of an arm."""
    cell = arm.folders[0].cell
    line: Line = {"world": cell.world, "scale": cell.scale, "model": cell.model_name, "method": cell.method}
    return line | {"variant": cell.variant, "row": name, "seeds": " ".join(map(str, arm.seeds)), "source": "this run"}


def numbers(estimate: Estimate) -> Line:
    """Value and interval of shares in percent, or of differences in points, and the number of questions."""
    values: Line = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    return {name: round(100 * value, 4) for name, value in values.items()} | {"questions": estimate.n}


def _row(table: Comparison, row: ComparisonRow, common: Line) -> Iterator[Line]:
    for column in table.columns:
        place = common | {"benchmark": column if column == AVERAGE else table.title(column), "unit": "percent"}
        if column in row.accuracy:
            yield place | {"quantity": "accuracy"} | numbers(row.accuracy[column])
        for quantity, rates in (("unparsed", row.unparsed), ("truncated", row.truncated)):
            if column in rates:
                yield place | {"quantity": quantity, "value": round(100 * rates[column], 4)}
        for baseline, by in row.versus.items():
            if column in by:
                yield place | {"quantity": f"difference to {baseline}", "unit": "points"} | numbers(by[column])


def _not_run(table: Comparison, block: Block, row: ComparisonRow) -> Line:
    line: Line = {"world": table.world, "scale": block.scale, "model": block.model, "row": row.name}
    return line | {"benchmark": AVERAGE, "quantity": "accuracy", "unit": "percent", "source": "not run"}


def published_rows(table: Table2) -> Iterator[Line]:
    """The paper's Table 2 (world ``published``); an unknown number is an empty value."""
    for row in table.rows:
        yield from _published_row(table, row)


def _published_row(table: Table2, row: PublishedRow) -> Iterator[Line]:
    common: Line = {"world": "published", "scale": row.scale, "model": table.scales[row.scale], "method": row.method}
    common |= {"variant": "default", "unit": "percent", "source": table.sources[row.source].where}
    for name, value in row.cells.items():
        yield common | {"benchmark": BENCHMARKS[name].title, "quantity": "accuracy", "value": value}
    yield common | {"benchmark": AVERAGE, "quantity": "accuracy", "value": row.average}
    again = None if row.recomputed is None else round(row.recomputed, 4)
    yield common | {"benchmark": AVERAGE, "quantity": "recomputed average", "value": again}


def published_points(exhibit: Exhibit, common: Line) -> Iterator[Line]:
    """The paper's points of another exhibit (world ``published``), each with ``common``; unknown ones are empty."""
    for point in exhibit.points:
        name = point.series if point.x is None else f"{point.series}, {point.x:g}"
        line: Line = {"world": "published", "row": name, "value": point.value, "unit": exhibit.unit}
        yield line | {"source": exhibit.sources[point.source].where} | common
