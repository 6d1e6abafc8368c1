"""Switches of the audit that a formula does not show: each value alone changes what is trained or evaluated."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from contracts.errors import TrainError
from contracts.records import Cell, Run, TrainingStep
from methods.base import Method, load_method
from methods.engines.local.experience import look_at, student_context
from methods.engines.local.policy import Policy
from methods.engines.local.sample import Sampling, roll_out
from methods.engines.local.teacher_weights import frozen
from methods.engines.local.train import train
from methods.engines.shared.balance import balanced, balanced_minibatches
from methods.engines.shared.best_checkpoint import best_step
from methods.engines.shared.minibatches import minibatches
from methods.engines.shared.problems import load_problems
from methods.engines.shared.responses import Responses
from methods.engines.shared.settings import SharedSettings

pytestmark = pytest.mark.usefixtures("kept_graders")
OPTIONS = {"reward": "accuracy_format", "lr": 1e-2, "steps": 2, "prompts": 4, "group_size": 4, "max_response": 16}
OPTIONS |= {"minibatch_prompts": 2, "warmup_steps": 0, "temperature": 1.0}
SETTINGS = SharedSettings(checkpoint_every=2, validate_every=1, validation_problems=4)


def trained(base: Path, data: Path, out: Path, method: str, **options) -> dict[str, torch.Tensor]:
    """The adapter of a small run."""
    cell = Cell(
        world="micro", engine="local", method=method, scale="small", seed=1, model_name="tiny",
        options=OPTIONS | options, digests={},
    )  # fmt: skip
    train(cell, data / "train.parquet", data / "validation.parquet", base, out, SETTINGS)
    return load_file(out / "adapter" / "adapter_model.safetensors")


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


@pytest.fixture(scope="module")
def default(tiny_base: Path, micro_data: Path, tmp_path_factory: pytest.TempPathFactory):
    """Adapters of the methods at these tests' defaults, trained once each."""
    made: dict[str, dict[str, torch.Tensor]] = {}

    def adapter(method: str) -> dict[str, torch.Tensor]:
        if method not in made:
            made[method] = trained(tiny_base, micro_data, tmp_path_factory.mktemp(method), method)
        return made[method]

    return adapter


@pytest.mark.parametrize(
    ("method", "change"),
    [
        ("opsd", {"student_image": False}),
        ("sdpo", {"student_image": False}),
        ("grpo", {"score_dtype": "bfloat16"}),
        ("opsd", {"score_dtype": "bfloat16"}),
        ("grpo", {"lora_alpha": 64}),
        ("opsd", {"teacher_positions": "arange"}),
        ("grpo", {"minibatch_order": "length_balanced"}),
    ],
    ids=str,
)
def test_a_switch_alone_changes_the_adapter(default, tiny_base, micro_data, tmp_path, method, change):
    assert not same(default(method), trained(tiny_base, micro_data, tmp_path, method, **change))


def test_the_evaluated_weights_are_no_matter_of_training(default, tiny_base, micro_data, tmp_path):
    assert same(default("grpo"), trained(tiny_base, micro_data, tmp_path, "grpo", eval_weights="merged_bf16"))


def test_bfloat16_scores_leave_the_first_ratio_near_one(tiny_base, micro_data, tmp_path):
    options = {"score_dtype": "bfloat16", "prompts": 16, "minibatch_prompts": 16, "clip_high": 0.02, "max_response": 32}
    trained(tiny_base, micro_data, tmp_path, "grpo", **options)
    first = TrainingStep.model_validate_json((tmp_path / "train.jsonl").read_text().splitlines()[0])
    assert first.clip_high == 0.0  # old and new log-probs are rounded alike
    assert first.seconds["score"] > 0


def a_step(number: int, accuracy: float | None) -> TrainingStep:
    values = dict.fromkeys(("reward_mean", "accuracy", "format_rate", "all_right", "mixed", "all_wrong"), 0.5)
    values |= dict.fromkeys(("response_length", "truncated", "loss", "grad_norm", "lr", "entropy", "delta_w"), 0.0)
    return TrainingStep(step=number, tokens=1, seconds={}, val_accuracy=accuracy, **values)


def test_the_best_step_is_the_first_of_equals():
    steps = [a_step(1, 0.2), a_step(2, None), a_step(3, 0.5), a_step(4, 0.5), a_step(5, 0.4)]
    assert best_step(steps) == 3
    assert best_step([a_step(1, None)]) is None
    assert best_step([a_step(1, 0.0)]) == 1


def test_the_best_checkpoint_is_that_of_a_run_stopped_there(default, tiny_base, micro_data, tmp_path):
    # On these few problems the untrained model is never right, so the first validated step is the best of equals.
    best = trained(tiny_base, micro_data, tmp_path / "best", "grpo", checkpoint="best_val", lr_schedule="constant")
    run = Run.model_validate_json((tmp_path / "best" / "run.json").read_text())
    assert run.adapter_step == 1
    one = trained(tiny_base, micro_data, tmp_path / "one", "grpo", steps=1, lr_schedule="constant")
    last = trained(tiny_base, micro_data, tmp_path / "last", "grpo", lr_schedule="constant")
    assert same(best, one)
    assert not same(best, last)


def test_the_best_checkpoint_needs_validation(tiny_base, micro_data, tmp_path):
    cell = Cell(
        world="micro", engine="local", method="grpo", scale="small", seed=1, model_name="tiny",
        options=OPTIONS | {"checkpoint": "best_val", "steps": 1}, digests={},
    )  # fmt: skip
    files = (micro_data / "train.parquet", micro_data / "validation.parquet", tiny_base, tmp_path)
    with pytest.raises(TrainError, match=r"no step was validated.*validation_problems above 0"):
        train(cell, *files, SharedSettings(validation_problems=0))


@pytest.fixture(scope="module")
def policy(tiny_base: Path) -> Policy:
    return Policy(tiny_base, Method(), "cpu", "float32", seed=0)


def rollouts(policy: Policy, data: Path, **limits) -> tuple[Responses, list[int]]:
    """Responses of at most 12 tokens, and the length of each one's prompt."""
    problems = load_problems(data / "train.parquet")[:6]
    looks = look_at(policy, problems)
    prompts = [student_context(policy, Method(), p, v) for p, v in zip(problems, looks, strict=True)]
    with frozen(policy):
        responses = roll_out(policy, prompts, Sampling(1.0, 12, 2, **limits), seed=3, size=256)
    return responses, [len(prompts[o].ids) for o in responses.owner.tolist()]


def test_a_total_limit_cuts_what_prompt_and_response_have_together(policy, micro_data):
    free, prompts = rollouts(policy, micro_data)
    total = min(prompts) + 9
    cut, _ = rollouts(policy, micro_data, max_total=total)
    for row, prompt in enumerate(prompts):
        room = min(12, total - prompt)
        assert cut.ids(row) == free.ids(row)[:room]  # the same tokens as without the limit, but fewer
        assert bool(cut.truncated[row]) == (len(free.ids(row)) > room or bool(free.truncated[row]))
    assert any(len(cut.ids(row)) < len(free.ids(row)) for row in range(len(prompts)))


def test_a_response_cut_as_released_ends_in_one_counted_padding_token(policy, micro_data):
    free, prompts = rollouts(policy, micro_data)
    total = min(prompts) + 9
    plain, _ = rollouts(policy, micro_data, max_total=total)
    ended, _ = rollouts(policy, micro_data, max_total=total, cut_adds_end=True)
    seen = 0
    for row, prompt in enumerate(prompts):
        room = total - prompt
        if room < 12 and len(free.ids(row)) > room:
            assert ended.ids(row) == (*plain.ids(row), policy.pad_token)
            assert ended.logp[row, room] < 0
            assert ended.truncated[row] == 1
            seen += 1
        else:
            assert ended.ids(row) == plain.ids(row)
    assert seen


def test_length_balance_by_hand():
    # Longest first, each to the part with the fewest tokens that has room: 9 | 8, 7 -> second, 1 -> first
    assert balanced([9, 1, 8, 7], parts=2) == [[0, 1], [2, 3]]
    assert balanced_minibatches([9, 1, 8, 7], size=2) == [[0, 2], [1, 3]]


@pytest.mark.parametrize("count", [8, 16, 30, 256])
def test_length_balanced_minibatches_share_out_all_rollouts(count: int):
    method = load_method(
        "grpo", {"minibatch_order": "length_balanced", "minibatch_prompts": count // 4, "group_size": 2}
    )
    lengths = torch.randint(1, 60, (count,), generator=torch.Generator().manual_seed(0))
    parts = list(minibatches(method, torch.arange(count) // 2, lengths, seed=1, step=0))
    assert sorted(torch.cat(parts).tolist()) == list(range(count))
    assert max(len(p) for p in parts) - min(len(p) for p in parts) <= 8
    again = list(minibatches(method, torch.arange(count) // 2, lengths, seed=2, step=5))
    assert all(torch.equal(a, b) for a, b in zip(parts, again, strict=True))  # lengths decide, nothing is drawn
