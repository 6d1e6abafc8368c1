"""Snakemake's command line without its start-up time: one process imports Snakemake once and forks for each call.

The process imports Snakemake, its plugins, and the libraries that it imports only when it reads a workflow. From it a
process is forked for each copy of the project, which imports the modules of that copy (``project_process.py``), and
from that one a process for each call: so every call sees its own copy of the project as it is, as a new process would.

Scripts of jobs that contain the line :data:`FORKED` run in a fork too, since what they need is imported already. All
other scripts run as they do everywhere, in a new Python.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import hashlib
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

PROCESSES = 4  # of copies of the project, that are kept for further calls
FORKED = "# runs in a fork of Snakemake's process"  # a line of scripts that import nothing of this project
# Libraries that Snakemake or the workflow imports late, in every call.
LIBRARIES = (
    *("docutils.core", "filelock", "jsonschema", "nbformat", "numpy", "pydantic", "pygments.formatters", "requests"),
    *("smart_open", "snakemake.report", "snakemake.storage", "statistics", "yaml", "yte", "difflib", "graphlib"),
    *("jaxtyping", "numpy.typing", "pandas", "rich.live", "rich.terminal_theme", "safetensors.numpy"),
)


def run_snakemake(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """``python -m snakemake <arguments>`` in ``folder``, whose modules come first; output as text."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    with tempfile.TemporaryDirectory() as output:
        call = {"arguments": list(arguments), "folder": str(folder), "environment": dict(environment), "output": output}
        server.stdin.write(json.dumps(call) + "\n")
        server.stdin.flush()
        status = int(server.stdout.readline())
        texts = [Path(output, name).read_text() for name in ("stdout", "stderr")]
    return subprocess.CompletedProcess(list(arguments), status, *texts)


@functools.cache
def _server() -> subprocess.Popen[str]:
    """The server of this test process; it ends when its input is closed."""
    command = [sys.executable, str(Path(__file__).resolve())]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")
    assert server.stdin is not None
    atexit.register(server.stdin.close)
    return server


def serve() -> None:
    """Answer each line of standard input, a call, with a line of its exit status."""
    from project_process import EDITED, ProjectProcess, fork_project, own_files  # from the folder of this script
    from snakemake.cli import get_argument_parser

    get_argument_parser()  # imports the plugins
    for name in LIBRARIES:
        importlib.import_module(name)
    assert not own_files(), own_files()
    gc.freeze()
    parsed = Path(tempfile.mkdtemp())
    processes: dict[str, ProjectProcess] = {}  # the one that was asked last comes last
    while line := sys.stdin.readline():
        call = json.loads(line)
        key = json.dumps([call["folder"], call["environment"]])
        process = processes.pop(key, None)
        status = process.ask(line) if process else EDITED
        if process is None or status == EDITED:
            process = fork_project(lambda call=call: _enter(call), lambda line: _run_call(line, parsed))
            status = process.ask(line)
        processes[key] = process
        for other in list(processes)[:-PROCESSES]:
            processes.pop(other).end()
        print(status, flush=True)
    shutil.rmtree(parsed)  # here, where no fork comes


def _enter(call: dict[str, str]) -> Path:
    """Take over the folder, the environment and the module path that a new process would have; returns the folder."""
    os.chdir(call["folder"])
    os.environ.clear()
    os.environ.update(call["environment"])
    sys.path[0] = call["folder"]  # in place of this file's folder
    sys.dont_write_bytecode = False  # a copy of the project is read by many calls, and by copies of it
    return Path(call["folder"])


def _run_call(line: str, parsed: Path) -> None:
    """Be ``python -m snakemake`` with the arguments and the output files of a call; ``parsed``: see _keep_parsed."""
    from snakemake.cli import main

    call = json.loads(line)
    _keep_parsed(parsed)
    os.chdir(call["folder"])  # the folder of this name may be another one than at the last call
    for number, name in enumerate(("/dev/null", f"{call['output']}/stdout", f"{call['output']}/stderr")):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND), number)
    sys.argv = ["snakemake", *call["arguments"]]
    _fork_scripts()
    if Path("sitecustomize.py").exists():
        sys.modules.pop("sitecustomize", None)
        import sitecustomize  # noqa: F401 - a new process would import it at its start
    main(call["arguments"])


def _keep_parsed(folder: Path) -> None:
    """Let Snakemake parse a file of rules only when its text is a new one. What it became is kept in ``folder``."""
    from snakemake import workflow
    from snakemake.sourcecache import LocalSourceFile

    parse = workflow.parse

    def kept(path: LocalSourceFile, reader: object, linemap: dict[int, int], rulecount: int) -> tuple[str, int]:
        name = path.get_path_or_uri(secret_free=True)
        key = hashlib.sha256(json.dumps([name, rulecount, Path(name).read_text()]).encode()).hexdigest()
        file = folder / key
        if not file.exists():
            code, count = parse(path, reader, linemap=linemap, rulecount=rulecount)
            file.write_text(json.dumps([code, count, list(linemap.items())]))
        code, count, lines = json.loads(file.read_text())
        linemap.update(lines)
        return code, count

    workflow.parse = kept


def _fork_scripts() -> None:
    """Let Snakemake run a script with the line FORKED in a fork of this process."""
    from snakemake.benchmark import benchmarked
    from snakemake.script import PythonScript

    start = PythonScript.execute_script

    def execute_script(script: PythonScript, fname: str, edit: bool = False) -> None:
        source = Path(fname).read_text()
        if FORKED not in source.splitlines():
            return start(script, fname, edit)
        child = os.fork()
        if child == 0:
            os._exit(_run(source, fname))
        measured = benchmarked(child, script.bench_record) if script.bench_record else contextlib.nullcontext()
        with measured:
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status:  # as Snakemake's shell() says it
            command = f"set -euo pipefail;  {sys.executable} {fname}"
            raise subprocess.CalledProcessError(status, command)
        return None

    PythonScript.execute_script = execute_script


def _run(source: str, name: str) -> int:
    """Run a script as the main module, with output streams that no thread of the parent holds; returns its status."""
    with open(1, "w", closefd=False) as sys.stdout, open(2, "w", closefd=False) as sys.stderr:
        try:
            exec(compile(source, name, "exec"), {"__name__": "__main__", "__file__": name})  # noqa: S102 - our own text
        except SystemExit as end:
            if not isinstance(end.code, int | None):
                print(end.code, file=sys.stderr)
            return end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
            return 1
    return 0


if __name__ == "__main__":
    serve()
