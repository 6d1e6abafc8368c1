"""Check that a base model leaves training something to do, or only measure it. Glue only."""

import json
from pathlib import Path

from contracts.files import write_text
from workflows.lib.job import job

with job(snakemake.log[0], f"check of base {snakemake.wildcards.base}"):
    if snakemake.params.required:
        from methods.micro.checks import check_base as examine
    else:
        from methods.micro.without_limits import measure_base as examine

    report = examine(Path(snakemake.input.base), Path(snakemake.input.validation), snakemake.params.seed)
    write_text(Path(snakemake.output[0]), json.dumps(report, indent=1))
