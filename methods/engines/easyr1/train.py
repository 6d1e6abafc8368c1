"""Train one cell with EasyR1: checks, then a process in EasyR1's own environment that does it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from contracts import errors
from contracts.errors import ConfigError, TrainError
from contracts.files import write_text
from contracts.paths import ROOT
from contracts.records import Cell
from methods.engines.easyr1.checks import check_checkout, check_job
from methods.engines.easyr1.job import TrainingJob
from methods.engines.easyr1.settings import EasyR1EngineSettings
from methods.shared.finite import check_finite

RUN = Path(__file__).with_name("run.py")
SETTINGS = EasyR1EngineSettings  # the settings that ``train`` takes
OFFLINE = {"HF_HUB_OFFLINE": "1", "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}


def train(cell: Cell, data: Path, validation: Path, base: Path, out: Path, settings: EasyR1EngineSettings) -> None:
    """Train ``cell`` on ``data`` from ``base``; writes the same files as the local engine to ``out``.

    A run that was stopped continues from EasyR1's last checkpoint in ``out/state/``. Raises ConfigError (what EasyR1
    cannot do, a wrong environment), TrainError (a NaN, a damaged or foreign checkpoint, a crash) and DataError.
    """
    paths = {"data": data, "validation": validation, "base": base, "out": out}
    absolute = {name: path.expanduser().resolve() for name, path in paths.items()}
    easyr1, job = settings.easyr1, TrainingJob(cell=cell, settings=settings, **absolute)
    checkout = Path(easyr1.checkout).expanduser().resolve()
    check_job(job)
    check_finite(job.base, "the base model")
    check_checkout(checkout)
    job.state.mkdir(parents=True, exist_ok=True)
    failure = job.state / "failure.json"
    failure.unlink(missing_ok=True)
    write_text(job.state / "job.json", job.model_dump_json(indent=1))
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(ROOT), str(checkout)]))
    try:
        done = subprocess.run(  # noqa: S603
            [easyr1.python or sys.executable, "-P", str(RUN), str(job.state / "job.json")],
            env=os.environ | OFFLINE | {"PYTHONPATH": path},
        )
    except OSError as error:
        raise ConfigError("easyr1.python", f"{easyr1.python} cannot be run ({error.strerror})", PYTHON) from error
    if done.returncode:
        raise _read_failure(failure, cell, done.returncode)


PYTHON = "name the Python of an environment with envs/easyr1.txt"


def _read_failure(path: Path, cell: Cell, status: int) -> errors.UserError:
    """Read the error that the process wrote before it ended."""
    if not path.exists():
        cause = f"EasyR1's process ended with status {status}"
        return TrainError(f"cell {cell.name}", cause, "the cause is in the log above")
    kind, *fields = json.loads(path.read_text())
    known = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type)}
    return known[kind](*fields)
