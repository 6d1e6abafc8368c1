"""What a user sees of a mistake: one line, a status that is not zero, no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from contracts.paths import ROOT
from tests.helpers.copies import CONFIG, Project
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


def test_a_lock_says_how_to_unlock(project: Project):
    locks = project.root / ".snakemake/locks"
    locks.mkdir(parents=True, exist_ok=True)
    (locks / "0.output.lock").write_text("results/smoke/micro/tracked.json\n")
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
