"""The card of a trained model: method, options, base, scores with their intervals, and three lines that load it."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from contracts.records import Cell, Scores
from evals.analysis.display import method_name
from evals.benchmarks import BENCHMARKS

LOAD_ADAPTER = """from peft import AutoPeftModel
from transformers import AutoProcessor
model, processor = AutoPeftModel.from_pretrained(folder), AutoProcessor.from_pretrained(folder)"""
LOAD_MODEL = """from transformers import AutoModelForImageTextToText, AutoProcessor
model = AutoModelForImageTextToText.from_pretrained(folder)
processor = AutoProcessor.from_pretrained(folder)"""


def model_card(
    cell: Cell, base: str, revision: str | None, adapted: bool, scores: Scores | None = None, note: str = ""
) -> str:
    """The text of ``README.md``. ``adapted``: the folder holds an adapter, not a model. ``base``: Hub id or path."""
    on_hub = not Path(base).is_absolute()
    data = ModelCardData(
        model_name=f"{cell.model_name}, {method_name(cell.method, cell.variant)}, seed {cell.seed}",
        base_model=base if on_hub else None,
        license="apache-2.0",
        library_name="peft" if adapted else "transformers",
        pipeline_tag="image-text-to-text",
        tags=["cepo-bench", "rlvr", cell.method],
        eval_results=_results(cell, scores) if scores else None,
    )
    return str(ModelCard(f"---\n{data.to_yaml()}\n---\n\n{_text(cell, base, revision, adapted, scores, note)}"))


def _results(cell: Cell, scores: Scores) -> list[EvalResult]:
    return [
        EvalResult(
            task_type="visual-question-answering",
            dataset_type=f"cepo-bench/{cell.world}-{name}",
            dataset_name=_title(cell, name),
            metric_type="accuracy",
            metric_value=round(100 * bench.accuracy, 2),
        )
        for name, bench in scores.benchmarks.items()
    ]


def _title(cell: Cell, name: str) -> str:
    return BENCHMARKS[name].display(cell.world) if name in BENCHMARKS else name


def _text(cell: Cell, base: str, revision: str | None, adapted: bool, scores: Scores | None, note: str) -> str:
    of = f"{base} at commit {revision}" if revision else "a base model made on the same machine"
    kind = "LoRA adapter" if adapted else "Model"
    lines = [
        f"# {cell.model_name} after {method_name(cell.method, cell.variant)}, seed {cell.seed}",
        f"{kind} of the cell `{cell.name}` ({cell.world} world), trained from {of} with cepo-bench, a rerun of the "
        "comparison in arXiv:2605.19436.",
    ]
    if cell.world == "micro":
        lines.append("This is a tiny model trained on drawn geometry. It says nothing about Qwen3-VL.")
    lines += [note] if note else []
    lines += ["## Load", f"```python\n{LOAD_ADAPTER if adapted else LOAD_MODEL}\n```"]
    lines += ["## Scores", _scores(cell, scores)] if scores else []
    rows = "\n".join(f"| `{name}` | {value} |" for name, value in cell.options.items())
    lines += ["## Options", f"| option | value |\n|---|---|\n{rows}", f"Digest of the cell: `{cell.digest}`"]
    return "\n\n".join(lines) + "\n"


def _scores(cell: Cell, scores: Scores) -> str:
    rows = [
        (_title(cell, name), bench.accuracy, bench.low, bench.high, bench.n)
        for name, bench in scores.benchmarks.items()
    ]
    questions = sum(row[-1] for row in rows)
    rows.append(("Average", scores.average, scores.average_low, scores.average_high, questions))
    lines = [f"| {n} | {100 * v:.1f} | [{100 * low:.1f}, {100 * high:.1f}] | {q} |" for n, v, low, high, q in rows]
    head = "| benchmark | accuracy (%) | 95 % interval over questions | questions |\n|---|--:|--:|--:|"
    settings = ", ".join(f"{name} {value}" for name, value in scores.generation.items())
    return "\n".join([head, *lines]) + f"\n\nOne sampled answer per question: {settings}."
