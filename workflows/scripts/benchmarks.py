"""Draw the five benchmarks of the micro world. Glue only."""

from pathlib import Path

from workflows.lib.job import job

with job(snakemake.log[0], "benchmarks"):
    from methods.micro.benchmarks import write_benchmarks
    from methods.micro.settings import MicroSettings

    write_benchmarks(MicroSettings.model_validate_json(snakemake.params.settings), Path(snakemake.output[0]).parent)
