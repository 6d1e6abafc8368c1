"""Evaluate one cell on the benchmarks with vLLM. Glue only."""

from pathlib import Path

from contracts.records import Cell
from evals.vllm.job import VllmJob, evaluate
from evals.vllm.settings import Evaluation
from workflows.lib.job import job

cell = Cell.model_validate_json(Path(snakemake.input.cell).read_text())
with job(snakemake.log[0], f"evaluate {cell.name}", snakemake.resources.gpu):
    evaluate(
        VllmJob(
            cell_name=cell.name,
            base=Path(snakemake.input.base).resolve(),
            adapter=Path(snakemake.input.adapter).resolve() if snakemake.input.adapter else None,
            benchmarks={Path(path).stem: Path(path).resolve() for path in snakemake.input.benchmarks},
            settings=Evaluation.model_validate_json(snakemake.params.settings),
            seed=cell.seed,
            samples=Path(snakemake.output.samples).resolve(),
            raw=Path(snakemake.output.raw).resolve(),
            weights=str(cell.options.get("eval_weights", "adapter")),
            depends=snakemake.params.answers,
        )
    )
