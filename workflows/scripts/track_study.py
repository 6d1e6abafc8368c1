"""Copy tables, figures and the report into MLflow. Glue only."""

import json
from pathlib import Path

from contracts.files import write_text
from workflows.lib.job import job

with job(snakemake.log[0], "track the study"):
    from workflows.lib.publish.study_run import track_study

    marker, params = Path(snakemake.output[0]), snakemake.params
    folder = marker.with_name("mlflow")
    run = track_study(marker.parent, f"cepo-bench {params.world}", params.store, folder)
    write_text(marker, json.dumps({"run": run}))
