"""Several engines as one: the words between their processes. vLLM is a stand-in; tests/vllm has the real one."""

from __future__ import annotations

from pathlib import Path
from runpy import run_path

import pytest

from contracts.errors import EvalError
from evals.vllm.engine import Engines, Replica

VLLM = """
import os
from types import SimpleNamespace


class Core:
    def add_request(self, request):
        pass


class LLM:
    def __init__(self, how="well"):
        if how == "raises":
            raise ValueError("no room")
        if how == "dies":
            os._exit(3)
        self.llm_engine = SimpleNamespace(engine_core=Core())

    def chat(self, messages, sampling_params, **others):
        for params in sampling_params:
            self.llm_engine.engine_core.add_request(SimpleNamespace(sampling_params=params))
        return [f"{message} by {os.environ['NAME']}" for message in messages]
"""


@pytest.fixture(autouse=True)
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type:
    """The stand-in's LLM, which replicas import under vLLM's name."""
    (tmp_path / "vllm.py").write_text(VLLM)
    monkeypatch.syspath_prepend(str(tmp_path))  # a spawned process is given the same path
    monkeypatch.setenv("NAME", "first")
    return run_path(str(tmp_path / "vllm.py"))["LLM"]


@pytest.mark.timeout(60)
def test_questions_are_shared_out_and_answered_in_order(stand_in: type):
    replica, told = Replica.start({}, {"NAME": "second"}), []
    assert replica.receive() is None  # it is loaded
    engines = Engines(stand_in(), [replica], None, told.append)
    assert engines.chat(["a", "b", "c"], [1, 2, 3], None) == ["a by first", "b by second", "c by first"]
    assert engines.chat(["d"], [4], None) == ["d by first"]
    assert [params for _, params in engines.replies] == [1, 2, 3, 4]
    assert told == [3, 4]
    engines.close()
    assert replica.process.exitcode == 0


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("how", "line"),
    [
        ("raises", r"vllm: a replica failed: ValueError: no room; see"),
        ("dies", r"vllm: a replica ended \(exit code 3\)"),
    ],
)
def test_a_replica_that_does_not_load_is_one_line(how: str, line: str):
    replica = Replica.start({"how": how}, {})
    with pytest.raises(EvalError, match=line):
        replica.receive()
    replica.close()


@pytest.mark.timeout(60)
def test_a_replica_that_died_between_two_questions_is_one_line(stand_in: type):
    replica = Replica.start({}, {"NAME": "second"})
    replica.receive()
    replica.process.kill()
    replica.process.join()
    with pytest.raises(EvalError, match=r"vllm: a replica ended \(exit code -9\)"):
        Engines(stand_in(), [replica], None, lambda done: None).chat(["a" * 10**6] * 2, [1, 2], None)
    replica.close()
