"""Copy finished cells into MLflow. Glue only."""

import json
from pathlib import Path

from contracts.files import write_text
from workflows.lib.job import job

with job(snakemake.log[0], "track"):
    from workflows.lib.publish.tracking import track

    marker = Path(snakemake.output[0])
    cells = [Path(path).parent for path in snakemake.input.cells]
    params = snakemake.params
    runs = track(cells, f"cepo-bench {params.world}", params.experiments, params.store, marker.with_name("mlflow"))
    write_text(marker, json.dumps(runs, indent=1))
