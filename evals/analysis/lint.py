"""Check the published numbers against themselves: averages, attainable shares, stated gains, repeated values, noise."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import floor, sqrt

from evals.analysis.display import listed, method_name
from evals.analysis.published import Published, Row, StatedGain, Table2
from evals.benchmarks import BENCHMARKS

ROUNDING = 0.005 + 1e-9  # of a number printed with two decimals


@dataclass(frozen=True)
class Finding:
    """Something about the published numbers that a reader should know."""

    exhibit: str
    message: str
    cell: tuple[str, str, str] | None = None  # scale, method, benchmark or "average"; None: not about one cell


def attainable(percent: float, items: int) -> bool:
    """Whether ``percent`` (two decimals) is ``100 k / items`` for a whole number k."""
    return abs(100 * round(percent * items / 100) / items - percent) <= ROUNDING


def wrong_averages(table: Table2) -> list[Finding]:
    """Printed averages that differ from the mean of their five cells."""
    return [
        Finding(
            "table2",
            f"{_who(table, row)}: printed average {row.average:.2f}, the five cells average {row.recomputed:.2f}.",
            (row.scale, row.method, "average"),
        )
        for row in table.rows
        if row.average is not None and row.recomputed is not None and abs(row.average - row.recomputed) > ROUNDING
    ]


def unattainable_cells(table: Table2) -> list[Finding]:
    """Cells that no whole number of right answers gives, and how many cells there are in all."""
    cells = [(row, name, value) for row in table.rows for name, value in row.cells.items() if value is not None]
    odd = [(row, name, value) for row, name, value in cells if not attainable(value, BENCHMARKS[name].items)]
    found = [Finding("table2", _nearest(table, *cell), (cell[0].scale, cell[0].method, cell[1])) for cell in odd]
    share = f"{len(cells) - len(odd)} of {len(cells)} known cells are exactly k/N"
    return [*found, Finding("table2", f"{share}, as one run with one sample per question gives.")]


def _nearest(table: Table2, row: Row, name: str, value: float) -> str:
    bench = BENCHMARKS[name]
    below = floor(value * bench.items / 100)
    near = " and ".join(f"{100 * k / bench.items:.2f}" for k in (below, below + 1))
    return f"{_who(table, row)}, {bench.title}: {value:.2f} is not k/{bench.items} for any k (nearest: {near})."


def below_base(table: Table2) -> list[Finding]:
    """Methods with five known cells whose average is below the untrained base."""
    found = []
    for row in table.rows:
        base = table.row(row.scale, "base")
        if base is None or row.recomputed is None or base.recomputed is None or row.recomputed >= base.recomputed:
            continue
        lower = sum((row.cells[name] or 0) < (base.cells[name] or 0) for name in BENCHMARKS)
        text = f"{_who(table, row)}: {row.recomputed:.2f} is below its base ({base.recomputed:.2f})"
        found.append(Finding("table2", f"{text}, on {lower} of 5 benchmarks."))
    return found


def gains(table: Table2, scale: str, over: str) -> dict[str, float]:
    """CEPO's gain in points over a row, per benchmark and on the recomputed average; empty if cells are unknown."""
    cepo, other = table.row(scale, "cepo"), table.row(scale, over)
    if cepo is None or other is None or cepo.recomputed is None or other.recomputed is None:
        return {}
    return {name: _known(cepo, name) - _known(other, name) for name in BENCHMARKS} | {
        "average": cepo.recomputed - other.recomputed
    }


def _known(row: Row, name: str) -> float:
    value = row.cells[name]
    assert value is not None, "recomputed is None if a cell is unknown"  # noqa: S101
    return value


def stated_gains(table: Table2) -> list[Finding]:
    """Over which row each stated gain holds, and whether one called the smallest is."""
    return [Finding("table2", _stated(table, gain)) for gain in table.stated_gains]


def _stated(table: Table2, gain: StatedGain) -> str:
    title = "the average" if gain.column == "average" else BENCHMARKS[gain.column].title
    rows = {over: gains(table, gain.scale, over) for over in ("base", "grpo")}
    facts = listed([f"{by[gain.column]:+.2f} over {method_name(over)}" for over, by in rows.items()])
    text = (
        f"The text's gain of CEPO on {table.scales[gain.scale]}, {title}, is +{gain.points}; the table gives {facts}."
    )
    if not gain.called_smallest:
        return text
    least = {over: min(BENCHMARKS, key=by.__getitem__) for over, by in rows.items()}
    shown = [f"{BENCHMARKS[n].title} ({rows[over][n]:+.2f}) over {method_name(over)}" for over, n in least.items()]
    return f"{text} It is called the smallest gain; the smallest are {listed(shown)}."


def unknown_cells(table: Table2) -> list[Finding]:
    """Rows of which only the average is known."""
    rows = [row for row in table.rows if row.average is not None and set(row.cells.values()) == {None}]
    names = listed(list(dict.fromkeys(method_name(row.method) for row in rows)))
    text = f"{names}: only averages are known to us, so what the text says of single benchmarks cannot be checked."
    return [Finding("table2", text)] if rows else []


def noise(table: Table2) -> list[Finding]:
    """CEPO's leads in standard errors that sampling of answers alone gives (unpaired, without training seeds)."""
    return [Finding("table2", text) for scale in table.scales if (text := _leads(table, scale))]


def _leads(table: Table2, scale: str) -> str:
    leads = []
    for over in ("base", "grpo", "rlsd"):
        if gain := gains(table, scale, over):
            rows = [row for row in (table.row(scale, "cepo"), table.row(scale, over)) if row is not None]
            error = sqrt(sum(average_error(row) ** 2 for row in rows))
            size = f"{gain['average']:.2f} points ({gain['average'] / error:.1f} standard errors)"
            leads.append(f"{method_name(over)} by {size}")
    if not leads:
        return ""
    rest = "errors count the sampling of answers only, not other training runs"
    return f"CEPO on {table.scales[scale]} leads {listed(leads)}; {rest}."


def average_error(row: Row) -> float:
    """Standard error in points of a row's average that the sampling of its answers implies; all cells must be known."""
    shares = {name: _known(row, name) / 100 for name in BENCHMARKS}
    return 100 * sqrt(sum(p * (1 - p) / BENCHMARKS[name].items for name, p in shares.items())) / len(shares)


def other_exhibits(published: Published) -> list[Finding]:
    """Figure 1's unequal starts, Figure 3 against the default, values in two tables, equal teachers, overheads."""
    checks = (_starts, _sweeps, _repeated, _same_teachers, _overheads)
    return [finding for check in checks for finding in check(published)]


def _starts(published: Published) -> list[Finding]:
    figure = published.figure1
    starts = [point.value for point in figure.points if point.x == 0 and point.value is not None]
    if len(starts) < 2 or not figure.questions:
        return []
    share = sum(starts) / len(starts) / 100
    error = 100 * sqrt(share * (1 - share) / figure.questions)
    text = f"Step 0 shows {min(starts):.1f} to {max(starts):.1f}, although all methods start from the same weights"
    return [Finding("figure1", f"{text} (standard error with {figure.questions} questions: {error:.1f}).")]


def _sweeps(published: Published) -> list[Finding]:
    cepo = published.table2.row("small", "cepo")
    values = [point.value for point in published.figure3.points if point.value is not None]
    if cepo is None or cepo.average is None or not values or max(values) >= cepo.average:
        return []
    text = f"The default's {cepo.average:.2f} lies above every known point of the sweeps (highest {max(values):.1f})"
    return [Finding("figure3", f"{text}, so the sweeps cannot all start from the default.")]


def _repeated(published: Published) -> list[Finding]:
    shown = [(name, point) for name in ("table4", "table5") for point in getattr(published, name).points]
    default = published.table2.row("small", "cepo")
    return [
        Finding(second, f"{b.value:.2f} ({b.series}) also stands in Table {first[-1]} ({a.series}).")
        for (first, a), (second, b) in combinations(shown, 2)
        if first != second and a.value == b.value and a.value is not None and default and a.value != default.average
    ]


def _same_teachers(published: Published) -> list[Finding]:
    synced, fixed = published.table4.value("synced", 25), published.table4.value("fixed")
    if synced is None or fixed is None or synced == fixed:
        return []
    text = f"{synced:.2f} (copied every 25 steps) and {fixed:.2f} (fixed) differ by {abs(synced - fixed):.2f}"
    why = "with lambda 0 after 25 steps, as in the paper's default, both teachers are the base model while they count"
    return [Finding("table4", f"{text}, although {why}.")]


def _overheads(published: Published) -> list[Finding]:
    base = published.table3.value("grpo")
    times = [point for point in published.table3.points if point.value is not None and point.series != "grpo"]
    if not base:
        return []
    shown = ", ".join(f"{method_name(point.series)} {point.value / base:.3f}" for point in times if point.value)
    return [Finding("table3", f"Wall-clock time relative to GRPO: {shown}.")]


def findings(published: Published) -> list[Finding]:
    """Every finding, Table 2's first."""
    table = published.table2
    checks = (wrong_averages, unattainable_cells, unknown_cells, below_base, stated_gains, noise)
    return [finding for check in checks for finding in check(table)] + other_exhibits(published)


def _who(table: Table2, row: Row) -> str:
    return f"{method_name(row.method)} on {table.scales[row.scale]}"
