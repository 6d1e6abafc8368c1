# The checked config, and what the rules ask of it.
from pathlib import Path

from evals.benchmarks import BENCHMARKS
from workflows.lib import console
from workflows.lib.past import read_past
from workflows.lib.plan import plan_lines, planned_jobs
from workflows.lib.preflight import check_fetched
from workflows.lib.progress import Monitor
from workflows.lib.study import Study

console.set_up(workflow, Path(workflow.basedir))

if not workflow.configfiles:  # a config given on the command line replaces this one, it is not merged into it

    configfile: "workflows/configs/micro.yaml"


with console.one_line_errors():
    study = Study.load(workflow, config)
monitor = Monitor(Path(study.results), study.training_steps, study.config.progress.every)
PUBLISHED = sorted(str(path) for path in Path("results/published").glob("*.yaml"))


if console.planning(workflow):
    console.tell_last([f"Missing: {line}" for line in study.missing()])


onstart:
    if "plan" in workflow.dag_settings.targets:  # everything is known now and nothing has begun
        jobs = planned_jobs(workflow, study.training_steps)
        print(*plan_lines(jobs, read_past(Path(study.results)), workflow.cores, Path(study.results)), sep="\n")
        raise SystemExit
    with console.one_line_errors():
        check_fetched(study, {job.rule.name for job in workflow.dag.needrun_jobs()})
    monitor.start(workflow.dag, workflow.cores)


onsuccess:
    monitor.stop()
    print(study.summary())


onerror:
    monitor.stop()


pathvars:
    results=study.results,
    model="<results>/models/{scale}",
    cell="<results>/cells/{method}/{scale}/{variant}/s{seed}",
