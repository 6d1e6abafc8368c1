"""The frames of a run as a Hugging Face dataset: parquet files and a card, in a folder that ``load_dataset`` reads.

    python -m cepo_bench.dataset_folder results/micro results/micro/dataset

Nothing is uploaded.
"""

from __future__ import annotations

import sys
from pathlib import Path

from huggingface_hub import DatasetCard, DatasetCardData

from cepo_bench.study_frames import StudyFrames, load
from contracts.errors import one_line_errors
from contracts.files import replacing, write_text

FRAMES = {
    "rollouts": "a row for each training rollout that was kept: tokens, credit, evidence, reward",
    "answers": "a row for each benchmark question that a cell answered",
    "steps": "a row for each training step of each cell",
    "scores": "a row for each cell and benchmark",
}
ABOUT = """# {title}

Made by [cepo-bench](https://arxiv.org/abs/2605.19436), a rerun of the comparison of GRPO, OPSD, SDPO, RLSD and CEPO, in
the {world} world. Each row begins with whose it is: `method`, `scale`, `variant` and `seed`.

```python
from datasets import load_dataset

rollouts = load_dataset("{folder}", "rollouts", split="train")
```

{rows}

`tokens` and `response` are written by models: do not trust them. Numbers of the micro world are of tiny models trained
on drawn geometry; they say nothing about Qwen3-VL.
"""


def write_dataset(study: StudyFrames, out: Path) -> list[Path]:
    """Write each frame that has rows as ``<name>.parquet`` to ``out``, and the card; returns the paths."""
    made = {}
    for name in FRAMES:
        frame = getattr(study, name)
        if len(frame):
            with replacing(out / f"{name}.parquet") as temporary:
                frame.to_parquet(temporary, index=False)
            made[name] = out / f"{name}.parquet"
    return [*made.values(), write_text(out / "README.md", _card(study, out, list(made)))]


def _card(study: StudyFrames, out: Path, names: list[str]) -> str:
    world = study.cells[0].cell.world
    configs = [{"config_name": name, "data_files": f"{name}.parquet"} for name in names]
    data = DatasetCardData(
        license="apache-2.0", task_categories=["visual-question-answering"], tags=["rlvr", "reinforcement-learning"],
        pretty_name=f"cepo-bench, {world} world", configs=configs,
    )  # fmt: skip
    rows = "\n".join(f"- `{name}`: {FRAMES[name]}" for name in names)
    about = ABOUT.format(title=f"cepo-bench, {world} world", world=world, folder=out, rows=rows)
    return str(DatasetCard(f"---\n{data.to_yaml()}\n---\n\n{about}"))


def main() -> None:
    """Write the dataset of the run named first to the folder named second."""
    if len(sys.argv) != 3:
        sys.exit("usage: python -m cepo_bench.dataset_folder <results/world or archive> <folder>")
    with one_line_errors():
        made = write_dataset(load(sys.argv[1]), Path(sys.argv[2]))
    print(*made, sep="\n")


if __name__ == "__main__":
    main()
