"""What runs again after which change: only what the change can touch."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from tests.helpers.copies import CONFIG, Project

DATA = {"problems", "benchmarks", "base_model tiny/s1"}
AGGREGATES = {"table_table2", "table_credit", "figure_figure1", "figure_figure4", "track", "track_study"}
GRADIENTS = {"gradients tiny base 1", "gradients tiny default 1"}
OF_GRADIENTS = {"gradient_estimates", "table_gradients", "figure_gradient_signal"}
CEPO, GRPO = "cepo tiny default 1", "grpo tiny default 1"
ONE = ("cell", "--config", "cell=cepo/tiny/default/s1")


def cell(name: str, *rules: str) -> set[str]:
    return {f"{rule} {name}" for rule in rules or ("train", "evaluate", "score", "credit")}


def test_first_run_does_everything_once(first_run: tuple[Project, set[str]]):
    base = {"untrained tiny default 1", "evaluate base tiny default 1", "score base tiny default 1"}
    assert first_run[1] == DATA | base | cell(GRPO) | cell(CEPO) | GRADIENTS | OF_GRADIENTS | AGGREGATES


def test_nothing_runs_again_for_what_decides_nothing(project: Project):
    project.edit("methods/cepo.py", '"""CEPO', '"""A comment in front. CEPO')
    project.edit("methods/shared/credit.py", "from __future__", "# a comment\nfrom __future__")
    project.edit("methods/engines/local/train.py", "from __future__", "# a comment\nfrom __future__")
    project.edit("workflows/scripts/train.py", "from pathlib", "# a comment\nfrom pathlib")
    project.edit("workflows/configs/smoke.yaml", "world: micro", "progress: {every: 3.0}\nworld: micro  # a comment")
    project.edit("workflows/configs/smoke.yaml", "checkpoint_every: 2", "checkpoint_every: 1")
    (project.root / "results/smoke/micro/data/train.parquet").touch()
    assert project.planned() == set()


def test_an_edit_of_a_method_retrains_it_and_undoing_it_is_free(project: Project):
    folder = project.root / "results/smoke/micro/cells/cepo/tiny/default/s1"
    results = [folder / name for name in ("train.jsonl", "adapter/file", "eval/samples.parquet", "eval/lmms/file")]
    before = [path.read_text() for path in results]
    project.edit("methods/cepo.py", '= "answer"', '= "full"')
    again = cell(CEPO) | GRADIENTS | OF_GRADIENTS | AGGREGATES
    assert project.planned() == again
    assert project.run() == again
    assert not set(before) & {path.read_text() for path in results}
    project.edit("methods/cepo.py", '= "full"', '= "answer"')
    # training, evaluation and gradients come from the cache
    assert project.run() == cell(CEPO, "score", "credit") | OF_GRADIENTS | AGGREGATES
    assert [path.read_text() for path in results] == before
    assert project.planned() == set()


def test_a_clock_that_was_set_back_throws_no_finished_work_away(project: Project):
    data, later = project.root / "results/smoke/micro/data", time.time() + 1e8
    for path in data.iterdir():  # written before the clock was set back by three years
        os.utime(path, (later, later))
    project.edit("methods/cepo.py", '= "answer"', '= "full"')
    assert cell(CEPO, "train", "evaluate", "score") <= project.run(*ONE)
    assert project.planned(*ONE) == set()


def test_an_edit_of_the_engine_retrains_all(project: Project):
    project.edit("methods/engines/local/prompt_length.py", "CHAT_BYTES = ", "CHAT_BYTES = 1 + ")
    assert project.planned() == cell(CEPO) | cell(GRPO) | GRADIENTS | OF_GRADIENTS | AGGREGATES


def test_a_new_method_adds_its_own_cells(project: Project):
    shutil.copy(project.root / "methods/grpo.py", project.root / "methods/mine.py")
    project.edit("workflows/configs/experiments/smoke.yaml", "[grpo, cepo]", "[grpo, cepo, mine]")
    assert project.planned() == cell("mine tiny default 1") | AGGREGATES


def test_a_new_table_is_one_file_and_one_line(project: Project):
    tables = "evals/analysis/tables"
    shutil.copy(project.root / tables / "table2.py", project.root / tables / "mine.py")
    project.edit(f"{tables}/__init__.py", "= {", '= {\n    "mine": Table(cells="all"),')
    assert project.planned() == set()
    assert project.run("results/smoke/micro/tables/mine.md") == {"table_mine"}
    assert (project.root / "results/smoke/micro/tables/mine.html").exists()


def test_a_new_figure_is_one_file_and_one_line(project: Project):
    figures = "evals/analysis/figures"
    shutil.copy(project.root / figures / "figure3.py", project.root / figures / "mine.py")
    line = '= {\n    "mine": Figure(module="mine", files=("one", "two"), cells="all"),'
    project.edit(f"{figures}/__init__.py", "= {", line)
    assert project.planned() == set()
    assert project.run("results/smoke/micro/figures/two.png") == {"figure_mine"}
    assert (project.root / "results/smoke/micro/figures/one.svg").exists()


def test_an_option_of_a_method_retrains_it_only(project: Project):
    project.edit("workflows/configs/smoke.yaml", "options:", "options:\n  cepo: {eps_w: 0.3}")
    assert project.planned() == cell(CEPO) | GRADIENTS | OF_GRADIENTS | AGGREGATES


def test_evaluation_settings_train_nothing(project: Project):
    project.edit("workflows/configs/smoke.yaml", "limit: 4", "limit: 5")
    every = (
        cell(CEPO, "evaluate", "score")
        | cell(GRPO, "evaluate", "score")
        | cell("base tiny default 1", "evaluate", "score")
    )
    assert project.planned() == every | AGGREGATES


def test_a_new_base_model_starts_from_there(project: Project):
    project.edit("workflows/configs/smoke.yaml", "vision_steps: 4", "vision_steps: 5")
    cells = cell(CEPO) | cell(GRPO) | cell("base tiny default 1", "evaluate", "score")
    everything = cells | GRADIENTS | OF_GRADIENTS | AGGREGATES
    assert project.planned() == everything | {"base_model tiny/s1", "untrained tiny default 1"}


def test_a_new_seed_draws_a_base_model_and_uses_no_other(project: Project):
    second = cell("cepo tiny default 2", "train", "evaluate", "score") | {"base_model tiny/s2"}
    assert project.planned("cell", "--config", "cell=cepo/tiny/default/s2") == second


def test_a_lost_cell_comes_from_the_cache(project: Project):
    shutil.rmtree(project.root / "results/smoke/micro/cells/cepo")
    assert project.run(*ONE) == cell(CEPO, "score")


NOTE_TIMERS = """import threading
threading.Timer.start = lambda timer, start=threading.Timer.start: (open("timers.txt", "a").close(), start(timer))
"""


def test_a_run_ends_with_its_last_job(project: Project):
    """Snakemake's limit of jobs a second starts a timer after each, and the process lives as long as the last."""
    shutil.rmtree(project.root / "results/smoke/micro/cells/cepo")
    (project.root / "sitecustomize.py").write_text(NOTE_TIMERS)
    project.run(*ONE)
    assert not (project.root / "timers.txt").exists()


def test_a_job_of_a_scheduler_finds_the_same_cache(project: Project):
    """As the executor plugins start a job: alone, without the jobs before it. Its inputs are files and folders."""
    cells = project.root / "results/smoke/micro/cells/cepo"
    shutil.rmtree(cells)
    for rule in ("train", "evaluate"):
        job = f"{rule}:method=cepo,scale=tiny,variant=default,seed=1"
        alone = ["--mode", "remote", "--nolock", "--target-jobs", job, "--allowed-rules", rule]
        done = project.snakemake(*CONFIG, *alone)
        assert done.returncode == 0, done.stderr
    assert (cells / "tiny/default/s1/eval/samples.parquet").is_symlink()
    assert project.ran() == set()


def test_a_moved_checkout_finds_its_results_in_its_cache_and_a_deleted_cache_stops_nothing(project: Project):
    links = [path for path in (project.root / "results").rglob("*") if path.is_symlink()]
    for link in links:
        target, times = project.root / "before" / ".cache" / link.readlink().name, link.lstat()
        link.unlink()
        link.symlink_to(target)
        os.utime(link, ns=(times.st_atime_ns, times.st_mtime_ns), follow_symlinks=False)
    done = project.snakemake("-n", *CONFIG)
    assert f"{len(links)} files were links into a cache that is gone: {len(links)} found in " in done.stderr
    assert project.planned() == set()
    assert all(link.exists() for link in links)
    shutil.rmtree(project.root / ".cache")
    (project.root / "results/smoke/micro/cells/cepo/tiny/default/s1/eval/scores.json").unlink()
    assert f"train {CEPO}" in project.run(*ONE)


def test_a_lost_mlflow_store_is_filled_again_and_others_runs_in_it_are_kept(project: Project):
    store = project.root / "results/smoke/micro/mlflow.db"
    assert project.planned() == set()
    store.unlink()
    assert project.run() == {"track", "track_study"}
    store.write_text("runs of other configs")
    project.edit("workflows/configs/smoke.yaml", "limit: 4", "limit: 5")
    script = project.root / "workflows/scripts/track.py"
    script.write_text(script.read_text().replace("path.write_text", 'path.open("a").write'))
    project.run()
    assert store.read_text().startswith("runs of other configs")


def test_one_cell_alone(fresh: Project):
    assert fresh.planned(*ONE) == DATA | cell(CEPO, "train", "evaluate", "score")


def test_a_failure_keeps_what_it_left_for_resuming(project: Project):
    project.edit("methods/cepo.py", '= "answer"', '= "full"')
    script = project.root / "workflows/scripts/train.py"
    state = 'state = Path(snakemake.output.cell).parent / "state" / "step_1"\nstate.parent.mkdir(exist_ok=True)\n'
    fail = 'import sys\nstate.touch()\nsys.exit("TrainError: cell cepo/tiny/default/s1: loss is nan; lower lr")\n'
    whole = script.read_text()
    script.write_text(whole + state + fail)
    failed = project.snakemake(*CONFIG)
    assert failed.returncode != 0
    folder = Path("results/smoke/micro/cells/cepo/tiny/default/s1")
    assert not (project.root / folder / "cell.json").exists()  # Snakemake removes what a failed job declared
    assert (project.root / folder / "state" / "step_1").exists()
    script.write_text(whole + state + "assert state.exists()\n")
    project.ran()
    assert project.run() == cell(CEPO) | AGGREGATES  # gradients were measured beside the failure
