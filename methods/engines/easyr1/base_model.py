"""A base model folder that EasyR1 can read, with the weights that it will use.

EasyR1 needs transformers 4. Hub folders of Qwen3-VL are in that format already; folders saved by transformers 5 (the
micro world's) name the rotary settings, the tokenizer class and the processor's files in another way. Under LoRA EasyR1
rounds frozen weights to bfloat16 (verl/workers/fsdp_workers.py, after get_peft_model), but vLLM would load them as they
are: here they are rounded for both, so that rollouts and scores come from one model. Hub weights are bfloat16 anyway.
Without LoRA EasyR1 keeps float32 and hands vLLM all weights: nothing is rounded.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

COPIED = ("generation_config.json", "tokenizer.json")
NEW_TOKENIZER = "TokenizersBackend"  # what transformers 5 calls a tokenizer that is just its tokenizer.json


def readable_base(base: Path, folder: Path, rounded: bool = True) -> Path:
    """Return ``base`` if transformers 4 wrote it, else ``folder`` with a copy that is made from it.

    With ``rounded`` the weights of the copy are rounded to bfloat16.
    """
    config = json.loads((base / "config.json").read_text())
    if "rope_parameters" not in config.get("text_config", {}):
        return base
    folder.mkdir(parents=True, exist_ok=True)
    for file in base.iterdir():
        if file.suffix == ".safetensors":
            tensors = {n: tensor.to(torch.bfloat16) if rounded else tensor for n, tensor in load_file(file).items()}
            save_file(tensors, folder / file.name, metadata={"format": "pt"})
        elif file.suffix == ".jinja" or file.name in COPIED:
            (folder / file.name).write_bytes(file.read_bytes())
    _write(folder, "config.json", _older_config(config, "bfloat16" if rounded else "float32"))
    _write(folder, "tokenizer_config.json", _older_tokenizer(json.loads((base / "tokenizer_config.json").read_text())))
    processor = json.loads((base / "processor_config.json").read_text())
    _write(folder, "preprocessor_config.json", processor.pop("image_processor"))
    _write(folder, "video_preprocessor_config.json", processor.pop("video_processor"))
    _write(folder, "processor_config.json", processor)
    return folder


def _older_config(config: dict, dtype: str) -> dict:
    text, vision = dict(config["text_config"]), dict(config["vision_config"])
    rope = text.pop("rope_parameters")
    vision.pop("rope_parameters", None)  # always 10000 there
    text |= {"rope_theta": rope["rope_theta"], "rope_scaling": {k: v for k, v in rope.items() if k != "rope_theta"}}
    return config | {"text_config": text, "vision_config": vision, "dtype": dtype}


def _older_tokenizer(config: dict) -> dict:
    special = config.get("extra_special_tokens")
    if config.get("tokenizer_class") == NEW_TOKENIZER:
        config = config | {"tokenizer_class": "Qwen2TokenizerFast"}
    if isinstance(special, list):
        config = config | {"additional_special_tokens": special, "extra_special_tokens": {}}
    return config


def _write(folder: Path, name: str, content: dict) -> None:
    (folder / name).write_text(json.dumps(content, indent=1))
