"""Put the hub's benchmarks where the evaluation reads them. Glue only."""

from pathlib import Path

from workflows.lib.job import job

with job(snakemake.log[0], "benchmarks"):
    from workflows.lib.config.schema import HubData
    from workflows.lib.hub.data import write_benchmarks

    data = {name: HubData.model_validate_json(text) for name, text in snakemake.params.sources.items()}
    write_benchmarks(data, Path(snakemake.params.lock), Path(snakemake.output[0]).parent)
