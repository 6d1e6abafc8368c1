"""Table 2 as a long table: one number a line, with its interval, counts and source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from evals.analysis.comparison import Comparison, Row
from evals.analysis.published import Published, Table2
from evals.analysis.published import Row as PaperRow
from evals.analysis.statistics import AVERAGE, Estimate
from evals.benchmarks import BENCHMARKS

Line = dict[str, Any]

COLUMNS = ("world", "scale", "model", "method", "variant", "benchmark", "quantity", "value", "low", "high", "unit")
COLUMNS += ("questions", "seeds", "source")


def frame(table: Comparison, published: Published) -> pd.DataFrame:
    """Ours in full, then every published number (world ``published``); an unknown one is an empty value."""
    lines = [line for row in table.rows for line in _ours(table, row)]
    lines += [line for row in published.table2.rows for line in _paper(published.table2, row)]
    return pd.DataFrame(lines, columns=list(COLUMNS)).astype({"questions": "Int64"})


def _ours(table: Comparison, row: Row) -> Iterator[Line]:
    cell = row.arm.folders[0].cell
    common: Line = {"world": cell.world, "scale": cell.scale, "model": cell.model_name, "method": cell.method}
    common |= {
        "variant": cell.variant,
        "unit": "percent",
        "seeds": " ".join(map(str, row.arm.seeds)),
        "source": "this run",
    }
    for column in table.columns:
        place = common | {"benchmark": column if column == AVERAGE else table.title(column)}
        if column in row.accuracy:
            yield place | {"quantity": "accuracy"} | _numbers(row.accuracy[column])
        for quantity, rates in (("unparsed", row.unparsed), ("truncated", row.truncated)):
            if column in rates:
                yield place | {"quantity": quantity, "value": round(100 * rates[column], 4)}
        for reference, by in row.versus.items():
            if column in by:
                quantity = f"difference to {reference}"
                yield place | {"quantity": quantity, "unit": "points"} | _numbers(by[column])


def _numbers(found: Estimate) -> Line:
    values: Line = {"value": found.value, "low": found.low, "high": found.high}
    return {name: round(100 * value, 4) for name, value in values.items()} | {"questions": found.n}


def _paper(table: Table2, row: PaperRow) -> Iterator[Line]:
    common: Line = {"world": "published", "scale": row.scale, "model": table.scales[row.scale], "method": row.method}
    common |= {"variant": "default", "unit": "percent", "source": table.sources[row.source].where}
    for name, value in row.cells.items():
        yield common | {"benchmark": BENCHMARKS[name].title, "quantity": "accuracy", "value": value}
    yield common | {"benchmark": AVERAGE, "quantity": "accuracy", "value": row.average}
    again = None if row.recomputed is None else round(row.recomputed, 4)
    yield common | {"benchmark": AVERAGE, "quantity": "recomputed average", "value": again}
