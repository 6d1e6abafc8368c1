"""Rollouts sampled as a tree: which prefixes are continued, what stands for what, and a cell that trains on it."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import pytest
import torch

from contracts.errors import ConfigError
from contracts.records import TrainingStep
from contracts.rollouts import read_rollouts
from methods.base import load_method
from methods.engines.local.clock import Clock
from methods.engines.local.experience import Gatherer
from methods.engines.local.gradients.meter import GradientMeter, GradientSettings
from methods.engines.local.policy import Policy
from methods.engines.local.sample import Sampling, roll_out
from methods.engines.local.services.tree import roll_out_tree
from methods.engines.local.teacher_weights import AdapterTeachers
from methods.engines.shared.problems import load_problems
from methods.engines.shared.prompts import Prompt
from methods.engines.shared.responses import Responses
from methods.shared import seeding
from methods.shared.limits import check_engine_gives
from methods.shared.rewards import Grader
from methods.shared.rollout_tree import RolloutTree
from tests.methods.engines.local.test_local_train import OPTIONS, decisive, make_cell, run, same_bits, stop_after_two

pytestmark = pytest.mark.usefixtures("kept_graders")
TREE = {"branching": "2-2", "segment_length": 4}
PROMPTS = [Prompt((5, 6), (), torch.tensor([[0, 1]] * 3)), Prompt((7,), (), torch.tensor([[0]] * 3))]
END = 9


class Written:
    """A sampler that writes what it is told: per call, the tokens of each response; END ends one."""

    def __init__(self, *calls: Sequence[tuple[int, ...]]) -> None:
        self.calls, self.asked = list(calls), []

    def __call__(self, policy, prompts, sampling, seed, size) -> Responses:
        self.asked.append(([prompt.ids for prompt in prompts], sampling.copies, sampling.max_tokens, seed))
        rows = self.calls.pop(0)
        assert len(rows) == len(prompts) * sampling.copies
        length = max(map(len, rows))
        tokens = torch.tensor([[*row, *[0] * (length - len(row))] for row in rows])
        owner = torch.arange(len(prompts)).repeat_interleave(sampling.copies)
        truncated = torch.tensor([float(row[-1] != END) for row in rows])
        return Responses(tokens, (tokens > 0).float(), -tokens.float(), tokens / 2, owner, truncated)


def grown(sampler: Written, sampling: Sampling, branching: tuple[int, ...] = (2, 2)) -> tuple[Responses, int]:
    return roll_out_tree(RolloutTree(branching, 2), sampler, SimpleNamespace(), PROMPTS, sampling, 3, 8)  # pyright: ignore


def test_open_nodes_are_continued_and_ended_ones_stand_for_their_leaves():
    sampler = Written([(1, 1), (2, END), (3, END), (4, 4)], [(1, END), (2, 2, 2), (END,), (5, END)])
    responses, sampled = grown(sampler, Sampling(1.0, 5))
    assert responses.every_id() == [
        (1, 1, 1, END), (1, 1, 2, 2, 2), (2, END), (2, END),
        (3, END), (3, END), (4, 4, END), (4, 4, 5, END),
    ]  # fmt: skip
    assert responses.owner.tolist() == [0] * 4 + [1] * 4
    assert responses.truncated.tolist() == [0, 1, 0, 0, 0, 0, 0, 0]
    assert torch.equal(responses.logp, -responses.tokens.float())
    assert torch.equal(responses.entropy, responses.tokens / 2)
    assert sampled == 4 * 2 + 2 + 3 + 1 + 2
    (first, copies, limit, seed), (second, *others, later) = sampler.asked
    assert (first, copies, limit) == ([(5, 6), (7,)], 2, 2)
    assert (second, others) == ([(5, 6, 1, 1), (7, 4, 4)], [2, 3])  # three tokens are left of five
    assert (seed, later) == (seeding.stream(3, "branch", 0), seeding.stream(3, "branch", 1))


def test_a_node_without_room_is_not_continued():
    """Two tokens of segment and prompts of two and one: a total limit of four ends the first problem's responses."""
    sampler = Written([(1, 1), (2, 2), (3, 3), (4, 4)], [(6,), (7,), (8,), (6,)])
    responses, _ = grown(sampler, Sampling(1.0, 5, max_total=4))
    assert responses.every_id()[:4] == [(1, 1)] * 2 + [(2, 2)] * 2
    assert responses.truncated.tolist() == [1.0] * 8
    assert sampler.asked[1][0] == [(7, 3, 3), (7, 4, 4)]


def test_nothing_is_asked_once_all_have_ended():
    sampler = Written([(END,), (2, END), (3, END), (END,)])
    responses, sampled = grown(sampler, Sampling(1.0, 5), (2, 3, 2))
    assert (len(responses.mask), sampled, len(sampler.asked)) == (2 * 12, 6, 1)


@pytest.fixture(scope="module")
def policy(tiny_base) -> Policy:
    return Policy(tiny_base, load_method("spo", OPTIONS | TREE), "cpu", "float32", seed=1)


def gatherer(policy: Policy, grader: Grader, **options) -> Gatherer:
    return Gatherer(policy, load_method("spo", OPTIONS | TREE | options), grader, AdapterTeachers(policy, set()), 8)


def test_near_temperature_0_the_tree_is_the_one_response(policy, micro_data):
    problems = load_problems(micro_data / "train.parquet")[:2]
    with Grader() as grader:
        own = gatherer(policy, grader, temperature=1e-3)
        sample = own.sample(problems, 0, 1, Clock())
        alone = roll_out(policy, sample.prompts, Sampling(1e-3, own.method.max_response), seed=5, size=8)
    wanted = [ids for ids in alone.every_id() for _ in range(4)]
    assert sample.responses.every_id() == wanted
    torch.testing.assert_close(sample.responses.logp, alone.logp.repeat_interleave(4, 0), atol=1e-4, rtol=0)


def test_leaves_share_their_beginnings_and_the_cost_says_so(policy, micro_data):
    problems = load_problems(micro_data / "train.parquet")[:3]
    with Grader() as grader:
        own = gatherer(policy, grader)
        first, again = (own.gather(problems, 0, 1, Clock()) for _ in range(2))
    batch, ids = first.rollouts, first.responses.every_id()
    assert batch.leaf.tolist() == [0, 1, 2, 3] * 3
    pairs = list(zip(ids[::2], ids[1::2], strict=True))
    assert all(left[:4] == right[:4] for left, right in pairs)
    assert any(left != right for left, right in pairs)
    shared = sum(min(4, len(left)) if left[:4] != left or len(left) == 4 else len(left) for left, _ in pairs)
    assert first.extra_tokens == -shared
    assert torch.equal(first.responses.tokens, again.responses.tokens)


def test_a_cell_trains_resumes_with_the_same_bits_and_keeps_its_rollouts(tiny_base, micro_data, tmp_path):
    cell, whole = make_cell("spo", **TREE, steps=3), tmp_path / "unbroken"
    unbroken = run(cell, tiny_base, micro_data, whole)
    assert any(v.abs().max() > 0 for k, v in unbroken.items() if "lora_B" in k)
    steps = [TrainingStep.model_validate_json(line) for line in (whole / "train.jsonl").read_text().splitlines()]
    assert all(step.extra_tokens < 0 < step.tokens + step.extra_tokens for step in steps)
    stop_after_two(cell, tiny_base, micro_data, tmp_path / "stopped")
    assert same_bits(run(cell, tiny_base, micro_data, tmp_path / "stopped"), unbroken)
    assert decisive(tmp_path / "stopped" / "train.jsonl")[2] == decisive(whole / "train.jsonl")[2]
    kept = read_rollouts(whole / "rollouts.parquet")
    assert kept == read_rollouts(tmp_path / "stopped" / "rollouts.parquet")


def test_easyr1_and_measurements_on_shared_rollouts_refuse_it_in_one_line(policy, micro_data):
    with pytest.raises(ConfigError, match=r"^engine: spo needs rollouts sampled as a tree, which easyr1 does not samp"):
        check_engine_gives("easyr1", "branched", "spo")
    methods = {name: load_method(name, OPTIONS | own) for name, own in {"grpo": {}, "spo": TREE}.items()}
    problems = load_problems(micro_data / "train.parquet")
    with (
        Grader() as grader,
        pytest.raises(ConfigError, match=r"^methods: spo would sample a tree of rollouts, and"),
    ):
        GradientMeter(policy, methods, problems, grader, GradientSettings(prompts=2, group_size=4), 1)
