"""What Snakemake shows: settings that every invocation needs, and its errors as one line."""

from __future__ import annotations

import atexit
import errno
import logging
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.errors import one_line_errors
from workflows.lib.cache.keys import use_keys
from workflows.lib.cache.links import use_relative_links
from workflows.lib.cache.lost_links import CACHE, make_cache
from workflows.lib.hub.needs import OFFLINE
from workflows.lib.machine.file_times import use_no_file_times
from workflows.lib.machine.run_lock import use_run_locks

if TYPE_CHECKING:
    from snakemake.workflow import Workflow

OURS = re.compile(r"\b(?:Config|Data|Train|Eval|User)Error: [^\n]+")
FAILED_SCRIPT = re.compile(
    r"CalledProcessError in file .*?(?:\.(?P<script>\w+)\.py' )?"
    r"(?:(?:returned )?non-zero exit status (?P<status>\d+)|died with <Signals\.(?P<signal>\w+): \d+>)\.",
    re.DOTALL,
)
REPLACED = {
    "workflow_started",
    "job_info",
    "job_finished",
    "job_error",
    "progress",
    "resources_info",
}  # events that the status lines tell
NOISE = (
    "Assuming unrestricted shared filesystem usage",
    "Using shell:",
    "Conda environments: ignored",
    "Singularity containers: ignored",
    "Shutting down, this might take some time",
    "Exiting because a job execution failed",
    "Select jobs to execute",
    "Execute ",
    "Moving output file",
    "Symlinking output file",
    "Config file ",
    "Ignore corrupted or currently written metadata record",  # of a job that a full disk stopped; it is made again
)
FULL = re.compile(rf"\[Errno (?:{errno.ENOSPC}|{errno.EDQUOT})\]")
NO_SPACE = (
    "Error: .snakemake: no space left on the disk to note what is done; free disk space and give the same command: "
    "finished work is kept"
)
LOCKED = (
    "Error: .snakemake/locks: another run uses these results; wait for it, or if it was killed on another machine: "
    "make unlock (snakemake --unlock)"
)
KILLED = "perhaps for want of memory: give fewer jobs at a time, make ... JOBS=1"
ENDED = "the end of its log says why"
INCOMPLETE = (
    "Error: .snakemake/incomplete: a killed run left unfinished files; "
    "make goes on from there, snakemake needs --rerun-incomplete"
)


def set_up(workflow: Workflow, root: Path) -> None:
    """What every invocation needs, with or without a profile: the cache, one thread per job, quieter output.

    Results are kept in ``.cache`` under a key of all that decides them, so that undoing an edit costs nothing.
    """
    os.environ.setdefault(CACHE, str(root / ".cache"))
    with one_line_errors():
        make_cache(Path(os.environ[CACHE]))
    for threads in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(threads, "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.update(OFFLINE)
    use_keys()
    use_relative_links()
    use_run_locks()
    use_no_file_times()
    if workflow.workflow_settings.cache is None:
        workflow.workflow_settings.cache = []
    output = workflow.output_settings
    asked = output is None or output.dryrun or output.verbose or output.printshellcmds
    for handler in logging.getLogger("snakemake.logging").handlers:
        if handler.name == "DefaultStreamHandler":
            handler.addFilter(shorten)
            if not asked:
                handler.addFilter(hush)


def planning(workflow: Workflow) -> bool:
    """Whether this is a dry run, in the process the user started."""
    return workflow.is_main_process and bool(workflow.output_settings and workflow.output_settings.dryrun)


def tell_last(lines: list[str]) -> None:
    """Show lines below the plan, where they are seen."""
    atexit.register(lambda: print(*lines, sep="\n", file=sys.stderr) if lines else None)


def shorten(record: logging.LogRecord) -> bool:
    """Cut errors down to one line that says what to do; drop those that a script has explained already."""
    text = str(record.msg)
    if "LockException" in text:
        record.msg = LOCKED
    elif "IncompleteFilesException" in text:
        record.msg = INCOMPLETE
    elif record.levelno >= logging.ERROR and FULL.search(text) and not OURS.search(text):
        record.msg = NO_SPACE
    elif "At least one job did not complete" in text:
        record.msg = "Some jobs failed, see above. What is done is kept: the same command goes on from here."
    elif record.levelno >= logging.ERROR and (found := OURS.search(text)):
        record.msg = re.sub(r" \(rule [^()]*\)$", "", found.group(0))
    elif failed := FAILED_SCRIPT.search(text):
        record.msg = _ended(failed)
        return failed["status"] != "1"
    return True


def _ended(failed: re.Match[str]) -> str:
    """What is said of a job whose process ended without a word of its own."""
    job = f"a job of {failed['script']}" if failed["script"] else "a job"
    killed = failed["signal"] == "SIGKILL" or failed["status"] == "137"
    how = f"by {failed['signal']}" if failed["signal"] else f"with status {failed['status']}"
    return f"Error: {job}: ended {how}; {KILLED if killed else ENDED}"


def hush(record: logging.LogRecord) -> bool:
    """Drop what the status lines tell better; Snakemake's own log has it all. Not for dry runs, -p and --verbose."""
    return str(getattr(record, "event", "")) not in REPLACED and not str(record.msg).startswith(NOISE)
