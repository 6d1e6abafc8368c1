"""Build a base model of the micro world, or put an existing one in its place. Glue only."""

from pathlib import Path

from workflows.lib.config.schema import ScaleSettings
from workflows.lib.job import job

scale = ScaleSettings.model_validate_json(snakemake.params.scale)
with job(snakemake.log[0], f"base model {snakemake.wildcards.base}"):
    from workflows.lib.base_models import provide

    model, report, params = Path(snakemake.output.model), Path(snakemake.output.report), snakemake.params
    provide(scale, params.building, model, report, recipe=params.digest, ready=params.ready)
