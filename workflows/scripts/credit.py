"""Score the credit of one cell's kept rollouts. Glue only."""

from pathlib import Path

from contracts.files import write_text
from contracts.records import lines_of
from workflows.lib.job import job

with job(snakemake.log[0], "credit"):
    from contracts.rollouts import read_rollouts
    from evals.credit_scores import score_rollouts
    from methods.micro.labels import label

    rollouts = read_rollouts(Path(snakemake.input[0]))
    lines = score_rollouts(rollouts, label if snakemake.params.world == "micro" else None)
    write_text(Path(snakemake.output[0]), lines_of(list(lines)))
