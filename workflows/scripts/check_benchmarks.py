"""Check what the untrained bases score on the benchmarks. Glue only."""

import json
from pathlib import Path

from contracts.files import write_text
from workflows.lib.job import job

with job(snakemake.log[0], "check of the bases on the benchmarks"):
    from methods.micro.checks import check_benchmarks

    report = check_benchmarks([Path(path) for path in snakemake.input])
    write_text(Path(snakemake.output[0]), json.dumps(report, indent=1))
