"""Table 2 for a terminal: accuracies with their intervals, then where the files are and what to do next.

``python -m evals.analysis.rendering.terminal <results folder or config>`` reads that folder's ``tables/table2.csv``.
rich leaves colours out when the output is a pipe or ``NO_COLOR`` is set; the marks + and - say the same as the colours.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.errors import DataError, UserError

AVERAGE = "average"
ACCURACY, TO_BASE = "accuracy", "difference to base"
STYLES = {"+": "green", "-": "red", "": ""}
BESIDE, BELOW = len(" 48.5+ [45.8, 51.2]"), len("  45.8, 51.2")  # widths of a column: interval beside or below the mean
REMEDY = "run: make reproduce"


@dataclass(frozen=True)
class MethodLine:
    """One method at one scale: a line of the table. Its numbers: value, low end and high end of the interval."""

    name: str
    cell: str  # method/scale/variant/s<first seed>
    seeds: tuple[str, ...]
    accuracy: dict[str, tuple[float, float, float]] = field(default_factory=dict)  # by benchmark
    to_base: dict[str, tuple[float, float, float]] = field(default_factory=dict)  # points, by benchmark

    def mark(self, benchmark: str) -> str:
        """``+`` or ``-`` where the interval of the difference to the base excludes 0, else nothing."""
        _, low, high = self.to_base.get(benchmark, (0.0, 0.0, 0.0))
        return "+" if low > 0 else "-" if high < 0 else ""


@dataclass(frozen=True)
class TerminalTable:
    """What the terminal shows of ``table2.csv``."""

    world: str
    models: dict[str, dict[str, MethodLine]]  # model name -> row name -> line
    benchmarks: list[str]  # in the file's order, the average last

    @property
    def lines(self) -> list[MethodLine]:
        """Every line of every model."""
        return [line for lines in self.models.values() for line in lines.values()]


def read_table2(path: Path) -> TerminalTable:
    """The measured accuracies of a ``table2.csv``; DataError if it is missing or is not such a file."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            records = [record for record in csv.DictReader(file) if record["world"] != "published"]
        table = TerminalTable(_printable(records[0]["world"]), {}, [])
        for record in records:
            _add(table, record)
    except OSError as error:
        raise DataError(str(path), f"cannot be read ({error.strerror})", REMEDY) from None
    except (KeyError, IndexError, ValueError, TypeError, csv.Error):
        raise DataError(str(path), "is not the table that this project writes", f"delete it and {REMEDY}") from None
    table.benchmarks.sort(key=lambda name: name == AVERAGE)
    return table


def _add(table: TerminalTable, record: dict[str, str]) -> None:
    """Put one line of the file where it belongs; quantities that the terminal does not show are left out."""
    model, name, benchmark = (_printable(record[key]) for key in ("model", "row", "benchmark"))
    seeds = tuple(record["seeds"].split())
    cell = "/".join(_printable(record[key]) for key in ("method", "scale", "variant"))
    line = MethodLine(name, f"{cell}/s{seeds[0]}" if seeds else "", seeds)
    line = table.models.setdefault(model, {}).setdefault(name, line)
    if benchmark not in table.benchmarks:
        table.benchmarks.append(benchmark)
    place = {ACCURACY: line.accuracy, TO_BASE: line.to_base}.get(record["quantity"])
    if place is not None and record["value"]:
        place[benchmark] = (float(record["value"]), float(record["low"]), float(record["high"]))


def _printable(text: str) -> str:
    """Return ``text``. ValueError if it holds escape sequences, which a file must not send to a terminal."""
    if not text.isprintable():
        raise ValueError(text)
    return text


def render(table: TerminalTable, width: int) -> list[Text | Table]:
    """The title, then one table for each model, no wider than ``width`` columns."""
    seeds = sorted({seed for line in table.lines for seed in line.seeds})
    over = f"seeds {', '.join(seeds)} and questions" if len(seeds) > 1 else "questions only (one seed)"
    shown: list[Text | Table] = [Text(f"Table 2, {table.world} world: accuracy in percent", "bold")]
    shown += [Text(f"with 95 % intervals over {over}", "dim")]
    for model, lines in table.models.items():
        shown += [Text(""), Text(model, "bold cyan"), _model_table(table, lines, width)]
    return [
        *shown,
        Text(),
        Text("+ better, - worse than the base: interval of the paired difference excludes 0", "dim"),
    ]


def _model_table(table: TerminalTable, lines: dict[str, MethodLine], width: int) -> Table:
    """The lines of one model. Intervals stand beside the means, below them, or only the average is shown."""
    room = width - max(len(line.name) for line in table.lines)
    beside = room >= BESIDE * len(table.benchmarks)
    benchmarks = table.benchmarks if room >= BELOW * len(table.benchmarks) else table.benchmarks[-1:]
    grid = Table(box=None, padding=(0, 0, 0, 1 if beside else 2), pad_edge=False, header_style="bold")
    grid.add_column("", no_wrap=True)
    for benchmark in benchmarks:
        header = benchmark.removeprefix(f"{table.world}-").replace(AVERAGE, "Average")
        grid.add_column(header, justify="right", no_wrap=True)
    for line in lines.values():
        grid.add_row(Text(line.name), *(_accuracy(line, benchmark, beside) for benchmark in benchmarks))
    return grid


def _accuracy(line: MethodLine, benchmark: str, beside: bool) -> Text:
    """One accuracy: its mean and mark, and its interval beside or below."""
    if benchmark not in line.accuracy:
        return Text("not run", "dim")
    value, low, high = line.accuracy[benchmark]
    mark = line.mark(benchmark)
    mean = Text(f"{value:.1f}{mark or ' '}", STYLES[mark])
    interval = Text(f"[{low:4.1f}, {high:4.1f}]" if beside else f"{low:.1f}, {high:.1f}", "dim")
    return Text(" " if beside else "\n").join([mean, interval])


def next_steps(table: TerminalTable, results: Path, config: str = "") -> list[str]:
    """Where the files are and what to do next; ``config`` is the file that made them, if not the default."""
    world = f" CONFIG={config}" if config else ""
    elsewhere = "" if results.as_posix() == "results/micro" else f" RESULTS={results}"
    cells = [line.cell for line in table.lines if line.cell and not line.cell.startswith("base/")]
    cell = next((cell for cell in cells if cell.startswith("cepo/")), cells[0] if cells else "cepo/small/default/s1")
    return [
        f"Full table   {results}/tables/table2.md: differences, the paper's numbers",
        f"One page     make report{elsewhere}, then open {results}/report/report.html",
        f"One cell     make cell CELL={cell}{world}",
        "Your method  docs/add-a-method.md",
    ]


def results_folder(given: Path) -> tuple[Path, str]:
    """The results folder, and the config if ``given`` is one: results go to ``<results_dir>/<world>``."""
    if given.suffix not in (".yaml", ".yml"):
        return given, ""
    try:
        config = yaml.safe_load(given.read_text(encoding="utf-8"))
        return Path(config.get("results_dir", "results")) / config["world"], str(given)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, AttributeError, TypeError):
        cause, remedy = "does not say where its results are", "give a config like workflows/configs/*.yaml"
        raise DataError(str(given), cause, remedy) from None


def show(console: Console, given: Path) -> None:
    """Print the table and the next steps."""
    results, config = results_folder(given)
    table = read_table2(results / "tables" / "table2.csv")
    for part in render(table, console.width):
        console.print(part)
    console.print()
    for line in next_steps(table, results, config):
        console.print(Text(line), soft_wrap=True)  # a path or command that wraps cannot be copied


if __name__ == "__main__":
    try:
        show(Console(highlight=False), Path(sys.argv[1] if len(sys.argv) > 1 else "results/micro"))
    except UserError as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from None
