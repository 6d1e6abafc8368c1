"""Evaluate with vLLM: start a process in vLLM's own environment, which reads a JSON file. Imports no torch."""

from __future__ import annotations

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, ConfigDict

from contracts import errors
from contracts.errors import EvalError
from contracts.files import write_text
from evals.vllm.settings import Evaluation
from methods.shared.vllm import check, environment, program


class VllmJob(BaseModel):
    """One evaluation, and where everything is; all paths are absolute. As ``evals.run.evaluate`` takes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cell_name: str
    base: Path
    adapter: Path | None
    benchmarks: dict[str, Path]
    settings: Evaluation
    seed: int
    samples: Path
    raw: Path
    weights: str = "adapter"
    depends: str = ""


class Failure(BaseModel):
    """An error of the process, by the name of its class in contracts/errors.py."""

    kind: str
    place: str
    cause: str
    remedy: str
    delete_and_rerun: bool = False

    def error(self) -> errors.UserError:
        """The error itself."""
        return getattr(errors, self.kind)(self.place, self.cause, self.remedy, self.delete_and_rerun)


def evaluate(job: VllmJob) -> None:
    """Do ``job``, with evals/run.py's output. Raises ConfigError, DataError or EvalError."""
    check("evaluation.vllm.python", job.settings.vllm.python)
    with TemporaryDirectory(prefix="vllm-") as folder:
        asked, failure = Path(folder, "job.json"), Path(folder, "failure.json")
        write_text(asked, job.model_dump_json(indent=1))
        command = [program(job.settings.vllm.python), "-P", "-m", "evals.vllm.run", str(asked), str(failure)]
        done = subprocess.run(command, env=environment(job.settings.device))  # noqa: S603
        if failure.exists():
            raise Failure.model_validate_json(failure.read_text()).error()
        if done.returncode:
            cause = f"the process with vLLM ended with status {done.returncode}"
            raise EvalError(f"cell {job.cell_name}", cause, "the cause is in the log above")
