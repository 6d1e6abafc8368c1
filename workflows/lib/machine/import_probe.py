"""Imports modules in the Python that runs this file and prints in JSON what failed: ``import_probe.py <module> ...``.

Uses the standard library alone, because it runs in environments of other roles. What the modules print goes to stderr.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shutil
import sys
import sysconfig
from pathlib import Path


def failures(modules: list[str]) -> dict[str, str]:
    """Module -> why it cannot be imported, for those that cannot."""
    found = {}
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as error:  # any error of a foreign package is the answer that is asked for
            found[name] = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    return found


def compiler() -> str | None:
    """The C compiler that Triton would call: $CC, gcc or clang."""
    return next(
        (path for name in (os.environ.get("CC"), "gcc", "clang") if name and (path := shutil.which(name))), None
    )


def headers() -> bool:
    """Whether this Python's own headers are there, which Triton compiles its launchers against."""
    return Path(sysconfig.get_paths()["include"], "Python.h").is_file()


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        failed = failures(sys.argv[1:])
    version = ".".join(map(str, sys.version_info[:2]))
    print(json.dumps({"python": version, "failed": failed, "compiler": compiler(), "headers": headers()}))
