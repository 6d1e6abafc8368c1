"""Table 3: seconds of a training step by phase, time divided by GRPO's, and the paper's hours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evals.analysis import provenance
from evals.analysis.cells import Arm, read_arms, rivals, trained
from evals.analysis.comparison import by_scale
from evals.analysis.display import PAPER_ORDER, method_name
from evals.analysis.published.numbers import Exhibit, Published, load
from evals.analysis.rendering import tidy
from evals.analysis.rendering.captions import Words, published_notes, title
from evals.analysis.rendering.document import write_document
from evals.analysis.rendering.layout import ABSENT, ColumnGroup, Entry, Part, TableSection
from evals.analysis.timing import StepTiming, in_order, timing
from evals.statistics.ratios import Ratio

OVER = ("all steps", "teachers asked", "per token")
PAPER_SCALE = "small"  # the released table names no model; its text on other ablations means the smaller one


@dataclass(frozen=True)
class TimingRow:
    """One method at one scale; None where it was not run."""

    name: str
    arm: Arm | None
    timing: StepTiming | None
    paper: str  # hours and minutes, ? if not known; empty where the paper has no such row
    paper_over: str  # over GRPO's


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``table3`` as .md, .csv, .tex and .html to the folder ``out``; returns the paths.

    ``cells``: cell folders of one world with train.jsonl and run.json; the untrained base is skipped. ``published``:
    the folder of the paper's numbers. A method of the paper without cells has a row that says so. Raises DataError if
    a file is broken or no cell was trained.
    """
    paper = load(published)
    arms = trained(rivals(read_arms(cells)))
    scales = {scale: _rows(members, paper) for scale, members in by_scale(arms).items()}
    points = tidy.published_points(paper.table3, {"quantity": "wall-clock time of 50 steps"})
    numbers = tidy.frame([line for rows in scales.values() for line in _measured(rows)], points)
    return write_document(out, "table3", _words(arms, paper), [_part(scales, arms[0])], numbers)


def _rows(arms: Sequence[Arm], published: Published) -> list[TimingRow]:
    """Rows of the paper's methods, also of those that were not run, then of every other arm."""
    defaults = {arm.method: arm for arm in arms if arm.variant == "default"}
    shown = [(method, defaults.get(method)) for method in PAPER_ORDER[1:]]
    others = [("", arm) for arm in arms if arm not in [one for _, one in shown]]
    times = published.table3 if arms[0].scale == PAPER_SCALE else None
    return [_row(method, arm, defaults.get("grpo"), times) for method, arm in [*shown, *others]]


def _row(method: str, arm: Arm | None, grpo: Arm | None, times: Exhibit | None) -> TimingRow:
    paper = times.value(method) if times else None
    base = times.value("grpo") if times else None
    return TimingRow(
        name=arm.name if arm else f"{method_name(method)} (not run)",
        arm=arm,
        timing=timing(arm, grpo) if arm else None,
        paper=_clock(paper) if times and method else "",
        paper_over=f"{paper / base:.3f}" if paper and base and method != "grpo" else "",
    )


def _part(scales: Mapping[str, Sequence[TimingRow]], first: Arm) -> Part:
    timings = [row.timing for rows in scales.values() for row in rows if row.timing]
    phases = in_order(name for one in timings for name in one.phases)
    other = "" if first.folders[0].cell.world == "paper" else " (another world)"
    groups = [
        ColumnGroup("Seconds per training step", [*phases, "all"]),
        ColumnGroup("Time over GRPO's", [*OVER]),
        ColumnGroup("Whole run", ["minutes", "tokens/step", "peak MB"]),
        ColumnGroup(f"The paper{other}, 50 steps", ["h:min", "over GRPO"]),
    ]
    sections = [TableSection(_heading(rows), [(r.name, _entries(r, phases)) for r in rows]) for rows in scales.values()]
    return Part("Training time", groups, sections)


def _heading(rows: Sequence[TimingRow]) -> str:
    arm = next(row.arm for row in rows if row.arm)
    return f"{arm.scale}: {arm.model}"


def _entries(row: TimingRow, phases: Sequence[str]) -> list[Entry]:
    theirs = [Entry(text, paper=True) for text in (row.paper, row.paper_over)]
    if (measured := row.timing) is None:
        return [Entry(ABSENT)] * (len(phases) + 1 + len(OVER) + 3) + theirs
    low, high = measured.deciles
    step = Entry(f"{measured.step:.2f}", (f"[{low:.2f}, {high:.2f}]",))
    run = [f"{measured.minutes:.2f}", f"{measured.tokens:.0f}", f"{measured.memory_mb:.0f}"]
    each = [Entry(f"{measured.phases[name]:.3f}" if name in measured.phases else ABSENT) for name in phases]
    return [*each, step, *(_over(measured.over.get(name)) for name in OVER), *map(Entry, run), *theirs]


def _over(ratio: Ratio | None) -> Entry:
    if ratio is None:
        return Entry(ABSENT)
    small = () if ratio.low is None or ratio.high is None else (f"[{ratio.low:.3f}, {ratio.high:.3f}]",)
    return Entry(f"{ratio.value:.3f}", small)


def _clock(minutes: float | None) -> str:
    return "?" if minutes is None else f"{int(minutes) // 60}:{int(minutes) % 60:02d}"


def _words(arms: Sequence[Arm], published: Published) -> Words:
    world = arms[0].folders[0].cell.world
    resumed = [folder.cell.name for arm in arms for folder in arm.folders if folder.run and folder.run.resumed_at]
    caption = [
        "Seconds of wall clock per training step by phase, from the cells' own logs, averaged over the steps of all "
        f"seeds ({provenance.seeds(arms)}); brackets under all: what 80 % of the steps take.",
        "Time over GRPO's: same steps, same problems, GRPO = 1; teachers asked: only the steps at which the method's "
        "teachers looked; per token: seconds per sampled token, as answers of different length cost differently.",
        "Brackets there: 95 % intervals over runs; with one seed over its steps, whatever else the machine did then.",
        "Whole run: steps, loading, validating and saving; response tokens per step; largest memory of the process.",
        _paper(world),
        "Here teachers are asked while lambda is above 0. In the released code RLSD's looks at all 50 steps and CEPO's "
        "two look at the first 25 (verl/trainer/ray_trainer.py:891-960), and CEPO's script halves the update's "
        "micro-batch (experiments/geo/cepo.sh).",
        f"Resumed after an interruption: {', '.join(resumed)}; their whole run counts the last start."
        if resumed
        else "",
        provenance.training(arms),
    ]
    notes, marks = published_notes(published, "table3")
    return Words(title("table3", world), [sentence for sentence in caption if sentence], notes, marks)


def _paper(world: str) -> str:
    text = "The paper (arXiv:2605.19436): hours and minutes of 50 steps on eight GPUs; ?: not given"
    other = "; other hardware, model and engine, so that only what a method costs over GRPO bears comparison"
    return f"{text}{other if world != 'paper' else ''}."


def _measured(rows: Sequence[TimingRow]) -> Iterator[tidy.Line]:
    for row in rows:
        if row.arm is not None and row.timing is not None:
            common = tidy.arm_line(row.arm, row.name)
            for quantity, value, unit in _values(row.timing):
                yield common | {"quantity": quantity, "value": round(value, 4), "unit": unit}
            for name, ratio in row.timing.over.items():
                ends = {"value": ratio.value, "low": ratio.low, "high": ratio.high}
                ends = {end: value if value is None else round(value, 4) for end, value in ends.items()}
                yield common | {"quantity": f"time over GRPO's: {name}", "unit": "ratio"} | ends


def _values(measured: StepTiming) -> Iterator[tuple[str, float, str]]:
    for name, value in measured.phases.items():
        yield f"time per step: {name}", value, "seconds"
    yield "time per step: all", measured.step, "seconds"
    yield "time of the run", measured.minutes, "minutes"
    yield "response tokens per step", measured.tokens, "tokens"
    yield "peak memory", measured.memory_mb, "MB"
