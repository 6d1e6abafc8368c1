"""Draw the problems of the micro world. Glue only."""

from pathlib import Path

from workflows.lib.job import job

with job(snakemake.log[0], "problems"):
    from methods.micro.data import write_splits
    from methods.micro.settings import MicroSettings

    write_splits(MicroSettings.model_validate_json(snakemake.params.settings), Path(snakemake.output.train).parent)
