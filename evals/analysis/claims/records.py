"""The paper's checkable sentences as data: ``results/published/claims.yaml``. No torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from contracts.errors import DataError
from contracts.gradients import ArmName
from contracts.plain_yaml import parse_yaml
from contracts.records import Record
from evals.analysis.published.numbers import PublishedSource
from evals.benchmarks import BENCHMARKS
from evals.statistics.verdict_rule import Expect

FILE = "claims.yaml"
Unit = Literal["points", "ratio", "cosine"]
Controlled = Literal["accuracy", "gradients", "none"]  # which positive control a verdict needs


class ClaimMeasure(Record):
    """One part of a claim: a number that can be measured, and where it should lie."""

    control: ClassVar[Controlled] = "accuracy"
    scale: str = Field(description="scale of the cells; the paper's small is its 2B model, large its 4B model")
    ours: ArmName
    expect: Expect = Field(description="of the number; similar: within the tolerance of 0, or of 'than'")
    size: float | None = Field(
        default=None, description="the paper's number in the unit of the measure; null: not given"
    )
    tolerance: float = Field(ge=0, description="the smallest difference that counts, in the unit of the measure")
    note: str = ""

    @property
    def unit(self) -> Unit:
        """Unit of the number, its size and its tolerance."""
        return "points"

    @property
    def mark(self) -> float:
        """The value with which the number is compared, in its unit."""
        return 0.0

    @property
    def arms(self) -> list[str]:
        """The arms that are compared, ours first."""
        theirs: str | None = getattr(self, "theirs", None)
        return [self.ours, theirs] if theirs else [self.ours]


class Accuracy(ClaimMeasure):
    """Accuracy of ``ours`` minus that of ``theirs``, in points."""

    kind: Literal["accuracy"]
    theirs: ArmName
    benchmarks: list[str] = Field(default=list(BENCHMARKS), min_length=1, description="weighed equally; default: all")
    beyond: list[str] = Field(default=[], description="benchmarks whose difference is taken off, weighed equally")

    @model_validator(mode="after")
    def _benchmarks_exist(self) -> Accuracy:
        if unknown := {*self.benchmarks, *self.beyond} - BENCHMARKS.keys():
            raise ValueError(f"no benchmark named {', '.join(sorted(unknown))}")
        return self


class Training(ClaimMeasure):
    """Mean of a logged quantity over training steps, in points (1 of AUROC: 100 points)."""

    kind: Literal["training"]
    quantity: str = Field(
        pattern=r"^(evidence\.|credit\.)?[a-z_0-9]+$",
        description="field of train.jsonl, of its evidence (evidence.x), or of credit.jsonl (credit.x)",
    )
    theirs: ArmName | None = Field(default=None, description="arm whose mean is taken off, paired by step")
    steps: tuple[int, int] = Field(description="first and last step of the paper's 50, both counted")
    minus_steps: tuple[int, int] | None = Field(default=None, description="steps whose mean is taken off")
    than: float = Field(default=0.0, description="taken off the result, in points")


class Time(ClaimMeasure):
    """Seconds per step of ``ours`` over those of ``theirs`` (a clock shows small ratios in any world: no control)."""

    control: ClassVar[Controlled] = "none"
    kind: Literal["time"]
    theirs: ArmName
    than: float = Field(gt=0, description="the ratio it is held against")

    @property
    def unit(self) -> Unit:
        """Unit of the number that is compared: always a ratio."""
        return "ratio"

    @property
    def mark(self) -> float:
        """The ratio with which it is compared."""
        return self.than


class Gradients(ClaimMeasure):
    """A number of the gradients of ``ours``, as ``gradients/estimates.jsonl`` has it."""

    control: ClassVar[Controlled] = "gradients"
    kind: Literal["gradients"]
    quantity: Literal["samples", "direction", "progress"] = Field(
        description="samples: rollouts that ours needs where theirs needs one; direction: cosine of the expected "
        "gradient with the policy gradient of accuracy; progress: expected cosine of one batch's gradient with it"
    )
    theirs: ArmName | None = Field(default=None, description="of samples: the arm it is a ratio to")
    state: str = Field(default="base", description="state of the policy that was measured; base: untrained")
    than: float = Field(description="the number it is held against")

    @model_validator(mode="after")
    def _a_ratio_has_two_arms(self) -> Gradients:
        if (self.quantity == "samples") != (self.theirs is not None):
            raise ValueError("'theirs' is given for samples, and for nothing else")
        return self

    @property
    def unit(self) -> Unit:
        """Unit of the number that is compared: a ratio for samples, else a cosine."""
        return "ratio" if self.quantity == "samples" else "cosine"

    @property
    def mark(self) -> float:
        """The number with which it is compared."""
        return self.than


Part = Annotated[Accuracy | Training | Time | Gradients, Field(discriminator="kind")]


class Claim(Record):
    """A sentence of the paper. It is supported if all its parts are, contradicted if one part is."""

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    topic: str = Field(description="heading it stands under")
    says: str = Field(description="in our words")
    where: str = Field(description="table, figure or section of the paper")
    source: str
    parts: list[Part] = Field(min_length=1)


class Claims(Record):
    """All of ``claims.yaml``: the paper's claims and where they stand."""

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
    """Convert YAML to JSON, because pydantic's strict mode accepts a list as a tuple only in JSON."""
    return json.dumps(parse_yaml(text))
