"""JSON schemas of configs and result files, generated from their models: python -m workflows.lib.schemas [--check]."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pydantic import BaseModel

from contracts.files import write_text
from contracts.gradients import GradientLine, GradientReport
from contracts.paths import ROOT
from contracts.prepared import PreparedReport
from contracts.records import Cell, Run, Scores, TrainingStep
from contracts.rollouts import CreditLine, Rollout
from contracts.truth import TruthLine, TruthReport, TruthRollout
from evals.analysis.claims.judged import JudgedClaims
from evals.analysis.claims.records import Claims
from workflows.lib.config.schema import Config, Experiment

FOLDER = ROOT / "workflows" / "schemas"
MODELS: dict[str, type[BaseModel]] = {
    "config": Config,  # workflows/configs/*.yaml
    "experiment": Experiment,  # workflows/configs/experiments/*.yaml
    "cell": Cell,  # cell.json
    "train": TrainingStep,  # a line of train.jsonl
    "run": Run,  # run.json
    "rollouts": Rollout,  # a row of rollouts.parquet
    "credit": CreditLine,  # a line of credit.jsonl
    "claims": Claims,  # results/published/claims.yaml
    "verdicts": JudgedClaims,  # tables/claims.json
    "gradients": GradientLine,  # a line of gradients/estimates.jsonl
    "measurement": GradientReport,  # a line of gradients/measurements.jsonl, and gradients.json
    "truth": TruthLine,  # a line of truth/estimates.jsonl
    "truth_report": TruthReport,  # a line of truth/measurements.jsonl, and truth.json
    "truth_rollout": TruthRollout,  # a line of rollouts.jsonl of a measurement, and of truth/shown.jsonl
    "prepared": PreparedReport,  # prepared.json
    "scores": Scores,  # eval/scores.json
}


def schemas() -> dict[Path, str]:
    """Text of every schema file."""
    return {FOLDER / f"{name}.schema.json": _text(model) for name, model in MODELS.items()}


def drifted() -> list[Path]:
    """Schema files that differ from their models, and files without a model."""
    wanted = schemas()
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    return stale + sorted(set(FOLDER.glob("*.json")) - wanted.keys())


def _text(model: type[BaseModel]) -> str:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | model.model_json_schema()
    return json.dumps(schema, indent=1) + "\n"


def main() -> None:
    """Write the schemas, or with ``--check`` fail if they would change."""
    if "--check" in sys.argv[1:]:
        if stale := drifted():
            sys.exit(f"Error: {', '.join(map(str, stale))}: not what the models say; run: make schemas")
        return
    for path, text in schemas().items():
        write_text(path, text)


if __name__ == "__main__":
    main()
