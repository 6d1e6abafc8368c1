"""No process outlives the one it works for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from contracts.paths import ROOT

HEAD = """
import subprocess, sys, time
from methods.shared.lifetimes import end_children_with_this
end_children_with_this()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])  # knows nothing of lifetimes
print(child.pid, flush=True)
time.sleep(60)
"""
MIDDLE = """
import subprocess, sys, time
inner = "from methods.shared.lifetimes import end_with_parent as end; end(); print(1, flush=True); input()"
child = subprocess.Popen([sys.executable, "-c", inner], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl and process groups are Linux's")
@pytest.mark.parametrize("program", [HEAD, MIDDLE], ids=["guarded", "itself"])
def test_what_a_killed_process_started_is_gone(program: str, tmp_path: Path):
    head = subprocess.Popen(
        [sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    )
    assert head.stdout is not None
    child = psutil.Process(int(head.stdout.readline()))
    time.sleep(0.3)  # the guard is up
    head.send_signal(signal.SIGKILL)
    head.wait()
    child.wait(timeout=20)
