"""The paper's checkable sentences as data: ``results/published/claims.yaml``. No torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from contracts.errors import DataError
from contracts.records import Record
from evals.analysis.published.numbers import PublishedSource
from evals.benchmarks import BENCHMARKS

FILE = "claims.yaml"
Arm = Annotated[str, Field(pattern=r"^[a-z0-9_]+(/[^/ ]+)?$", description="<method> or <method>/<variant>")]
Expect = Literal["higher", "lower", "similar"]


class Measure(Record):
    """What one part of a claim comes down to: a number, and where it should lie."""

    scale: str = Field(description="scale of the cells; the paper's small is its 2B model, large its 4B model")
    ours: Arm
    expect: Expect = Field(description="of the number; similar: within the tolerance of 0, or of 'than'")
    size: float | None = Field(
        default=None, description="the paper's number in the unit of the measure; null: not given"
    )
    tolerance: float = Field(ge=0, description="the smallest difference that counts, in the unit of the measure")
    note: str = ""


class Accuracy(Measure):
    """Accuracy of ``ours`` less that of ``theirs``, in points."""

    kind: Literal["accuracy"]
    theirs: Arm
    benchmarks: list[str] = Field(default=list(BENCHMARKS), min_length=1, description="weighed equally; default: all")
    beyond: list[str] = Field(default=[], description="benchmarks whose difference is taken off, weighed equally")

    @model_validator(mode="after")
    def _benchmarks_exist(self) -> Accuracy:
        if unknown := {*self.benchmarks, *self.beyond} - BENCHMARKS.keys():
            raise ValueError(f"no benchmark named {', '.join(sorted(unknown))}")
        return self


class Training(Measure):
    """Mean of a logged quantity over training steps, in points (1 of AUROC: 100 points)."""

    kind: Literal["training"]
    quantity: str = Field(
        pattern=r"^(evidence\.|credit\.)?[a-z_]+$",
        description="field of train.jsonl, of its evidence (evidence.x), or of credit.jsonl (credit.x)",
    )
    theirs: Arm | None = Field(default=None, description="arm whose mean is taken off, paired by step")
    steps: tuple[int, int] = Field(description="first and last step, both counted")
    minus_steps: tuple[int, int] | None = Field(default=None, description="steps whose mean is taken off")
    than: float = Field(default=0.0, description="taken off the result, in points")


class Time(Measure):
    """Seconds per step of ``ours`` over those of ``theirs``."""

    kind: Literal["time"]
    theirs: Arm
    than: float = Field(gt=0, description="the ratio it is held against")


Part = Annotated[Accuracy | Training | Time, Field(discriminator="kind")]


class Claim(Record):
    """A sentence of the paper. It is supported if all its parts are, contradicted if one part is."""

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    topic: str = Field(description="heading it stands under")
    says: str = Field(description="in our words")
    where: str = Field(description="table, figure or section of the paper")
    source: str
    parts: list[Part] = Field(min_length=1)


class Claims(Record):
    """The file."""

    title: str
    sources: dict[str, PublishedSource]
    claims: list[Claim] = Field(min_length=1)

    @model_validator(mode="after")
    def _sources_exist_and_names_are_unique(self) -> Claims:
        if unknown := {claim.source for claim in self.claims} - self.sources.keys():
            raise ValueError(f"no source named {', '.join(sorted(unknown))}")
        names = [claim.id for claim in self.claims]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two claims are called {', '.join(sorted(twice))}")
        return self


def load_claims(folder: Path) -> Claims:
    """Read ``claims.yaml`` of ``results/published``; DataError naming the field that is wrong."""
    path = folder / FILE
    try:
        return Claims.model_validate_json(_json(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(str(path), f"cannot be read ({error})", "restore it with git") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "file"
        raise DataError(str(path), f"{field}: {first['msg']}") from None


def _json(text: str) -> str:
    """YAML as JSON: pydantic's strict mode takes a list for a tuple only there."""
    return json.dumps(yaml.safe_load(text))
