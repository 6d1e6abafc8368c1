"""A process that has imported what the Snakefile of one copy of the project imports, and forks for each call.

The imports are a third of a plan. The copy may be edited between two calls, so the process looks at the files of what
it has imported, and answers :data:`EDITED` in place of an exit status when one of them is not what it was.
"""

from __future__ import annotations

import gc
import importlib
import os
import re
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TextIO

OWN = ("workflows", "contracts", "methods", "evals", "tests")  # packages that every copy has for itself
IMPORT = re.compile(rf"^(?:from|import) ((?:{'|'.join(OWN)})\S*)", re.MULTILINE)
EDITED = "edited"


@dataclass
class ProjectProcess:
    """The process as its parent sees it."""

    pid: int
    calls: TextIO
    answers: TextIO

    def ask(self, call: str) -> str:
        """The exit status of a call, which is one line; or EDITED, and then the process has ended."""
        self.calls.write(call)
        self.calls.flush()
        answer = self.answers.readline().strip()
        if answer == EDITED:
            self.end()
        return answer

    def end(self) -> None:
        """End the process and wait for it."""
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)
        self.calls.close()
        self.answers.close()


def fork_project(enter: Callable[[], Path], answer: Callable[[str], None]) -> ProjectProcess:
    """Start the process. It calls ``enter``, which gives its folder, and ``answer`` in a fork of it for each call."""
    (calls_end, calls), (answers, answers_end) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        for end in (calls, answers):
            os.close(end)
        _serve(enter(), answer, os.fdopen(calls_end), os.fdopen(answers_end, "w"))
    for end in (calls_end, answers_end):
        os.close(end)
    return ProjectProcess(pid, os.fdopen(calls, "w"), os.fdopen(answers))


def _serve(folder: Path, answer: Callable[[str], None], calls: TextIO, answers: TextIO) -> NoReturn:
    for file in (folder / "Snakefile", *sorted((folder / "workflows" / "rules").glob("*.smk"))):
        for name in IMPORT.findall(file.read_text()):
            importlib.import_module(name)
    gc.freeze()  # no search for garbage in a fork looks at what is imported by now
    imported = own_files()
    while call := calls.readline():
        if own_files() != imported:
            print(EDITED, file=answers, flush=True)
            break
        child = os.fork()
        if child == 0:
            answer(call)
            sys.exit()
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), file=answers, flush=True)
    os._exit(0)


def own_files() -> dict[str, tuple[int, int] | None]:
    """Time and size of the file of every module of the project that is imported; None where it is gone."""
    modules = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] in OWN]
    paths = [Path(module.__file__) for module in modules if module.__file__]
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) if path.exists() else None for path in paths}
