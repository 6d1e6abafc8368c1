"""Check the published Table 2 against itself: averages, possible shares, gains that the text states, noise."""

from __future__ import annotations

from math import floor, sqrt

from evals.analysis.display import listed, method_name
from evals.analysis.published.finding import PublishedFinding, average_error, known
from evals.analysis.published.lint_exhibits import other_exhibits
from evals.analysis.published.numbers import Published, PublishedRow, StatedGain, Table2
from evals.benchmarks import BENCHMARKS

ROUNDING = 0.005 + 1e-9  # largest rounding error of a number printed with two decimals


def attainable(percent: float, items: int) -> bool:
    """Whether ``percent`` (two decimals) is ``100 k / items`` for some integer k."""
    return abs(100 * round(percent * items / 100) / items - percent) <= ROUNDING


def wrong_averages(table: Table2) -> list[PublishedFinding]:
    """Find printed averages that differ from the mean of their five cells."""
    return [
        PublishedFinding(
            "table2",
            f"{_who(table, row)}: printed average {row.average:.2f}, the five cells average {row.recomputed:.2f}.",
            (row.scale, row.method, "average"),
        )
        for row in table.rows
        if row.average is not None and row.recomputed is not None and abs(row.average - row.recomputed) > ROUNDING
    ]


def unattainable_cells(table: Table2) -> list[PublishedFinding]:
    """Find cells that no number of right answers gives, and say how many cells there are."""
    cells = [(row, name, value) for row in table.rows for name, value in row.cells.items() if value is not None]
    odd = [(row, name, value) for row, name, value in cells if not attainable(value, BENCHMARKS[name].items)]
    impossible = [
        PublishedFinding("table2", _nearest(table, *cell), (cell[0].scale, cell[0].method, cell[1])) for cell in odd
    ]
    share = f"{len(cells) - len(odd)} of {len(cells)} known cells are exactly k/N"
    chance = listed([f"{_by_chance(one.items):.0f} % of {one.title}'s" for one in BENCHMARKS.values()])
    text = f"{share}, as one run with one sample per question gives. By chance {chance} would be."
    return [*impossible, PublishedFinding("table2", text)]


def _by_chance(items: int) -> float:
    """Percent of the numbers 0.00, 0.01, ..., 100.00 that are k/N for some k."""
    return 100 * len({round(10_000 * k / items) for k in range(items + 1)}) / 10_001


def _nearest(table: Table2, row: PublishedRow, name: str, value: float) -> str:
    bench = BENCHMARKS[name]
    below = floor(value * bench.items / 100)
    near = " and ".join(f"{100 * k / bench.items:.2f}" for k in (below, below + 1))
    return f"{_who(table, row)}, {bench.title}: {value:.2f} is not k/{bench.items} for any k (nearest: {near})."


def below_base(table: Table2) -> list[PublishedFinding]:
    """Find methods whose average is below the untrained base; all five cells must be known."""
    lower_averages = []
    for row in table.rows:
        base = table.row(row.scale, "base")
        if base is None or row.recomputed is None or base.recomputed is None or row.recomputed >= base.recomputed:
            continue
        lower = sum((row.cells[name] or 0) < (base.cells[name] or 0) for name in BENCHMARKS)
        text = f"{_who(table, row)}: {row.recomputed:.2f} is below its base ({base.recomputed:.2f})"
        lower_averages.append(PublishedFinding("table2", f"{text}, on {lower} of 5 benchmarks."))
    return lower_averages


def gains(table: Table2, scale: str, over: str) -> dict[str, float]:
    """CEPO's gain over a row in points, for each benchmark and the recomputed average; empty if cells are unknown."""
    cepo, other = table.row(scale, "cepo"), table.row(scale, over)
    if cepo is None or other is None or cepo.recomputed is None or other.recomputed is None:
        return {}
    return {name: known(cepo, name) - known(other, name) for name in BENCHMARKS} | {
        "average": cepo.recomputed - other.recomputed
    }


def stated_gains(table: Table2) -> list[PublishedFinding]:
    """Say over which row each stated gain holds, and whether a gain called the smallest is the smallest."""
    return [PublishedFinding("table2", _stated(table, gain)) for gain in table.stated_gains]


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


def unknown_cells(table: Table2) -> list[PublishedFinding]:
    """Name the rows of which only the average is known."""
    rows = [row for row in table.rows if row.average is not None and set(row.cells.values()) == {None}]
    names = listed(list(dict.fromkeys(method_name(row.method) for row in rows)))
    text = f"{names}: only averages are known to us, so what the text says of single benchmarks cannot be checked."
    return [PublishedFinding("table2", text)] if rows else []


def noise(table: Table2) -> list[PublishedFinding]:
    """CEPO's leads in standard errors by the sampling of answers alone (unpaired, without seeds of training)."""
    return [PublishedFinding("table2", text) for scale in table.scales if (text := _leads(table, scale))]


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


def budgets(table: Table2) -> list[PublishedFinding]:
    """Report learning rates that differ although the text calls the training of the methods the same."""
    stated = table.stated_rates
    if stated is None or len(set(stated.rates.values())) < 2:
        return []
    by_rate: dict[float, list[str]] = {}
    for method, rate in stated.rates.items():
        by_rate.setdefault(rate, []).append(method_name(method))
    shown = listed([f"{rate:g} for {listed(names)}" for rate, names in sorted(by_rate.items(), reverse=True)])
    factor = max(by_rate) / min(by_rate)
    return [
        PublishedFinding("table2", f"The text speaks of {stated.called}; learning rates are {shown}, {factor:g} to 1.")
    ]


def findings(published: Published) -> list[PublishedFinding]:
    """Every finding, Table 2's first."""
    table = published.table2
    checks = (wrong_averages, unattainable_cells, unknown_cells, below_base, stated_gains, budgets, noise)
    return [finding for check in checks for finding in check(table)] + other_exhibits(published)


def _who(table: Table2, row: PublishedRow) -> str:
    return f"{method_name(row.method)} on {table.scales[row.scale]}"
