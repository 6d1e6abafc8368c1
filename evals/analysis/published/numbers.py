"""The paper's numbers, typed by hand in ``results/published/*.yaml``, each with its source. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeVar

import yaml
from pydantic import Field, ValidationError, model_validator

from contracts.errors import DataError
from contracts.plain_yaml import parse_yaml
from contracts.records import Record
from evals.benchmarks import BENCHMARKS


class PublishedSource(Record):
    """The place that a number was taken from."""

    kind: Literal["paper", "readme", "figure", "third_party", "project"]
    where: str
    reading_error: float | None = Field(
        None, description="half-width, in the unit of the file; numbers read off a picture"
    )


class PublishedRow(Record):
    """One row of Table 2, in percent; None where the number is not known."""

    scale: str
    method: str
    source: str
    average: float | None = Field(None, ge=0, le=100, description="as printed")
    cells: dict[str, float | None]

    @property
    def recomputed(self) -> float | None:
        """Mean of the five cells; None if one is unknown."""
        known = [value for value in self.cells.values() if value is not None]
        return sum(known) / len(known) if len(known) == len(BENCHMARKS) else None


class StatedGain(Record):
    """A gain of CEPO that the paper's text states without saying over which row."""

    scale: str
    column: str = Field(description="a benchmark, or 'average'")
    points: float
    called_smallest: bool = False
    source: str


class StatedRates(Record):
    """Learning rates that the text states, and its words about the training of the methods."""

    called: str
    rates: dict[str, float] = Field(description="method -> learning rate")
    source: str


class PublishedPoint(Record):
    """One number of any other table or figure."""

    series: str
    x: float | None = None
    value: float | None
    source: str
    note: str = ""


class Sourced(Record):
    """Fields that every file has: a title, a unit, and the sources to which its numbers refer."""

    title: str
    unit: Literal["percent", "minutes", "ticks"]
    sources: dict[str, PublishedSource]

    def source_names(self) -> set[str]:
        """Sources that numbers refer to."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _sources_exist(self) -> Sourced:
        if unknown := self.source_names() - self.sources.keys():
            raise ValueError(f"no source named {', '.join(sorted(unknown))}")
        return self


class Table2(Sourced):
    """The main comparison."""

    scales: dict[str, str] = Field(description="scale -> base model")
    rows: list[PublishedRow]
    stated_gains: list[StatedGain] = Field(default_factory=list)
    stated_rates: StatedRates | None = None

    def source_names(self) -> set[str]:
        """Sources of rows and of what the text states."""
        stated = [*self.stated_gains, *([self.stated_rates] if self.stated_rates else [])]
        return {row.source for row in self.rows} | {one.source for one in stated}

    def row(self, scale: str, method: str, model: str = "") -> PublishedRow | None:
        """The row of a method at a scale, or else on the base ``model``; None if the paper has none."""
        key = self._scale(scale, model)
        return next((row for row in self.rows if (row.scale, row.method) == (key, method)), None)

    def model_at(self, scale: str, model: str = "") -> str | None:
        """The paper's base model at ``scale``, or ``model`` if that is one of the paper's; None otherwise."""
        return self.scales.get(self._scale(scale, model))

    def _scale(self, scale: str, model: str) -> str:
        return next((name for name, known in self.scales.items() if known == model), scale)

    @model_validator(mode="after")
    def _known_names(self) -> Table2:
        for row in self.rows:
            if row.scale not in self.scales or row.cells.keys() != BENCHMARKS.keys():
                raise ValueError(f"row {row.scale}/{row.method}: unknown scale, or not the five benchmarks")
        return self


class SystemTicks(Record):
    """One row of Table 1: what the paper says that a system has; None where we do not know the tick."""

    method: str
    source: str
    privileged: bool | None = None
    leak_free: bool | None = None
    contrastive: bool | None = None
    no_auxiliary: bool | None = None


class Table1(Sourced):
    """The paper's comparison of systems by ticks."""

    rows: list[SystemTicks]

    def source_names(self) -> set[str]:
        """Sources of the rows."""
        return {row.source for row in self.rows}

    def row(self, method: str) -> SystemTicks | None:
        """The row of a method; None if the paper has none."""
        return next((row for row in self.rows if row.method == method), None)


class Exhibit(Sourced):
    """Any other table or figure: named series of points."""

    points: list[PublishedPoint]
    questions: int | None = Field(None, ge=1, description="questions behind each number")

    def source_names(self) -> set[str]:
        """Sources of the points."""
        return {point.source for point in self.points}

    def value(self, series: str, x: float | None = None) -> float | None:
        """The number of a series (at ``x``); None if unknown."""
        return next((point.value for point in self.points if (point.series, point.x) == (series, x)), None)


class Published(Record):
    """All of ``results/published``."""

    table1: Table1
    table2: Table2
    table3: Exhibit
    table4: Exhibit
    table5: Exhibit
    figure1: Exhibit
    figure3: Exhibit
    figure5: Exhibit


S = TypeVar("S", bound=Sourced)


def _load(model: type[S], path: Path) -> S:
    try:
        return model.model_validate(parse_yaml(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(str(path), f"cannot be read ({error})", "restore it with git") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "file"
        raise DataError(str(path), f"{field}: {first['msg']}") from None


def load(folder: Path) -> Published:
    """Read every file of ``results/published``; DataError naming the file and field that is wrong."""
    own = ("table1", "table2")
    exhibits = {name: _load(Exhibit, folder / f"{name}.yaml") for name in Published.model_fields if name not in own}
    systems, main = _load(Table1, folder / "table1.yaml"), _load(Table2, folder / "table2.yaml")
    return Published(table1=systems, table2=main, **exhibits)
