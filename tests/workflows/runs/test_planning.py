"""The target ``plan``: it tells what would run and makes nothing."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.copies import CONFIG, Project


def plan(project: Project, *arguments: str) -> dict[str, list[str]]:
    """Counts (to run, cached, done) by kind of job."""
    done = project.snakemake(*arguments, "--nolock", "plan")
    assert done.returncode == 0, done.stderr
    rows = done.stdout.partition("job ")[2].partition("\n\n")[0].splitlines()[1:]
    return {row[: row.index("  ")]: row[row.index("  ") :].split()[:3] for row in rows}


def test_a_plan_of_nothing_done(fresh: Project):
    before = sorted(fresh.root.rglob("results/**/*"))
    rows = plan(fresh, *CONFIG)
    assert rows["train cepo/tiny"] == rows["base model"] == rows["problems"] == ["1", "0", "0"]
    assert rows["table"] == ["3", "0", "0"]
    assert sorted(fresh.root.rglob("results/**/*")) == before
    assert fresh.ran() == set()


def test_a_plan_tells_the_cache_from_work(project: Project):
    assert "Nothing to be done" in project.snakemake("plan", *CONFIG).stderr
    project.edit("methods/cepo.py", '= "answer"', '= "full"')
    rows = plan(project, *CONFIG)
    assert rows["train cepo/tiny"] == ["1", "0", "0"]
    assert rows["evaluate"] == ["1", "0", "2"]  # one row: no evaluation has left a time
    assert rows["train grpo/tiny"] == ["0", "0", "1"]
    project.run()
    project.edit("methods/cepo.py", '= "full"', '= "answer"')
    assert plan(project, *CONFIG)["train cepo/tiny"] == ["0", "1", "0"]
    assert project.ran() == set()


def test_cells_that_need_the_same_model_have_it_prepared_once(fresh: Project):
    default, progress, grpo = (
        {job for job in fresh.planned("cell", "--config", f"cell={cell}/s1") if job.startswith("prepare ")}
        for cell in ("prm/tiny/default", "prm/tiny/progress", "grpo/tiny/default")
    )
    (job,) = default
    assert job.split()[:3] == ["prepare", "step_scorer", "tiny"]
    assert progress == default
    assert grpo == set()


def test_a_plan_of_hundreds_of_cells_makes_nothing(fresh: Project):  # how long it takes: benchmarks/planning.py
    seeds = ",".join(map(str, range(1, 18)))  # of five methods and a control, the oracle, at two scales
    chosen = ("experiments=[table2]", "methods=[grpo,opsd,sdpo,rlsd,cepo]", f"seeds=[{seeds}]")
    rows = plan(fresh, "--config", *chosen)
    assert sum(int(count[0]) for kind, count in rows.items() if kind.startswith("train")) == 204
    assert Path(fresh.root, "results/micro").exists() is False
