"""The end of a run on a terminal: average accuracies, what the controls say, where the files are, what to do next.

``python -m evals.analysis.rendering.terminal <results folder or config>`` reads that folder's ``tables/table2.csv`` and
``tables/claims.json``. rich leaves colours out when the output is a pipe or ``NO_COLOR`` is set; a mark and a sign
say the same as a colour.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.errors import DataError, one_line_errors
from contracts.plain_yaml import parse_yaml
from evals.analysis.display import in_a_row
from evals.analysis.rendering.terminal_verdicts import verdict_lines

AVERAGE = "average"
ACCURACY, DIFFERENCE = "accuracy", "difference to "
MARK = "*"  # beside a difference whose interval excludes 0
REMEDY = "run: make reproduce"
Bounds = tuple[float, float, float]  # a number with its interval: value, low end, high end


@dataclass(frozen=True)
class MethodLine:
    """One method at one scale: a line of the table."""

    name: str
    cell: str  # method/scale/variant/s<first seed>
    seeds: tuple[str, ...]
    accuracy: list[Bounds] = field(default_factory=list)  # average over benchmarks, percent; empty: not run
    versus: dict[str, Bounds] = field(default_factory=dict)  # name of a baseline -> paired difference in points


@dataclass(frozen=True)
class TerminalTable:
    """What the terminal shows of ``table2.csv``."""

    world: str
    models: dict[str, dict[str, MethodLine]]  # model name -> row name -> line

    @property
    def lines(self) -> list[MethodLine]:
        """Every line of every model."""
        return [line for lines in self.models.values() for line in lines.values()]

    @property
    def baselines(self) -> list[str]:
        """What lines are compared with, in order of appearance."""
        return list(dict.fromkeys(name for line in self.lines for name in line.versus))


def read_table2(path: Path) -> TerminalTable:
    """The measured averages of a ``table2.csv``; DataError if it is missing or is not such a file."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            records = [record for record in csv.DictReader(file) if record["world"] != "published"]
        table = TerminalTable(_printable(records[0]["world"]), {})
        for record in records:
            _add(table, record)
    except OSError as error:
        raise DataError(str(path), f"cannot be read ({error.strerror})", REMEDY) from None
    except (KeyError, IndexError, ValueError, TypeError, csv.Error):
        raise DataError(str(path), "is not the table that this project writes", f"delete it and {REMEDY}") from None
    return table


def _add(table: TerminalTable, record: dict[str, str]) -> None:
    """Put one line of the file where it belongs; benchmarks and rates are left to the full table."""
    model, name, quantity = (_printable(record[key]) for key in ("model", "row", "quantity"))
    seeds = tuple(record["seeds"].split())
    cell = "/".join(_printable(record[key]) for key in ("method", "scale", "variant"))
    line = MethodLine(name, f"{cell}/s{seeds[0]}" if seeds else "", seeds)
    line = table.models.setdefault(model, {}).setdefault(name, line)
    if record["benchmark"] != AVERAGE or not record["value"]:
        return
    if quantity == ACCURACY:
        line.accuracy.append(_bounds(record))
    elif quantity.startswith(DIFFERENCE):
        line.versus[quantity.removeprefix(DIFFERENCE)] = _bounds(record)


def _bounds(record: dict[str, str]) -> Bounds:
    return float(record["value"]), float(record["low"]), float(record["high"])


def _printable(text: str) -> str:
    """Return ``text``. ValueError if it holds escape sequences, which a file must not send to a terminal."""
    if not text.isprintable():
        raise ValueError(text)
    return text


def render(table: TerminalTable) -> list[Text | Table]:
    """The title, then one table of all models: a line a method."""
    own_seeds = len({line.seeds for line in table.lines}) > 1  # of each row, which a column then names
    grid = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    grid.add_column("", no_wrap=True)
    names = [f"minus {name.upper() if name != 'base' else name}" for name in table.baselines]
    for heading in (*(["seeds"] if own_seeds else []), "average", *names):
        grid.add_column(heading, justify="right", no_wrap=True)
    for model, lines in table.models.items():
        grid.add_row(Text(model, "bold cyan"))
        for line in lines.values():
            seeds = [Text(_seeds(line.seeds), "dim")] if own_seeds else []
            changes = [_change(line, name) for name in table.baselines]
            grid.add_row(Text(f"  {line.name}"), *seeds, _accuracy(line), *changes)
    return [
        Text(f"Table 2, {table.world} world: average accuracy over the benchmarks, percent", "bold"),
        Text(f"95 % intervals over {_covered(table.lines)}; {MARK}: excludes 0", "dim"),
        grid,
    ]


def _covered(lines: Sequence[MethodLine]) -> str:
    """What the intervals are over."""
    groups = {line.seeds for line in lines}
    if len(groups) > 1:
        return "seeds and questions (one seed: questions)"
    seeds = groups.pop() if groups else ()
    return f"seeds {', '.join(seeds)} and questions" if len(seeds) > 1 else "questions only (one seed)"


def _seeds(seeds: tuple[str, ...]) -> str:
    """``1-3`` for seeds that follow each other, ``1,3`` for others."""
    numbers = [int(seed) for seed in seeds]
    return f"{numbers[0]}-{numbers[-1]}" if in_a_row(numbers) else ",".join(seeds)


def _accuracy(line: MethodLine) -> Text:
    if not line.accuracy:
        return Text("not run", "dim")
    value, low, high = line.accuracy[0]
    return Text(f"{value:.1f} ").append(f"[{low:.1f}, {high:.1f}]", "dim")


def _change(line: MethodLine, baseline: str) -> Text:
    if baseline not in line.versus:
        return Text()
    value, low, high = line.versus[baseline]
    style = "green" if low > 0 else "red" if high < 0 else ""
    return Text(f"{value:+z.1f}{MARK if style else ' '} ", style).append(f"[{low:+z.1f}, {high:+z.1f}]", "dim")


def next_steps(table: TerminalTable, results: Path, config: str = "") -> list[str]:
    """Where the files are and what to do next; ``config`` is the file that made them, if not the default."""
    world = f" CONFIG={config}" if config else ""
    elsewhere = "" if results.as_posix() == "results/micro" else f" RESULTS={results}"
    cells = [line.cell for line in table.lines if line.cell and not line.cell.startswith("base/")]
    cells_in = "cells/" if (results / "cells").exists() else "records.parquet"
    cell = next((cell for cell in cells if cell.startswith("cepo/")), cells[0] if cells else "cepo/small/default/s1")
    return [
        f"Tables   {results}/tables/table2.md: each benchmark",
        f"Figures  {results}/figures/",
        f"Runs     {results}/{cells_in}; in the browser: make ui",
        f"Next     make report{elsewhere} (one page); docs/add-a-method.md",
        f"         make cell CELL={cell}{world}",
        f"         make show{elsewhere} repeats this",
    ]


def results_folder(given: Path) -> tuple[Path, str]:
    """The results folder, and the config if ``given`` is one: results go to ``<results_dir>/<world>``."""
    if given.suffix not in (".yaml", ".yml"):
        return given, ""
    try:
        config = parse_yaml(given.read_text(encoding="utf-8"))
        return Path(config.get("results_dir", "results")) / config["world"], str(given)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, AttributeError, TypeError):
        cause, remedy = "does not say where its results are", "give a config like workflows/configs/*.yaml"
        raise DataError(str(given), cause, remedy) from None


def show(console: Console, given: Path) -> None:
    """Print the table, the controls' verdict, the paths and the next steps."""
    results, config = results_folder(given)
    table = read_table2(results / "tables" / "table2.csv")
    for part in render(table):
        console.print(part)
    for line in verdict_lines(results / "tables" / "claims.json"):
        console.print(Text(line), soft_wrap=True)
    for line in next_steps(table, results, config):
        console.print(Text(line), soft_wrap=True)  # a path or command that wraps cannot be copied


if __name__ == "__main__":
    with one_line_errors():
        show(Console(highlight=False), Path(sys.argv[1] if len(sys.argv) > 1 else "results/micro"))
