# The checked config, and what the rules ask of it.
from pathlib import Path

from contracts.errors import one_line_errors
from evals.benchmarks import BENCHMARKS
from workflows.lib.status import console
from workflows.lib.status.previous_run import PreviousRun
from workflows.lib.status.monitor import Monitor
from workflows.lib.dag.environments import conda_file, image_file
from workflows.lib.dag.exhibit_jobs import unknown_table
from workflows.lib.dag.start import at_a_time, before
from workflows.lib.dag.study import Study
from workflows.lib.config.yaml_file import read_table

console.set_up(workflow, Path(workflow.basedir))

if not workflow.configfiles:  # a config given on the command line replaces this one, it is not merged into it
    with one_line_errors():
        read_table(Path("workflows/configs/micro.yaml"))

    configfile: "workflows/configs/micro.yaml"


with one_line_errors():
    study = Study.load(workflow, config)
committed = PreviousRun(Path("results/reference") / study.config.world, study.cells.training_steps)
monitor = Monitor(Path(study.results), study.cells.training_steps, study.config.progress.every, committed.seconds)
PUBLISHED = sorted(str(path) for path in Path("results/published").glob("*.yaml"))


if console.planning(workflow):
    console.tell_last([f"Missing: {one.line}" for one in study.missing()])


onstart:
    before(workflow, study)
    monitor.start(workflow.dag, at_a_time(workflow))


onsuccess:
    monitor.stop()
    print(study.summary())


onerror:
    monitor.stop()


container: image_file("local")  # used with --sdm apptainer only; rules whose packages differ name their own


pathvars:
    results=study.results,
    model="<results>/models/{base}",
    cell="<results>/cells/{method}/{scale}/{variant}/s{seed}",
