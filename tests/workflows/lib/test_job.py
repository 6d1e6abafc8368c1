"""What a failing script shows and keeps: one line for people, the rest in the log. Each case is its own process."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

BEFORE = "import os, sys\nfrom contracts.errors import DataError\nfrom workflows.lib.job import job\n"


def run(tmp_path: Path, body: str) -> tuple[int, str, str, str]:
    """Exit status, stdout, stderr and log of a job with this body."""
    code = BEFORE + f"with job({str(tmp_path / 'logs' / 'x.log')!r}, 'train cepo/small/default/s1'):\n    {body}\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    return done.returncode, done.stdout, done.stderr, (tmp_path / "logs" / "x.log").read_text()


PARENT = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", sys.argv[1]])
time.sleep(60)
"""


def test_a_job_ends_with_the_run_that_started_it(tmp_path: Path):
    number = tmp_path / "number"
    body = f"open({str(number)!r}, 'w').write(str(os.getpid())); import time; time.sleep(60)"
    code = BEFORE + f"with job({str(tmp_path / 'x.log')!r}, 'train'):\n    {body}\n"
    run = subprocess.Popen([sys.executable, "-c", PARENT, code])
    until = time.monotonic() + 20
    while not (number.exists() and number.read_text()):
        assert time.monotonic() < until
        time.sleep(0.02)
    run.kill()
    run.wait()
    while running(number.read_text()):
        assert time.monotonic() < until
        time.sleep(0.02)


def running(process: str) -> bool:
    """Whether it runs: one that nobody has asked for its status is still listed."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_all_output_goes_to_the_log(tmp_path: Path):
    status, stdout, stderr, log = run(tmp_path, "print('a'); print('b', file=sys.stderr); os.system('echo c')")
    assert (status, stdout, stderr) == (0, "", "")
    assert log.split("\n")[-2].startswith("train cepo/small/default/s1: done in ")
    assert {"a", "b", "c"} <= set(log.split())


def test_output_works_again_afterwards(tmp_path: Path):
    assert run(tmp_path, "pass\nprint('after')")[1] == "after\n"


def test_a_user_error_is_one_line_on_stderr_and_in_the_log(tmp_path: Path):
    line = "DataError: train.parquet: cannot be read; make it again\n"
    status, stdout, stderr, log = run(
        tmp_path, "raise DataError('train.parquet', 'cannot\\n be read', 'make it again')"
    )
    assert (status, stdout, stderr) == (1, "", line)
    assert log.endswith(line)


def test_a_defect_names_the_log_and_keeps_the_traceback_there(tmp_path: Path):
    status, _, stderr, log = run(tmp_path, "[][1]")
    assert status == 1
    assert stderr.startswith(
        "Error: train cepo/small/default/s1: IndexError: list index out of range; this is a defect"
    )
    assert stderr.rstrip().endswith("logs/x.log")
    assert stderr.count("\n") == 1
    assert "Traceback" in log


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_one_line_with_a_way_out(tmp_path: Path):
    status, _, stderr, _ = run(tmp_path, "with open('/dev/full', 'w') as file: file.write('x' * 100000)")
    assert status == 1
    assert stderr.startswith("DataError: train cepo/small/default/s1: No space left on device; free disk space, or set")
    assert stderr.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_does_not_hide_the_error(tmp_path: Path):
    code = f"{BEFORE}with job('/dev/full', 'x'):\n    raise DataError('a', 'b', 'c')\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "DataError: a: b; c\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_makes_no_whole_file_a_broken_one(tmp_path: Path):
    """What a library says while it loads a model goes to the log, and fails there."""
    code = f"""{BEFORE}with job('/dev/full', 'train x'):
    try:
        print('loading', file=sys.stderr)
    except OSError as error:
        raise DataError({str(tmp_path)!r}, 'does not load', 'build it again', delete_and_rerun=True) from error
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.stderr.startswith("DataError: train x: No space left on device; free disk space, or set results_dir")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path):
    errno = "import errno; raise OSError(errno.EROFS, os.strerror(errno.EROFS), 'results/x')"
    status, _, stderr, _ = run(tmp_path, errno)
    assert (status, stderr.count("\n")) == (1, 1)
    assert stderr.startswith(
        "DataError: results/x: Read-only file system; set results_dir to a folder that can be written"
    )


def test_the_log_of_an_earlier_attempt_is_kept(tmp_path: Path):
    run(tmp_path, "print('first')")
    assert {"first", "second"} <= set(run(tmp_path, "print('second')")[3].split())


def test_an_interrupt_is_no_error_of_the_job(tmp_path: Path):
    status, _, stderr, log = run(tmp_path, "raise KeyboardInterrupt")
    assert status in (130, -2)
    assert "this is a defect" not in stderr + log


@pytest.mark.parametrize("part", ["", ":3", ", row 7", ": row 7: image"])
def test_a_broken_file_is_deleted_where_it_is_kept(tmp_path: Path, part: str):
    kept = tmp_path / ".cache" / "1_train.jsonl"
    kept.parent.mkdir()
    kept.touch()
    (tmp_path / "train.jsonl").symlink_to(kept)
    place = f"{tmp_path}/train.jsonl{part}"
    _, _, stderr, _ = run(
        tmp_path, f"raise DataError({place!r}, 'holds no step', 'train the cell again', delete_and_rerun=True)"
    )
    how = f"train the cell again: delete {kept} and give the same command"
    assert stderr == f"DataError: {place}: holds no step; {how}\n"


def test_a_broken_folder_is_deleted_where_it_is_kept(tmp_path: Path):
    kept = tmp_path / ".cache" / "1_adapter"
    kept.mkdir(parents=True)
    (kept / "weights").touch()
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "weights").symlink_to(kept / "weights")
    _, _, stderr, _ = run(
        tmp_path, f"raise DataError({str(tmp_path / 'adapter')!r}, 'x', 'train the cell again', delete_and_rerun=True)"
    )
    assert stderr.endswith(f"train the cell again: delete {kept} and give the same command\n")
