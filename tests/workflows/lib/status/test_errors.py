"""Errors are one line, and Snakemake's own are cut down to one."""

from __future__ import annotations

import logging

import pytest

from contracts.errors import ConfigError, EvalError, nearest, one_line_errors
from workflows.lib.status.console import hush, shorten


def record(text: str, level: int = logging.ERROR, event: str | None = None) -> logging.LogRecord:
    made = logging.LogRecord("snakemake.logging", level, __file__, 1, text, None, None)
    made.event = event
    return made


def shown(text: str) -> str | None:
    """What ``shorten`` makes of an error; None if it is dropped."""
    made = record(text)
    return str(made.msg) if shorten(made) else None


def test_place_cause_and_way_out_in_one_line():
    assert (
        str(ConfigError("my.yaml: seeds", "must be\n a list", "write [1]"))
        == "my.yaml: seeds: must be a list; write [1]"
    )
    assert str(EvalError("mmmu", "3 of 4 scored")) == "mmmu: 3 of 4 scored"


def test_nearest_offers_only_what_is_near():
    assert nearest("lamda", ["lam", "eps_w"]) == "did you mean 'lam'?"
    assert nearest("zzz", ["lam", "eps_w"]) == ""


def test_user_errors_end_the_process_with_their_line():
    with pytest.raises(SystemExit) as end, one_line_errors():
        raise ConfigError("my.yaml", "is empty", "fill it")
    assert end.value.code == "ConfigError: my.yaml: is empty; fill it"
    with pytest.raises(KeyError), one_line_errors():
        raise KeyError("a defect is not a user error")


def test_an_error_inside_snakemake_is_cut_to_our_line():
    text = (
        'InputFunctionException in rule train in file "train.smk", line 4:\nError:\n  ConfigError: cell: no variant '
        "'x'; there is default\nWildcards:\n  seed=1\nTraceback:\n  File \"study.py\", line 72, in cell_json"
    )
    assert shown(text) == "ConfigError: cell: no variant 'x'; there is default"
    assert (
        shown("ConfigError: cell: no variant 'x' (rule train, line 4, /a/train.smk)")
        == "ConfigError: cell: no variant 'x'"
    )


def test_locks_and_unfinished_files_say_what_to_do():
    assert str(shown("LockException:\nError: Directory cannot be locked.")).endswith("make unlock (snakemake --unlock)")
    assert "--rerun-incomplete" in str(shown("IncompleteFilesException:\nThe files below seem to be incomplete."))


def test_a_full_disk_that_snakemake_meets_has_a_way_out():
    text = (
        "WorkflowError:\nError recording metadata for finished job ([Errno 28] No space left on device). Please ensure"
    )
    assert str(shown(text)).endswith("free disk space and give the same command: finished work is kept")
    ours = "DataError: problems: [Errno 28] No space left on device; free disk space"
    assert shown(ours) == ours
    assert not hush(record("Ignore corrupted or currently written metadata record /a", logging.INFO))


def script_failure(how: str) -> str:
    command = "set -euo pipefail;  python3 /a/.snakemake/scripts/tmpgktzghz9.train.py"
    return f"RuleException:\nCalledProcessError in file \"/a/train.smk\", line 31:\nCommand '{command}' {how}."


def test_a_failed_script_is_told_once():
    assert shown(script_failure("returned non-zero exit status 1")) is None  # the script has said why


@pytest.mark.parametrize(
    ("how", "line"),
    [
        (
            "returned non-zero exit status 137",
            "Error: a job of train: ended with status 137; perhaps for want ",
        ),
        ("died with <Signals.SIGKILL: 9>", "Error: a job of train: ended by SIGKILL; perhaps for want of "),
        ("died with <Signals.SIGSEGV: 11>", "Error: a job of train: ended by SIGSEGV; the end of its log says why"),
    ],
)
def test_a_script_that_could_say_nothing_is_one_line(how: str, line: str):
    told = str(shown(script_failure(how)))
    assert told.startswith(line)
    assert "\n" not in told


def test_other_errors_are_left_alone():
    text = "MissingInputException in rule score:\nMissing input files"
    assert shown(text) == text


def test_status_lines_replace_the_chatter():
    assert not hush(record("Select jobs to execute...", logging.INFO))
    assert not hush(record("rule train:", logging.INFO, "job_info"))
    assert hush(record("Nothing to be done", logging.INFO))
