"""What the engine samples for a method besides its rollouts: groups drawn again, and values of prefixes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from contracts.records import TrainingStep
from methods.base import load_method
from methods.engines.local.clock import Clock
from methods.engines.local.experience import Drawn, Gatherer
from methods.engines.local.policy import Policy
from methods.engines.local.redraw import draw_until_mixed, further_problems, joined, mixed_groups
from methods.engines.local.sample import Sampling, roll_out
from methods.engines.local.teacher_weights import AdapterTeachers
from methods.engines.shared.prefix_values import asked_prefixes, completions
from methods.engines.shared.problems import load_problems
from methods.engines.shared.prompts import Prompt, continued
from methods.engines.shared.responses import Responses
from methods.shared.references import Member
from methods.shared.rewards import Grader
from tests.helpers.scored_credit import check_scored
from tests.methods.engines.local.test_local_train import OPTIONS, make_cell, run

pytestmark = pytest.mark.usefixtures("kept_graders")
VALUED = {"vineppo": {"continuations": 2}, "spo": {"continuations": 2, "cut_interval": 4}}


def responses(*rows: tuple[int, ...], owner: list[int]) -> Responses:
    """Responses of the given tokens; log-probs and entropies are the tokens too, to see where they go."""
    length = max(map(len, rows))
    tokens = torch.tensor([[*row, *[0] * (length - len(row))] for row in rows])
    mask = (tokens > 0).float()
    return Responses(tokens, mask, tokens.float(), tokens.float(), torch.tensor(owner), torch.zeros(len(rows)))


def drawn(names: str, right: list[bool], tokens: int) -> Drawn:
    """Two rollouts to each problem of ``names``; all of the response's tokens are ``tokens``."""
    rows = [(tokens,) * (place + 1) for place in range(2 * len(names))]
    owner = [place // 2 for place in range(2 * len(names))]
    members = [Member("5", ok, float(ok), row, "") for ok, row in zip(right, rows, strict=True)]
    return Drawn(list(names), [[] for _ in names], list(names), responses(*rows, owner=owner), members, 0)


def test_mixed_groups_stay_fresh_mixed_ones_come_next_and_lost_tokens_are_counted():
    first = drawn("abc", [True, True, True, False, False, False], tokens=1)
    more = drawn("de", [False, True, True, True], tokens=2)
    assert (mixed_groups(first), mixed_groups(more)) == ([1], [0])
    kept, lost = joined(first, [1], more, [0])
    assert kept.problems == ["b", "d", "a"]
    assert kept.responses.owner.tolist() == [0, 0, 1, 1, 2, 2]
    assert kept.responses.mask.sum(1).tolist() == [3, 4, 1, 2, 1, 2]
    assert kept.responses.tokens.max(1).values.tolist() == [1, 1, 2, 2, 1, 1]
    assert [m.correct for m in kept.members] == [True, False, False, True, True, True]
    assert lost == (1 + 2 + 3 + 4 + 5 + 6) + (1 + 2 + 3 + 4) - (3 + 4 + 1 + 2 + 1 + 2)


def test_further_problems_are_all_the_others_once():
    rows = further_problems(10, [3, 7], seed=1, step=4)
    assert sorted(rows) == [0, 1, 2, 4, 5, 6, 8, 9]
    assert rows == further_problems(10, [3, 7], seed=1, step=4) != further_problems(10, [3, 7], seed=1, step=5)


def test_rollouts_that_begin_alike_share_a_prefix_and_its_value():
    batch = responses((1, 2, 3), (1, 2, 4), (1, 2, 3), owner=[0, 0, 1])
    known = torch.tensor([[True, True, False], [False, True, False], [False, True, False]])
    asked = asked_prefixes(known, batch, problems=2)
    assert asked.distinct == [(0, ()), (1, ()), (0, (1,)), (0, (1, 2)), (1, (1, 2))]
    values = asked.spread(torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5]))
    torch.testing.assert_close(values["prefix"], torch.tensor([[0.3, 0.4, 0], [0, 0.4, 0], [0, 0.5, 0]]))
    torch.testing.assert_close(values["start"], torch.tensor([0.1, 0.1, 0.2]))
    sampled = responses((9,), (8, 8), (7,), (7,), (6,), (6,), (5, 5, 5), (5,), (4,), (4,), owner=[0] * 10)
    full = completions(asked, sampled, max_response=4, continuations=2)
    assert full[:2] == [(9,), (8, 8)]
    assert full[6] == (1, 2, 5, 5)  # cut where a rollout would have been cut


def test_a_continued_prompt_counts_its_response_as_text():
    prompt = Prompt((5, 6), (), torch.tensor([[0, 3]] * 3))
    longer = continued(prompt, (7, 8))
    assert longer.ids == (5, 6, 7, 8)
    assert longer.positions.tolist() == [[0, 3, 4, 5]] * 3


@pytest.fixture(scope="module")
def policy(tiny_base) -> Policy:
    return Policy(tiny_base, load_method("vineppo", OPTIONS), "cpu", "float32", seed=1)


def test_continuing_a_prefix_samples_what_the_policy_would(policy, micro_data):
    """At a temperature near 0 the continuation of a prefix of a response is the rest of that response."""
    options = OPTIONS | {"temperature": 1e-3, "continuations": 1}
    method = replace(load_method("vineppo", options), prompts=2)
    problems = load_problems(micro_data / "train.parquet")[:2]
    with Grader() as grader:
        gatherer = Gatherer(policy, method, grader, AdapterTeachers(policy, set()), 8)
        sample = gatherer.sample(problems, 0, 1, Clock())
        ids = sample.responses.every_id()
        known = torch.zeros_like(sample.responses.mask, dtype=torch.bool)
        known[0, 3] = True
        asked = asked_prefixes(known, sample.responses, 2)
        prompts = [continued(sample.prompts[place], prefix) for place, prefix in asked.distinct]
        again = roll_out(policy, prompts, Sampling(1e-3, method.max_response), seed=5, size=8)
        assert completions(asked, again, method.max_response, 1)[-1] == ids[0]


@pytest.mark.parametrize("method", VALUED)
def test_values_are_mean_rewards_of_continuations(method, policy, micro_data):
    wanted = load_method(method, OPTIONS | VALUED[method])
    problems = load_problems(micro_data / "train.parquet")[:3]
    with Grader() as grader:
        gatherer = Gatherer(policy, wanted, grader, AdapterTeachers(policy, set()), 8)
        experience = gatherer.gather(problems, 0, 1, Clock())
        batch = experience.rollouts
    known, prefix, start = (batch.values[name] for name in ("known", "prefix", "start"))
    assert known.any()
    assert (prefix[~known] == 0).all()
    possible = torch.tensor([0.0, 0.05, 0.1, 0.5, 0.55, 1.0])  # means of two rewards out of 0, 0.1 and 1
    for value in [*prefix[known].tolist(), *start.tolist()]:
        assert (possible - value).abs().min() < 1e-6
    assert len(start.view(3, -1).unique(dim=1)[0]) == 1
    assert experience.extra_tokens is not None
    assert experience.extra_tokens > 0
    assert torch.equal(gatherer.gather(problems, 0, 1, Clock()).rollouts.values["prefix"], prefix)


def test_groups_are_drawn_until_they_are_mixed_or_draws_end(policy, micro_data):
    """The untrained base is never right, so every draw is spent and the first groups stay."""
    method = load_method("dapo", OPTIONS | {"max_draws": 2})
    problems = load_problems(micro_data / "train.parquet")
    with Grader() as grader:
        gatherer = Gatherer(policy, method, grader, AdapterTeachers(policy, set()), 8)
        sample = draw_until_mixed(gatherer, problems, [0, 1, 2, 3], 0, 1, Clock())
    assert sample.problems == problems[:4]
    assert sample.extra_tokens is not None
    assert sample.extra_tokens > 0


@pytest.mark.parametrize("method", ["dapo", *VALUED])
def test_a_cell_trains_and_says_what_it_sampled_besides(method, tiny_base, micro_data, tmp_path):
    options = VALUED.get(method, {"max_draws": 2}) | {"steps": 2}
    first = run(make_cell(method, **options), tiny_base, micro_data, tmp_path)
    assert any(v.abs().max() > 0 for k, v in first.items() if "lora_B" in k)
    steps = [TrainingStep.model_validate_json(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert all(step.extra_tokens for step in steps)
    check_scored(tmp_path, steps=2)
