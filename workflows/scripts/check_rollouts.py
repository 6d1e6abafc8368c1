"""Check that a base model leaves training something to do, or only measure it. Glue only."""

import json
from pathlib import Path

from contracts.files import write_text
from workflows.lib.job import job

params = snakemake.params
with job(snakemake.log[0], f"check of base {snakemake.wildcards.base}"):
    if params.ready:
        text = Path(params.ready).read_text(encoding="utf-8")
    else:
        if params.required:
            from methods.micro.checks import check_base as examine
        else:
            from methods.micro.without_limits import measure_base as examine

        report = examine(Path(snakemake.input.base), Path(snakemake.input.validation), params.seed)
        text = json.dumps({"recipe": params.recipe, **report}, indent=1)
    write_text(Path(snakemake.output[0]), text)
