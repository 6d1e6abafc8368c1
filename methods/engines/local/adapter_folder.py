"""Write the adapter of a policy as a folder."""

from __future__ import annotations

from pathlib import Path

from contracts.files import replacing_folder
from methods.engines.local.policy import Policy


def save_adapter(policy: Policy, folder: Path) -> None:
    """Write the adapter as a standard PEFT folder, which transformers, PEFT and vLLM can load."""
    # For rollouts by vLLM it is written while the adapter is folded into the base weights, so the LoRA layers go back.
    with replacing_folder(folder) as temporary, policy.folding.apart():
        policy.model.save_pretrained(str(temporary), safe_serialization=True)
