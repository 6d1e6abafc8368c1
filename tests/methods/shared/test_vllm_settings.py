"""vLLM as a choice of the config: what it changes for the cells that choose it, and nothing for those that do not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.errors import ConfigError, EvalError
from evals.local_model import Answer
from evals.vllm.model import NEUTRAL, Sampled, check_answers, gpu_shares
from evals.vllm.settings import Evaluation, VllmSettings
from methods.engines.registry import ENGINES, SAMPLERS
from methods.shared.vllm import check, environment, lacking, room_for
from tests.workflows.lib.config.test_config import minimal, study
from workflows.lib.dag.grid import Key
from workflows.lib.dag.recipes import training_module

KEY = Key("grpo", "small", "default", 1)
VLLM = {"backend": "vllm", "vllm": {"tensor_parallel": 2, "data_parallel": 4}}
GENERATION = Evaluation(max_new_tokens=8).generation()


def made(**config: object) -> tuple[str, str, str]:
    """Digest of a cell, how it is evaluated, and the settings its evaluation is told."""
    found = study(minimal(**config))
    cell = found.grid.cell(KEY)
    return cell.digest, found.recipes.evaluation(cell), found.cells.evaluation_settings


def test_settings_of_vllm_change_nothing_where_it_is_not_chosen():
    plain = made()
    assert made(evaluation={"vllm": {"tensor_parallel": 2}}) == plain
    assert made(engine_settings={"vllm": {"enforce_eager": True}}) == plain
    assert "vllm" not in plain[1] + plain[2] and "backend" not in plain[2]


def test_another_backend_is_another_evaluation_of_the_same_cell():
    plain, other = made(), made(evaluation=VLLM)
    assert other[0] == plain[0] and other[1] != plain[1]
    assert Evaluation.model_validate_json(other[2]).vllm.data_parallel == 4
    assert study(minimal(evaluation=VLLM)).cells.evaluation_script.endswith("evaluate_vllm.py")
    assert study(minimal()).cells.evaluation_script.endswith("evaluate.py")


def test_rollouts_by_vllm_are_another_cell_wherever_its_python_is():
    plain, chosen = made(), made(engine_settings={"rollouts": "vllm"})
    assert chosen[0] != plain[0]
    assert made(engine_settings={"rollouts": "vllm", "vllm": {"python": "/a/python"}})[0] == chosen[0]
    assert training_module("local", {"rollouts": "vllm"}) == SAMPLERS["vllm"]
    assert training_module("local", {}) == ENGINES["local"]


def test_gpus_of_an_evaluation_are_those_reserved():
    reserved = {"evaluate": {"gpus": 4}}
    with pytest.raises(ConfigError, match=r"uses 8 GPUs.*reserves 4; make them equal"):
        study(minimal(evaluation=VLLM | {"device": "cuda"}, resources=reserved))
    study(minimal(evaluation=VLLM | {"device": "cuda"}, resources={"evaluate": {"gpus": 8}}))


def test_only_the_local_engine_is_told_what_rolls_out():
    with pytest.raises(ConfigError, match=r"engine_settings.rollouts is for engine local"):
        study(minimal(engine="easyr1", engine_settings={"rollouts": "vllm"}))


def test_each_replica_has_gpus_of_its_own(monkeypatch: pytest.MonkeyPatch):
    settings = Evaluation(backend="vllm", device="cuda", vllm=VllmSettings(tensor_parallel=2, data_parallel=2))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [place["CUDA_VISIBLE_DEVICES"] for place in gpu_shares(settings)] == ["0,1", "2,3"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    assert [place["CUDA_VISIBLE_DEVICES"] for place in gpu_shares(settings)] == ["4,5", "6,7"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6")
    with pytest.raises(EvalError, match="is 4, but the job has 3 GPUs"):
        gpu_shares(settings)


def test_the_environment_keeps_what_the_user_set(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "7")
    assert environment("cpu")["VLLM_CPU_KVCACHE_SPACE"] == "7"
    assert environment("cpu")["TORCH_COMPILE_DISABLE"] == "1"
    assert "TORCH_COMPILE_DISABLE" not in environment("cuda")


def test_room_for_an_adapter():
    assert [room_for(rank) for rank in (1, 4, 16, 33)] == [1, 8, 16, 64]
    with pytest.raises(ConfigError, match="up to rank 512, this one has 600"):
        room_for(600)


def sampled(number: int, **change: object) -> Sampled:
    return replace(
        Sampled("prompt", 3, False, GENERATION, GENERATION, number, (7, 8), dict(NEUTRAL), (1, 2, 3)), **change
    )


WRONG = {
    "other": ({"others": NEUTRAL | {"repetition_penalty": 1.1}}, r"row 1: was sampled with repetition_penalty=1.1"),
    "bars": ({"barred": (7,)}, "row 1: 1 tokens were barred, not 2"),
    "drawn": ({"ids": (1, 8)}, r"row 1: barred tokens were sampled: \[8\]"),
    "cut": (
        {"truncated": True},
        r"row 1: the response was cut after 3 of 8 tokens; raise evaluation.vllm.max_model_len",
    ),
    "seed": ({"seed": 0}, "1 seeds for 2 questions"),
    "none": ({"seed": None}, "1 seeds for 2 questions"),
}


@pytest.mark.parametrize("case", WRONG)
def test_answers_that_were_sampled_otherwise_are_refused(case: str):
    change, line = WRONG[case]
    answers = {("mmmu_val", 0): sampled(0), ("mmmu_val", 1): sampled(1)}
    check_answers(answers, (7, 8), 8)
    answers["mmmu_val", 1] = sampled(1, **change)
    with pytest.raises(EvalError, match=line):
        check_answers(answers, (7, 8), 8)


def test_a_whole_response_may_be_cut_at_the_limit_asked_for():
    check_answers({("mmmu_val", 0): sampled(0, truncated=True, tokens=8)}, (7, 8), 8)
    assert isinstance(sampled(0), Answer)


def test_a_python_without_vllm_is_named_with_what_it_has():
    assert "has vllm none, tested is 0.32.0" in str(lacking(None, ("vllm",)))
    assert lacking(None, ("lmms_eval",)) is None
    assert lacking("/nowhere/python") == "/nowhere/python cannot be run (No such file or directory)"
    with pytest.raises(ConfigError, match=r"evaluation.vllm.python: .* has vllm none.*; name the Python"):
        check("evaluation.vllm.python", None)


def test_a_temperature_that_vllm_refuses_is_refused_before_anything_starts():
    with pytest.raises(ValueError, match="temperature: vLLM samples at 2 at the most, not at 3"):
        Evaluation(backend="vllm", temperature=3.0)
    assert Evaluation(temperature=3.0).deciding().temperature == 3.0
