"""The page of an experiment in MLflow: its kind, its description, the columns of its table of runs, and its address."""

from __future__ import annotations

import json

# Without this tag MLflow takes every experiment for one about traces of language models and opens an empty page.
KIND = {"mlflow.experimentKind": "custom_model_development"}
VIEW = "columns"  # name of the saved view, in the address and in a tag
METRICS = ("eval/average", "eval/average_low", "eval/average_high", "train/reward_mean", "train/val_accuracy")
PARAMS = ("method", "scale", "variant", "seed")
COLUMNS = [
    "attributes.`Description`",
    *(f"params.`{name}`" for name in PARAMS),
    *(f"metrics.`{name}`" for name in METRICS),
]
ABOUT = (
    "One run for each cell (method/scale/variant/seed); the run `study` holds the tables, figures and the report. "
    "`eval/average` is the accuracy over five benchmarks, from 0 to 1, with its 95 % interval over questions."
)
EXPERIMENT_TAGS = KIND | {
    "mlflow.note.content": ABOUT,
    f"mlflow.sharedViewState.{VIEW}": json.dumps({"selectedColumns": COLUMNS}),
}


def address(host: str, port: str, experiment: str) -> str:
    """Where the runs of an experiment are shown, with the columns of :data:`COLUMNS`."""
    view = f"workflowType=machine_learning&viewStateShareKey={VIEW}"
    return f"http://{host}:{port}/#/experiments/{experiment}/runs?{view}"
