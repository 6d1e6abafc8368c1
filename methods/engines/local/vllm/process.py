"""Start the process that runs vLLM for the local engine, in its own environment, and talk to it over a socket."""

from __future__ import annotations

import secrets
import subprocess
from multiprocessing.connection import Listener
from pathlib import Path
from typing import Any

from contracts.errors import TrainError
from methods.engines.local.vllm.worker import KEY
from methods.shared.vllm import check, environment, program

PLACE = "engine_settings.vllm.python"


class Worker:
    """Runs methods/engines/local/vllm/worker.py as a process. The socket is made in ``folder``."""

    def __init__(self, python: str | None, device: str, options: dict[str, Any], folder: Path) -> None:
        check(PLACE, python, ("vllm",))
        address, key = str(folder / "socket"), secrets.token_bytes(32)
        command = [program(python), "-P", "-m", "methods.engines.local.vllm.worker", address]
        with Listener(address, "AF_UNIX", authkey=key) as listener:
            self.process = subprocess.Popen(command, env=environment(device) | {KEY: key.hex()})  # noqa: S603
            self.pipe = self._accept(listener)
        self.ask(options)

    def _accept(self, listener: Listener) -> Any:  # noqa: ANN401 - a Connection
        """Wait until the process connects. Raises TrainError if it ends instead."""
        listener._listener._socket.settimeout(1.0)  # pyright: ignore[reportAttributeAccessIssue]
        while True:
            try:
                return listener.accept()
            except TimeoutError:
                if self.process.poll() is not None:
                    cause = f"the process that rolls out ended with status {self.process.returncode}"
                    raise TrainError("vllm", cause, "the log above says why") from None

    def ask(self, question: dict[str, Any]) -> Any:  # noqa: ANN401 - an answer of the worker
        """Send a question and return the worker's answer. Raises TrainError if the worker failed or has ended."""
        try:
            self.pipe.send(question)
            answer = self.pipe.recv()
        except (EOFError, OSError):
            raise TrainError("vllm", "the process that rolls out ended", "the log above says why") from None
        if isinstance(answer, RuntimeError):
            raise TrainError("vllm", f"rolling out failed: {answer}", "the log above says more")
        return answer

    def close(self) -> None:
        """Close the connection, which ends the process, and wait for its end."""
        self.pipe.close()
        self.process.wait()
