"""What a user sees of a mistake: one line, a status that is not zero, no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from contracts.paths import ROOT
from tests.helpers.copies import CONFIG, Project
from workflows.lib.machine.run_lock import LEFT_OVER, alive
from workflows.lib.status.console import LOCKED

SMOKE = Path("workflows/configs/smoke.yaml")


def complaint(project: Project, *arguments: str) -> str:
    """The one line of an invocation that fails."""
    done = project.snakemake(*arguments)
    assert done.returncode == 1
    lines = [line for line in (done.stderr + done.stdout).splitlines() if "Error" in line or "Traceback" in line]
    assert len(lines) == 1, done.stderr
    assert 'File "' not in done.stderr
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--config", "cel=cepo/small/default/s1"], "ConfigError: --config: cel: unknown key 'cel'; known: "),
        (["cell", "--config", "cell=cpo/small/default/s1"], "ConfigError: --config: cell: no method 'cpo'; there is "),
        (["--config", "results_dir=/proc/results"], "ConfigError: --config: results_dir: cannot write to /proc ("),
        (["cell"], "ConfigError: cell: the target 'cell' needs to be told which; write --config cell=<method>/"),
        (["results/micro/tables/table9.md"], "ConfigError: tables: no table 'table9'; there is "),
        (["results/micro/cells/cepo/small/odd/s1/run.json"], "ConfigError: cell: no variant 'odd'; there is "),
    ],
)
def test_mistakes_on_the_command_line(fresh: Project, arguments: list[str], line: str):
    assert complaint(fresh, *arguments).startswith(line)


def test_mistakes_in_a_file(fresh: Project, tmp_path: Path):
    config = tmp_path / "my.yaml"
    config.write_text((ROOT / SMOKE).read_text().replace("lr: 1e-3", "lrr: 1e-3"))
    assert complaint(fresh, "--configfile", str(config)).startswith(
        f"ConfigError: {config}: options.all: no option 'lrr'; there is "
    )


def locked(project: Project) -> Path:
    """The lock of a run over the results of ``project``."""
    lock = project.root / ".snakemake/locks/0.output.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text("results/smoke/micro/tracked.json\n")
    return lock


def test_the_lock_of_a_living_run_stops_another_and_that_of_a_killed_run_does_not(project: Project):
    lock = locked(project)
    with alive(project.root / ".snakemake/runs"):
        assert complaint(project, *CONFIG) == LOCKED
        assert project.snakemake("-n", *CONFIG, "--nolock").returncode == 0
    assert lock.exists()
    done = project.snakemake(*CONFIG)
    assert (done.returncode, done.stderr.count(LEFT_OVER), lock.exists()) == (0, 1, False)
    assert LEFT_OVER not in project.snakemake(*CONFIG).stderr


def test_a_lock_of_another_machine_says_how_to_unlock(project: Project):
    locked(project)
    (project.root / ".snakemake/runs").mkdir(exist_ok=True)
    (project.root / ".snakemake/runs/elsewhere.7.lock").touch()
    assert complaint(project, *CONFIG) == LOCKED
    assert "make unlock" in LOCKED
    assert project.snakemake(*CONFIG, "--unlock").returncode == 0
    assert project.snakemake(*CONFIG).returncode == 0


def test_a_failing_job_is_told_once_and_the_others_go_on(project: Project):
    project.edit("methods/engines/local/prompt_length.py", "CHAT_BYTES = ", "CHAT_BYTES = 1 + ")
    line = "TrainError: cell cepo: loss is nan; lower lr"
    script = project.root / "workflows/scripts/train.py"
    script.write_text(
        f'{script.read_text()}\nif snakemake.wildcards.method == "cepo":\n    raise SystemExit("{line}")\n'
    )
    assert complaint(project, *CONFIG) == line
    assert "train grpo tiny default 1" in project.ran()


def test_nothing_to_do_is_said_at_once(first_run: tuple[Project, set[str]]):
    done = first_run[0].snakemake(*CONFIG)
    assert done.returncode == 0
    assert "Nothing to be done" in done.stderr


def test_planning_imports_no_torch():
    code = "import sys, workflows.lib.dag.study as _; sys.exit(not {'torch', 'mlflow'}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
