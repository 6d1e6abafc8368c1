"""Check the other tables and figures: unequal starts, repeated and close values, times that do not fit together."""

from __future__ import annotations

from itertools import combinations
from math import sqrt

from evals.analysis.display import listed, method_name
from evals.analysis.published.finding import PublishedFinding, average_error
from evals.analysis.published.numbers import Published

ABLATIONS = ("table4", "table5", "figure3")


def other_exhibits(published: Published) -> list[PublishedFinding]:
    """Check Figures 1 and 3 and Tables 3 to 5: what does not fit, and what could be chance in answers alone."""
    checks = (_starts, _gains, _sweeps, _repeated, _same_teachers, _close, _overheads, _passes)
    return [finding for check in checks for finding in check(published)]


def _starts(published: Published) -> list[PublishedFinding]:
    figure = published.figure1
    starts = [point.value for point in figure.points if point.x == 0 and point.value is not None]
    if len(starts) < 2 or not figure.questions:
        return []
    share = sum(starts) / len(starts) / 100
    error = 100 * sqrt(share * (1 - share) / figure.questions)
    text = f"Step 0 shows {min(starts):.1f} to {max(starts):.1f}, although all methods start from the same weights"
    return [PublishedFinding("figure1", f"{text} (standard error with {figure.questions} questions: {error:.1f}).")]


def _sweeps(published: Published) -> list[PublishedFinding]:
    cepo = published.table2.row("small", "cepo")
    values = [point.value for point in published.figure3.points if point.value is not None]
    if cepo is None or cepo.average is None or not values or max(values) >= cepo.average:
        return []
    text = f"The default's {cepo.average:.2f} lies above every known point of the sweeps (highest {max(values):.1f})"
    return [PublishedFinding("figure3", f"{text}, so the sweeps cannot all start from the default.")]


def _repeated(published: Published) -> list[PublishedFinding]:
    shown = [(name, point) for name in ("table4", "table5") for point in getattr(published, name).points]
    default = published.table2.row("small", "cepo")
    return [
        PublishedFinding(second, f"{b.value:.2f} ({b.series}) also stands in Table {first[-1]} ({a.series}).")
        for (first, a), (second, b) in combinations(shown, 2)
        if first != second and a.value == b.value and a.value is not None and default and a.value != default.average
    ]


def _same_teachers(published: Published) -> list[PublishedFinding]:
    synced, fixed = published.table4.value("synced", 25), published.table4.value("fixed")
    if synced is None or fixed is None or synced == fixed:
        return []
    text = f"{synced:.2f} (copied every 25 steps) and {fixed:.2f} (fixed) differ by {abs(synced - fixed):.2f}"
    why = "with lambda 0 after 25 steps, as in the paper's default, both teachers are the base model while they count"
    return [PublishedFinding("table4", f"{text}, although {why}.")]


def _overheads(published: Published) -> list[PublishedFinding]:
    base = published.table3.value("grpo")
    times = [point for point in published.table3.points if point.value is not None and point.series != "grpo"]
    if not base:
        return []
    shown = ", ".join(f"{method_name(point.series)} {point.value / base:.3f}" for point in times if point.value)
    return [PublishedFinding("table3", f"Wall-clock time relative to GRPO: {shown}.")]


def _gains(published: Published) -> list[PublishedFinding]:
    """Say how much each curve of Figure 1 gains, because the curves do not start at the same value."""
    figure = published.figure1
    ends = {p.series: p.value for p in figure.points if p.x == max(one.x or 0 for one in figure.points)}
    starts = {p.series: p.value for p in figure.points if p.x == 0}
    shown = [
        f"{method_name(series)} {last - first:+.1f}"
        for series, first in starts.items()
        if first is not None and (last := ends.get(series)) is not None
    ]
    text = f"From its own start to the last step each curve gains: {listed(shown)}."
    return [PublishedFinding("figure1", text)] if len(shown) > 1 else []


def _close(published: Published) -> list[PublishedFinding]:
    """Range of the known numbers of an ablation, in standard errors by the sampling of answers alone."""
    cepo = published.table2.row("small", "cepo")
    if cepo is None or cepo.recomputed is None:
        return []
    error = sqrt(2) * average_error(cepo)
    close = []
    for name in ABLATIONS:
        values = [point.value for point in getattr(published, name).points if point.value is not None]
        if len(values) > 1:
            gap = max(values) - min(values)
            text = f"Its known values differ by at most {gap:.2f} points, {gap / error:.1f} standard errors of one "
            close.append(
                PublishedFinding(name, f"{text}difference that the sampling of answers alone gives ({error:.1f}).")
            )
    return close


def _passes(published: Published) -> list[PublishedFinding]:
    """Compare times: RLSD asks one teacher at 50 steps, CEPO two at 25 (released code), which is the same number."""
    base, rlsd, cepo = (published.table3.value(name) for name in ("grpo", "rlsd", "cepo"))
    if not base or not rlsd or not cepo:
        return []
    text = (
        f"RLSD takes {rlsd - base:.0f} minutes longer than GRPO for one teacher's pass at each of 50 steps, CEPO "
        f"{cepo - base:.0f} for two at each of 25, as the released code asks them: as many passes, "
        f"{(cepo - base) / (rlsd - base):.1f} times the time. Its script also halves the update's micro-batch."
    )
    return [PublishedFinding("table3", text)]
