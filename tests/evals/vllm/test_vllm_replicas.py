"""Several engines as one: the words between their processes. vLLM is a stand-in; tests/vllm has the real one."""

from __future__ import annotations

from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import pytest

from contracts.errors import EvalError
from evals.answer_folder import AnswerFolder
from evals.vllm.engine import Engines, Replica
from evals.vllm.reply import NEUTRAL, Reply

VLLM = """
import os
from types import SimpleNamespace


class Core:
    def add_request(self, request):
        pass


class Inner:
    # finishes one request a step, the last one first
    def __init__(self):
        self.engine_core, self.waiting = Core(), []

    def step(self):
        return [self.waiting.pop()]


class LLM:
    def __init__(self, how="well"):
        if how == "raises":
            raise ValueError("no room")
        if how == "dies":
            os._exit(3)
        self.llm_engine = Inner()

    def chat(self, messages, sampling_params, **others):
        inner, outputs = self.llm_engine, []
        for i, (message, params) in enumerate(zip(messages, sampling_params)):
            inner.engine_core.add_request(SimpleNamespace(external_req_id=str(i), sampling_params=params))
            text = f"{message} by {os.environ['NAME']}"
            completion = SimpleNamespace(text=text, token_ids=[1, 2], finish_reason="stop")
            inner.waiting.append(SimpleNamespace(request_id=str(i), finished=True, outputs=[completion]))
        while inner.waiting:
            outputs += inner.step()
            if os.environ.get("DIES_AFTER") == str(len(outputs)):
                os._exit(4)
        return sorted(outputs, key=lambda output: int(output.request_id))
"""
NEUTRAL_PARAMS = NEUTRAL | {"temperature": 1.0, "top_p": 1.0, "top_k": 40, "presence_penalty": 2.0}


def params(seed: int) -> SimpleNamespace:
    return SimpleNamespace(**NEUTRAL_PARAMS, max_tokens=8, seed=seed, logit_bias={5: -100.0})


@pytest.fixture(autouse=True)
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type:
    """The stand-in's LLM, which replicas import under vLLM's name."""
    (tmp_path / "vllm.py").write_text(VLLM)
    monkeypatch.syspath_prepend(str(tmp_path))  # a spawned process is given the same path
    monkeypatch.setenv("NAME", "first")
    return run_path(str(tmp_path / "vllm.py"))["LLM"]


def texts(outputs: list) -> list[str]:
    return [output.outputs[0].text for output in outputs]


@pytest.mark.timeout(60)
def test_questions_are_shared_out_answered_in_order_and_written_at_once(stand_in: type, tmp_path: Path):
    kept, told = AnswerFolder(tmp_path / "answers", "this"), []
    replica = Replica.start({}, {"NAME": "second"}, kept.folder)
    assert replica.receive() is None  # it is loaded
    engines = Engines(stand_in(), [replica], None, kept.folder, lambda: told.append(kept.count()))
    asked = [params(seed) for seed in (1, 2, 3)]
    assert texts(engines.chat(["a", "b", "c"], asked, None)) == ["a by first", "b by second", "c by first"]
    assert texts(engines.chat(["d"], [params(4)], None)) == ["d by first"]
    assert {seed: reply.text[0] for seed, reply in engines.replies.items()} == dict(zip("1234", "abcd", strict=True))
    assert told[-1] == 4
    found = kept.read()
    assert {key: Reply(**fields) for key, fields in found.items()} == engines.replies
    assert found["2"]["held"]["top_k"] == 40 and found["2"]["barred"] == [5] and found["2"]["seed"] == 2
    engines.close()
    assert replica.process.exitcode == 0


@pytest.mark.timeout(60)
def test_what_a_replica_had_answered_when_it_died_is_kept(stand_in: type, tmp_path: Path):
    kept = AnswerFolder(tmp_path / "answers", "this")
    replica = Replica.start({}, {"NAME": "second", "DIES_AFTER": "2"}, kept.folder)
    replica.receive()
    engines = Engines(stand_in(), [replica], None, kept.folder, lambda: None)
    with pytest.raises(EvalError, match=r"a replica ended \(exit code 4\)"):
        engines.chat(list("abcdef"), [params(seed) for seed in range(6)], None)
    assert set(AnswerFolder(kept.folder, "this").read()) == {"0", "2", "4", "5", "3"}  # its share was 1, 3 and 5


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("how", "line"),
    [
        ("raises", r"vllm: a replica failed: ValueError: no room; see"),
        ("dies", r"vllm: a replica ended \(exit code 3\)"),
    ],
)
def test_a_replica_that_does_not_load_is_one_line(how: str, line: str, tmp_path: Path):
    replica = Replica.start({"how": how}, {}, tmp_path)
    with pytest.raises(EvalError, match=line):
        replica.receive()
    replica.close()


@pytest.mark.timeout(60)
def test_a_replica_that_died_between_two_questions_is_one_line(stand_in: type, tmp_path: Path):
    kept = AnswerFolder(tmp_path / "answers", "this")
    replica = Replica.start({}, {"NAME": "second"}, kept.folder)
    replica.receive()
    replica.process.kill()
    replica.process.join()
    with pytest.raises(EvalError, match=r"vllm: a replica ended \(exit code -9\)"):
        engines = Engines(stand_in(), [replica], None, kept.folder, lambda: None)
        engines.chat(["a" * 10**6] * 2, [params(1), params(2)], None)
    replica.close()
