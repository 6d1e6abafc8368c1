"""What every process with vLLM is started with: its Python, its environment, and vLLM's own limits. No torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from contracts.errors import ConfigError
from contracts.paths import ROOT
from contracts.versions import installed as version

PYTHON = "name the Python of an environment with envs/eval.txt (without a GPU: envs/vllm-cpu.txt)"
TESTED = {"vllm": "0.32.0", "lmms_eval": "0.7.3"}  # older lmms-eval passes fewer settings on to the sampler
ASK = "import json; from methods.shared.vllm import versions; print(json.dumps(versions()))"
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


def versions() -> dict[str, str]:
    """Versions of TESTED's packages in this process's environment, without what stands after a plus; "none": absent."""
    found = {}
    for package in TESTED:
        names = (package, f"{package}-cpu")  # vLLM's build for CPUs has a name of its own
        found[package] = next((known for name in names if (known := version(name))), "none").partition("+")[0]
    return found


def lacking(python: str | None, packages: Sequence[str] = tuple(TESTED)) -> str | None:
    """Why this Python of the config cannot be used, which needs ``packages`` in their tested versions; None: it can."""
    command = [program(python), "-P", "-c", ASK]
    try:
        done = subprocess.run(command, env=environment("cuda"), capture_output=True, text=True)  # noqa: S603
    except OSError as error:
        return f"{command[0]} cannot be run ({error.strerror})"
    if done.returncode:
        return f"{command[0]} ended with status {done.returncode}: {(done.stderr.splitlines() or ['no word'])[-1]}"
    found = json.loads(done.stdout)
    wrong = [f"{p} {found[p]}, tested is {TESTED[p]}" for p in packages if found[p] != TESTED[p]]
    return f"{command[0]} has {'; '.join(wrong)}" if wrong else None


def check(place: str, python: str | None, packages: Sequence[str] = tuple(TESTED)) -> None:
    """Raise ConfigError at ``place`` of the config if that Python cannot be used."""
    if cause := lacking(python, packages):
        raise ConfigError(place, cause, PYTHON)


def room_for(rank: int) -> int:
    """vLLM's ``max_lora_rank`` for an adapter of this rank."""
    for known in RANKS:
        if known >= rank:
            return known
    raise ConfigError("options.lora_rank", f"vLLM takes adapters up to rank {RANKS[-1]}, this one has {rank}")
