"""benchmarks/trl_speed.py, without TRL: a stand-in takes the other side's turns."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from contracts.paths import ROOT
from methods.base import load_method

SMALL = {"steps": 4, "prompts": 2, "minibatch_prompts": 1, "group_size": 4, "max_response": 3, "warmup_steps": 0}
STAND_IN = """#!{python}
import json, sys
told = json.loads(sys.stdin.readline())
print(json.dumps({{"versions": {{"trl": "0"}}}}), flush=True)
for read in told["prompt_tokens"]:
    sys.stdin.readline()
    print(json.dumps({{"wall": 1.0, "processor": 0.5, "tokens": 24, "prompt_tokens": read}}), flush=True)
"""


@pytest.fixture(scope="module")
def speed() -> ModuleType:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    yield import_module("trl_speed")
    sys.path.remove(str(ROOT / "benchmarks"))


def stand_in(folder: Path) -> Path:
    """A program that answers as `trl_step.py` does."""
    path = folder / "python"
    path.write_text(STAND_IN.format(python=sys.executable))
    path.chmod(0o755)
    return path


def test_times_faster_by_hand(speed: ModuleType):
    ours = [speed.Taken(1.0, 0.5, 100), speed.Taken(1.0, 0.5, 100)]
    theirs = [speed.Taken(4.0, 4.0, 100), speed.Taken(16.0, 4.0, 200)]  # 0.04 and 0.08 seconds a token
    assert speed.times_faster(ours, theirs, "wall").startswith("6.00 [")
    assert speed.times_faster(ours, theirs, "processor").startswith("6.00 [")


def test_both_sides_take_turns_on_the_same_problems(speed: ModuleType, tiny_base: Path, tmp_path: Path):
    with speed.EverySecond() as grader:
        trainer = speed.our_side(load_method("grpo", SMALL), tiny_base, tmp_path, grader)
        told = speed.told_to_trl(trainer, tiny_base, tmp_path, equal=True)
        read = [speed.prompt_tokens(trainer, step) for step in range(4)]
        speed.never_end(trainer)
        with speed.other_side(stand_in(tmp_path), told | {"prompt_tokens": read}) as other:
            ours, theirs, mixed = speed.in_turns(trainer, other)
        with (
            speed.other_side(stand_in(tmp_path), told | {"prompt_tokens": [read[0] + 1]}) as other,
            pytest.raises(SystemExit, match=f"step 1: TRL's prompts have {read[0] + 1} tokens and ours {read[0]}"),
        ):
            speed.in_turns(trainer, other)
    assert len(told["problems"]) == 2 * 4
    assert not set(trainer.policy.end_tokens) & set(told["barred"])
    assert [one.tokens for one in ours] == [one.tokens for one in theirs] == [2 * 4 * 3] * 2
    assert mixed == [1.0, 1.0]


def test_a_side_that_ends_is_one_line(speed: ModuleType, tmp_path: Path):
    with (
        speed.other_side(stand_in(tmp_path), {"prompt_tokens": []}) as other,
        pytest.raises(SystemExit, match="TRL's process has ended"),
    ):
        other.step()


def test_no_environment_is_one_line(
    speed: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sys, "argv", ["trl_speed.py", "--trl-python", "/nowhere/python"])
    with pytest.raises(SystemExit):
        speed.parse()
    assert "/nowhere/python: no such file" in capsys.readouterr().err.splitlines()[-1]
