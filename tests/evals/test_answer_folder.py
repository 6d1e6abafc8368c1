"""Answers that are written as they come: what a kill leaves, and for which evaluation it counts."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from evals import local_model
from evals.answer_folder import AnswerFolder, AnswerWriter, identity
from evals.run import ANSWERS, evaluate
from evals.settings import EvalSettings
from tests.helpers.eval_fixtures import write_benchmarks

SETTINGS = EvalSettings(max_new_tokens=8, batch_size=2)


def test_a_torn_line_is_left_out_and_files_of_all_processes_are_read(tmp_path: Path):
    kept = AnswerFolder(tmp_path / "answers", "this")
    first, second = AnswerWriter(kept.folder), AnswerWriter(kept.folder)
    first.write("a/0", {"text": "é"})
    second.write("a/1", {"text": "two\nlines"})
    with first.path.open("ab") as file:
        file.write('{"key": "a/2", "text": "é'.encode()[:-1])  # killed within a character
    again = AnswerFolder(tmp_path / "answers", "this")
    assert again.read() == {"a/0": {"text": "é"}, "a/1": {"text": "two\nlines"}}
    assert again.count() == 2
    assert AnswerFolder(tmp_path / "answers", "another").read() == {}


def test_other_weights_are_another_evaluation(tmp_path: Path):
    (tmp_path / "model.safetensors").write_bytes(b"1")
    before = identity(["a", "b"], [tmp_path, None])
    assert identity(["a", "b"], [tmp_path, None]) == before != identity(["ab"], [tmp_path, None])
    (tmp_path / "model.safetensors").write_bytes(b"2")
    assert identity(["a", "b"], [tmp_path, None]) != before


def killed_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is killed within the writing of an answer, after ``count`` whole ones."""
    write, left = AnswerWriter.write, [count]

    def written(self: AnswerWriter, key: str, fields: dict) -> None:
        if not left[0]:
            self.path.open("a").write('{"key": "tor')
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        write(self, key, fields)

    monkeypatch.setattr(AnswerWriter, "write", written)


def test_a_killed_evaluation_goes_on_and_ends_as_an_unbroken_one(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    data = {"wemath": write_benchmarks(tmp_path, 6)["wemath"]}

    def run(folder: Path, settings: EvalSettings = SETTINGS) -> bytes:
        evaluate("a/b/c/s0", tiny_base, None, data, settings, 0, folder / "s.parquet", folder / "raw")
        return (folder / "s.parquet").read_bytes()

    whole = run(tmp_path / "whole")
    child = os.fork()
    if not child:
        killed_after(3, monkeypatch)
        run(tmp_path / "broken")
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert not (tmp_path / "broken" / "s.parquet").exists()
    asked: list[int] = []
    respond = local_model.CepoLocal._respond

    def counted(self: local_model.CepoLocal, requests: list, settings: dict) -> list:
        asked.append(len(requests))
        return respond(self, requests, settings)

    monkeypatch.setattr(local_model.CepoLocal, "_respond", counted)
    slower = SETTINGS.model_copy(update={"batch_size": 1})  # a setting of speed may change in between
    assert run(tmp_path / "broken", slower) == whole
    assert sum(asked) == 6 - 3
    assert not (tmp_path / "broken" / ANSWERS).exists()
