"""A confined process computes and reads; it does nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from contracts.paths import ROOT
from methods.shared.confinement import LEFT

START = "from methods.shared.confinement import confine, processor_time; import os, socket, subprocess; confine(); "


def ended(code: str) -> int:
    command = [sys.executable, "-c", START + code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, env={"PYTHONPATH": str(ROOT)}).returncode


@pytest.mark.parametrize(
    "code",
    [
        "os.system('true')",
        "open('/tmp/x', 'w')",
        "os.remove('/nowhere')",
        "subprocess.run(['true'])",
        "socket.socket()",
    ],
)
def test_what_reaches_outside_ends_the_process(code: str):
    assert ended(code) == LEFT


def test_computing_reading_and_importing_go_on():
    assert ended("import fractions, email.message; open('/dev/null').read(); print(2**100)") == 0


def test_memory_and_processor_time_are_bounded():
    assert ended("b'x' * 3 * 1024**3") == 1  # a MemoryError, which a reader may catch
    assert ended("processor_time(0.05).__enter__()\nwhile True: pass") == -27  # SIGPROF


def test_what_it_prints_is_no_reply():
    code = "from methods.shared.confinement import confine, print_nowhere; import os; print('before', flush=True); "
    code += "print_nowhere(); confine(); print('after', flush=True); os.write(1, b'after')"
    made = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, env={"PYTHONPATH": str(ROOT)})
    assert (made.returncode, made.stdout, made.stderr) == (0, b"before\n", b"")
