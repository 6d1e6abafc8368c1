"""Put the hub's problems where the cells read them. Glue only."""

from pathlib import Path

from workflows.lib.job import job

with job(snakemake.log[0], "problems"):
    from workflows.lib.config.schema import Problems
    from workflows.lib.hub.data import write_problems

    problems = Problems.model_validate_json(snakemake.params.source)
    write_problems(problems, Path(snakemake.params.lock), Path(snakemake.output.train).parent)
