"""Write the adapter of a policy as a folder."""

from __future__ import annotations

from pathlib import Path

from contracts.files import replacing_folder
from methods.engines.local.policy import Policy
from methods.shared.finite import check_finite


def save_adapter(policy: Policy, folder: Path) -> None:
    """Write a standard PEFT folder, which transformers, PEFT and vLLM load; DataError if a weight is no number."""
    # Rollouts by vLLM need the adapter while it is folded into the base weights.
    with replacing_folder(folder) as temporary, policy.folding.apart():
        policy.model.save_pretrained(str(temporary), safe_serialization=True)
        check_finite(temporary, "the trained adapter")
