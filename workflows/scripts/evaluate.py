"""Evaluate one cell on the benchmarks. Glue only."""

from pathlib import Path

from contracts.progress import counting
from contracts.reading import read_record
from contracts.records import Cell
from evals.settings import EvalSettings
from workflows.lib.job import job

with job(snakemake.log[0], f"evaluate {Path(snakemake.input.cell).parent}", snakemake.resources.gpu):
    from evals.run import evaluate

    cell = read_record(Cell, Path(snakemake.input.cell))
    samples = Path(snakemake.output.samples)
    with counting(samples.parent / "progress.json") as progress:
        evaluate(
            cell.name,
            base=Path(snakemake.input.base),
            adapter=Path(snakemake.input.adapter) if snakemake.input.adapter else None,
            benchmarks={Path(path).stem: Path(path) for path in snakemake.input.benchmarks},
            settings=EvalSettings.model_validate_json(snakemake.params.settings),
            seed=cell.seed,
            samples=samples,
            raw=Path(snakemake.output.raw),
            progress=progress,
            weights=str(cell.options.get("eval_weights", "adapter")),
            depends=snakemake.params.answers,
        )
