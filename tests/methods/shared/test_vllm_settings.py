"""vLLM as a choice of the config: what it changes for the cells that choose it, and nothing for those that do not."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest

from contracts.errors import ConfigError, EvalError
from evals.vllm.model import Sampled, check_answers, cut_by_length, gpu_shares
from evals.vllm.reply import NEUTRAL, Reply, reply_of
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
    wildcards = SimpleNamespace(method=KEY.method, scale=KEY.scale, variant=KEY.variant, seed=str(KEY.seed))
    return cell.digest, found.recipes.evaluation(cell), found.cells.evaluation_settings(wildcards)


def test_settings_of_vllm_change_nothing_where_it_is_not_chosen():
    plain = made()
    assert made(evaluation={"vllm": {"tensor_parallel": 2}}) == plain
    assert made(engine_settings={"vllm": {"enforce_eager": True}}) == plain
    assert "vllm" not in plain[1] + plain[2] and "backend" not in plain[2]


def test_another_way_to_sample_is_another_evaluation_of_the_base_alone():
    found = study(minimal(samplings={"bare": {"top_k": 0, "max_new_tokens": None}}))
    base, bare = (found.grid.cell(Key("base", "small", variant, 1)) for variant in ("default", "bare"))
    assert found.recipes.evaluation(base) != found.recipes.evaluation(bare)
    changed = found.recipes.settings(bare, 2)
    assert (changed.top_k, changed.presence_penalty, changed.seed) == (
        0,
        found.recipes.settings(base).presence_penalty,
        2,
    )
    assert "max_new_tokens" not in changed.generation() and changed.least_tokens == 4096
    with pytest.raises(ConfigError, match="the untrained base has no variant 'other'; it has default and bare"):
        found.grid.check_key(Key("base", "small", "other", 1), "cell")


def test_a_kill_may_be_followed_by_other_settings_of_speed_and_no_others():
    def depends(**evaluation: object) -> str:
        found = study(minimal(evaluation=evaluation))
        return found.recipes.answers(found.grid.cell(KEY))

    assert depends(batch_size=7) == depends(batch_size=9) == depends(limit=3)
    assert len({depends(), depends(top_k=3), depends(seed=4), depends(backend="vllm")}) == 4


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
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(EvalError, match=r"is 4, but the job has 0 GPUs \(all are hidden\)"):
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


def sampled(number: int, tokens: int = 3, ended: bool = True, **change: object) -> Sampled:
    reply = Reply("text", tokens, ended, GENERATION, number, [7, 8], [], dict(NEUTRAL))
    return Sampled("prompt", tokens, not ended, GENERATION, replace(reply, **change))


WRONG = {
    "other": ({"others": NEUTRAL | {"repetition_penalty": 1.1}}, r"row 1: was sampled with repetition_penalty=1.1"),
    "bars": ({"barred": [7]}, "row 1: 1 tokens were barred, not 2"),
    "drawn": ({"broke": [8]}, r"row 1: barred tokens were sampled: \[8\]"),
    "seed": ({"seed": 0}, "1 seeds for 2 questions"),
    "none": ({"seed": None}, "1 seeds for 2 questions"),
}


@pytest.mark.parametrize("case", WRONG)
def test_answers_that_were_sampled_otherwise_are_refused(case: str):
    change, line = WRONG[case]
    answers = {("mmmu_val", 0): sampled(0), ("mmmu_val", 1): sampled(1)}
    check_answers(answers, (7, 8))
    answers["mmmu_val", 1] = sampled(1, **change)
    with pytest.raises(EvalError, match=line):
        check_answers(answers, (7, 8))


def test_answers_that_were_cut_are_counted_and_no_error():
    answers = {
        ("mmmu_val", 0): sampled(0, tokens=8, ended=False),  # the limit asked for
        ("mmmu_val", 1): sampled(1, tokens=5, ended=False),  # no more room
        ("mmmu_val", 2): Sampled("prompt", 0, True, GENERATION, None),  # no room at all: it was never asked
        ("mmmu_val", 3): sampled(3),
    }
    check_answers(answers, (7, 8))
    assert cut_by_length(answers) == {"cut_by_max_model_len": 2, "prompt_too_long": 1}


def test_a_reply_can_be_written_down_whatever_the_engine_held():
    given = {"temperature": 1.0, "top_p": 1.0, "top_k": -1, "presence_penalty": 0.0, "max_tokens": 8}
    params = SimpleNamespace(
        **NEUTRAL | given | {"structured_outputs": object()}, seed=3, logit_bias={9: -100.0, 4: 1.0}
    )
    completion = SimpleNamespace(text="a", token_ids=(1, 9), finish_reason="length")
    found = reply_of(SimpleNamespace(outputs=[completion]), params)
    assert (found.tokens, found.ended, found.barred, found.broke) == (2, False, [9], [9])
    assert found.held["top_k"] == 0 and "object" in found.others["structured_outputs"]
    assert Reply(**json.loads(json.dumps(asdict(found)))) == found


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
