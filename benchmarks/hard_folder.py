"""Copies of the project with ten tiny cells, for hard_times.py: the command of a run, its processes, what it left."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("Snakefile", "workflows", "contracts", "methods", "evals", "cepo_bench", "envs", "results/published")
RESULTS = "results/hard/micro"
METHODS = ("grpo", "opsd", "sdpo", "rlsd", "cepo")
EXPERIMENT = """
title: Tiny cells
arms:
  - {methods: [METHODS]}
tables: [table2]
figures: [figure1]
"""
CONFIG = """
world: micro
results_dir: results/hard
methods: [METHODS]
seeds: [SEEDS]
scales:
  tiny: {base_model: micro://tiny}
options:
  all: {lr: 1e-3, steps: 4, prompts: 4, group_size: 4, minibatch_prompts: 2, max_prompt: 256, max_response: 16}
micro:
  pool: 200
  train: 64
  validation: 16
  test: 16
  shapes:
    tiny: {name: Tiny, hidden: 64, layers: 1, intermediate: 128}
  training:
    tiny: {vision_steps: 2, vision_batch: 8, steps: 4, batch: 8, warmup_steps: 1}
engine_settings: {checkpoint_every: 1, validate_every: 4, validation_problems: 4}
evaluation: {max_new_tokens: 16, limit: 2}
check_bases: false
progress: {every: 10}
experiments: [hard]
"""
# Kinds of processes: which of them a command line belongs to. Copies made by fork have the line of their parent.
JOB, GRADER, SNAKEMAKE = ".snakemake/scripts/", "methods.shared.grade_worker", "-m snakemake"


@dataclass
class Folder:
    """A copy of the project in which runs are disturbed."""

    root: Path
    methods: Sequence[str] = METHODS
    seeds: Sequence[int] = (1,)
    environment: dict[str, str] = field(default_factory=dict)
    log: Path | None = None  # what the commands say; beside the folder, unless the disk there will be full
    said: list[str] = field(default_factory=list)  # lines of all commands so far

    def make(self) -> Folder:
        """Copy the project here and write the config of its run."""
        for name in COPIED:
            source, target = ROOT / name, self.root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        methods = ", ".join(self.methods)
        experiment = self.root / "workflows/configs/experiments/hard.yaml"
        experiment.write_text(EXPERIMENT.replace("METHODS", methods))
        text = CONFIG.replace("METHODS", methods).replace("SEEDS", ", ".join(map(str, self.seeds)))
        (self.root / "hard.yaml").write_text(text)
        return self

    def start(self) -> subprocess.Popen[str]:
        """The command: the same each time, as make gives it."""
        command = [sys.executable, "-m", "snakemake", "--configfile", "hard.yaml", "--cores", "2"]
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("SNAKEMAKE", "MLFLOW"))}
        more = {"PYTHONPATH": str(self.root), "XDG_CACHE_HOME": str(self.root / ".xdg"), "OMP_NUM_THREADS": "1"}
        more |= {"MKL_NUM_THREADS": "1"}
        log = self._log().open("a")
        return subprocess.Popen(
            [*command, "--workflow-profile", "workflows/profiles/local"],
            cwd=self.root, env=kept | _joined(more, self.environment), stdout=log, stderr=log, text=True,
            start_new_session=True,
        )  # fmt: skip

    def lines(self) -> list[str]:
        """What the commands said since this was last asked."""
        text = self._log().read_text().splitlines()
        new, self.said = text[len(self.said) :], text
        return new

    def _log(self) -> Path:
        return self.log or self.root.parent / f"{self.root.name}.log"

    def job_done(self, rule: str) -> int:
        """How many jobs of a cell's ``rule`` ended well, by their logs: more than cells means done twice."""
        logs = self.root.glob(f"{RESULTS}/cells/*/*/*/*/**/{rule}.log")
        lines = [line for log in logs for line in log.read_text().splitlines()]
        return sum(line.startswith(rule) and ": done in" in line for line in lines)


def _joined(ours: dict[str, str], more: dict[str, str]) -> dict[str, str]:
    """Both environments, and of a PYTHONPATH both folders."""
    paths = [one["PYTHONPATH"] for one in (ours, more) if "PYTHONPATH" in one]
    return ours | more | {"PYTHONPATH": os.pathsep.join(paths)}


def processes(run: psutil.Process) -> dict[str, list[psutil.Process]]:
    """The processes of a run that are alive, by kind: snakemake, job, grader, scorer."""
    kinds: dict[str, list[psutil.Process]] = {"snakemake": [run], "job": [], "grader": [], "scorer": []}
    for one in run.children(recursive=True):
        try:
            line, parent = " ".join(one.cmdline()), one.parent()
            if GRADER in line:
                kinds["grader"].append(one)
            elif JOB in line:
                forked = parent is not None and parent.cmdline() == one.cmdline()
                kinds["scorer" if forked else "job"].append(one)
        except psutil.Error:
            continue  # it ended meanwhile
    return kinds


def rule_of(job: psutil.Process) -> str:
    """The rule whose script a job runs."""
    try:
        return next(part for part in job.cmdline() if JOB in part).rsplit(".", 2)[1]
    except (psutil.Error, StopIteration):
        return ""


def running(run: subprocess.Popen[str], rule: str) -> bool:
    """Whether a job of ``rule`` of the run is alive."""
    try:
        return any(rule_of(job) == rule for job in processes(psutil.Process(run.pid))["job"])
    except psutil.Error:
        return False


def wait_for(run: subprocess.Popen[str], rule: str, until: float) -> bool:
    """Wait until a job of ``rule`` runs; False if the run ended before, or the time (monotonic seconds) came."""
    while run.poll() is None and time.monotonic() < until:
        if running(run, rule):
            return True
        time.sleep(0.05)
    return False


def left(root: Path) -> dict[str, str]:
    """Digest of each thing that a run leaves, by name, without times: two runs with one result have the same."""
    results = root / RESULTS
    found = {}
    for cell in sorted(results.glob("cells/*/*/*/s*")):
        name = "/".join(cell.parts[-4:])
        for tensors in sorted(cell.glob("adapter/*.safetensors")):
            found[f"{name} adapter"] = _sha(tensors.read_bytes())
        for path, key in ((cell / "rollouts.parquet", "rollouts"), (cell / "eval/samples.parquet", "samples")):
            if path.exists():
                found[f"{name} {key}"] = _sha(json.dumps(pq.read_table(path).to_pylist(), default=str).encode())
        if (cell / "train.jsonl").exists():
            lines = [json.loads(line) for line in (cell / "train.jsonl").read_text().splitlines()]
            found[f"{name} steps"] = _sha(json.dumps([_plain(line) for line in lines]).encode())
        if (scores := cell / "eval/scores.json").exists():
            found[f"{name} scores"] = _sha(json.dumps(_plain(json.loads(scores.read_text()))).encode())
    for table in sorted(results.glob("tables/*.csv")):
        found[table.name] = _sha(table.read_bytes())
    return found


def tracked(root: Path) -> int:
    """Runs of cells in the MLflow store that count, each once; 0 without a store."""
    if not (root / RESULTS / "mlflow.db").exists():
        return 0
    with sqlite3.connect(f"file:{root / RESULTS / 'mlflow.db'}?mode=ro", uri=True) as store:
        query = "select count(*) from runs join tags on runs.run_uuid = tags.run_uuid and tags.key = 'cell_digest'"
        return store.execute(f"{query} where lifecycle_stage = 'active'").fetchone()[0]


def _plain(fields: dict) -> dict:
    return {name: value for name, value in fields.items() if name != "seconds"}


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
