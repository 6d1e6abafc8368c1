"""Copy finished cells into MLflow. Glue only."""

import json
from pathlib import Path

from contracts.files import write_text
from workflows.lib.job import job

with job(snakemake.log[0], "track"):
    from workflows.lib.publish.tracking import track

    marker = Path(snakemake.output[0])
    cells = [Path(path).parent for path in snakemake.input.cells]
    params, measured = snakemake.params, marker.parent if snakemake.input.gradients else None
    experiment, artifacts = f"cepo-bench {params.world}", marker.with_name("mlflow")
    runs = track(cells, experiment, params.experiments, params.store, artifacts, measured)
    write_text(marker, json.dumps(runs, indent=1))
