"""A results folder with one trained cell: its base model, and an adapter as an engine leaves it."""

from __future__ import annotations

from pathlib import Path

from peft import LoraConfig, get_peft_model
from transformers import AutoModelForImageTextToText

from methods.engines.shared.lora import LANGUAGE_LAYERS
from tests.helpers.analysis_cells import write_cell


def write_trained_cell(results: Path, base: Path) -> Path:
    """Cell ``cepo/small/default/s1`` below ``results``, with a random adapter of ``base``; returns its folder."""
    cell = write_cell(results / "cells", "cepo", questions=5)
    place = results / "models" / "small" / "s1" / "model"
    place.parent.mkdir(parents=True)
    place.symlink_to(base)
    layers = {"target_modules": LANGUAGE_LAYERS, "exclude_modules": r".*visual.*", "init_lora_weights": False}
    model = AutoModelForImageTextToText.from_pretrained(place)
    get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **layers)).save_pretrained(cell / "adapter")
    return cell
