"""Makes a trained adapter load anywhere: what its configuration must say, and the processor beside it.

PEFT's ``AutoPeftModel`` and transformers then find class and base by themselves, from any folder. Nothing here touches
a weight.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from contracts.files import write_text
from contracts.records import Cell
from workflows.lib.publish.model_card import model_card

PROCESSOR = ("*.jinja", "*processor_config.json", "tokenizer*", "special_tokens_map.json", "added_tokens.json")
PROCESSOR += ("vocab.json", "merges.txt", "chat_template.json")  # of older checkpoints
CONFIG = "adapter_config.json"


def complete(adapter: Path, base: Path, cell: Cell) -> None:
    """Finish the folder ``adapter`` of ``cell``, trained from the model folder ``base``; also one of a full model."""
    for pattern in PROCESSOR:
        for file in base.glob(pattern):
            if not (adapter / file.name).exists():
                shutil.copyfile(file, adapter / file.name)
    name, revision = base_name(base)
    if (adapter / CONFIG).exists():
        config = json.loads((adapter / CONFIG).read_text(encoding="utf-8"))
        mapping = {"base_model_class": _architecture(base), "parent_library": "transformers"}
        config |= {"task_type": None, "auto_mapping": mapping, "base_model_name_or_path": name, "revision": revision}
        write_text(adapter / CONFIG, json.dumps(config, indent=2, sort_keys=True))
    write_text(adapter / "README.md", model_card(cell, name, revision, adapted=(adapter / CONFIG).exists()))


def base_name(base: Path) -> tuple[str, str | None]:
    """The Hub's id and commit of a base model that came from there, else its absolute path and None.

    ``base.json`` beside the model says where it came from (:mod:`workflows.lib.base_models`).
    """
    report = base.with_name("base.json")
    facts = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
    if facts.get("revision"):
        return facts["source"], facts["revision"]
    return str(base.absolute()), None


def _architecture(base: Path) -> str:
    return json.loads((base / "config.json").read_text(encoding="utf-8"))["architectures"][0]
