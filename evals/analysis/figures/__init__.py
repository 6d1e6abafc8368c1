"""Every figure that an experiment may ask for. To add one: write its module in this folder and list it here."""

from __future__ import annotations

from evals.analysis.registry import CREDIT, TRAINING, Figure

FIGURES: dict[str, Figure] = {
    "figure1": Figure(module="training", files=("figure1", "reward"), cells="trained", reads=TRAINING),
    "figure3": Figure(module="figure3", files=("figure3",)),
    "figure4": Figure(
        module="credit", files=("figure4", "figure5"), cells="trained", reads=("run.json", CREDIT), pages=("figure5",)
    ),
    "gradient_signal": Figure(
        module="gradient_signal", files=("gradient_signal",), cells="none", reads=(), reads_gradients=True
    ),
    "truth": Figure(module="truth", files=("truth",), cells="none", reads=(), reads_truth=True),
    "teacher_knowledge": Figure(module="teacher_knowledge", files=("teacher_knowledge",), reads_bases=True),
}
