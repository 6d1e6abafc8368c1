"""The controls by hand: where oracle, anti-oracle and entropy put the advantage of a rollout."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from methods.anti_oracle import AntiOracle
from methods.base import Rollouts
from methods.engines.shared.problems import Problem
from methods.engines.shared.token_labels import with_labels
from methods.entropy import Entropy
from methods.grpo import Grpo
from methods.oracle import Oracle
from tests.helpers.method_batches import random_rollouts

# A right rollout, a wrong one, one that cannot be read and one of a group that is all right; token by token.
DECISIVE = torch.tensor([[1, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]).float()
SLIPPED = torch.tensor([[0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]).float()
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0]]).float()
READ = torch.tensor([[1.0], [1.0], [0.0], [1.0]])
ADVANTAGE = torch.tensor([2.0, -1.0, -1.0, 0.0])


@pytest.fixture
def batch() -> Rollouts:
    made = random_rollouts(0, groups=1, size=4, length=4)
    labels = {"decisive": DECISIVE, "slipped": SLIPPED, "filler": MASK * READ * (1 - DECISIVE - SLIPPED)}
    return replace(made, mask=MASK, advantage=ADVANTAGE, labels=labels)


def test_the_oracle_credits_what_decided_and_blames_the_slip(batch):
    expected = [[2.0, 0, 2, 0], [0, 0, -1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert torch.equal(Oracle().credit(batch, 0), torch.tensor(expected))


def test_a_share_of_the_credit_goes_everywhere(batch):
    expected = [[2.0, 0.5, 2, 0.5], [-0.25, -0.25, -1, -0.25], [-0.25, -0.25, -0.25, 0], [0, 0, 0, 0]]
    assert torch.equal(Oracle(share=0.25).credit(batch, 0), torch.tensor(expected))
    assert torch.equal(Oracle(share=1.0).credit(batch, 0), Grpo().credit(batch, 0))


def test_the_anti_oracle_credits_the_rest_of_what_can_be_read(batch):
    expected = [[0, 2.0, 0, 2], [0, -1, 0, -1], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert torch.equal(AntiOracle().credit(batch, 0), torch.tensor(expected))


def test_entropy_weighs_by_the_tokens_share_of_its_rollout(batch):
    # Means of .4, .4 and 0 nats; weights 0 (bounded to .5), .75, 1.25, 2 (bounded to 1.5); .5 where nothing is unsure.
    entropy = torch.tensor([[0.0, 0.3, 0.5, 0.8], [0.8, 0.5, 0.3, 0.0], [0.0, 0, 0, 0], [1.0, 1, 0, 0]])
    credit = Entropy(lam=1.0, eps_w=0.5).credit(replace(batch, entropy=entropy), 0)
    expected = [[1.0, 1.5, 2.5, 3], [-1.5, -1.25, -0.75, -0.5], [-0.5, -0.5, -0.5, 0], [0, 0, 0, 0]]
    torch.testing.assert_close(credit, torch.tensor(expected))


def test_entropy_fades_out_as_cepo_does(batch):
    assert torch.equal(Entropy().credit(batch, 25), Grpo().credit(batch, 25))
    assert not torch.equal(Entropy().credit(batch, 24), Grpo().credit(batch, 24))


class Letters:
    """A tokenizer whose token 1 is "a", 2 is "b" and so on."""

    def batch_decode(self, rows: list[list[int]], clean_up_tokenization_spaces: bool) -> list[str]:
        return ["".join(chr(96 + i) for i in row) for row in rows]


def test_labels_come_from_the_texts_of_the_tokens(batch):
    asked = []

    def label(problem: str, tokens: list[str], truncated: bool) -> tuple[list[bool], list[bool]] | None:
        asked.append((problem, tokens, truncated))
        return None if problem == "2" else ([t == "a" for t in tokens], [t == "b" for t in tokens])

    tokens = torch.tensor([[1, 2, 3, 1], [2, 2, 1, 3], [1, 1, 1, 0], [3, 1, 0, 0]])
    problems = [Problem("", str(i), "", "7", ()) for i in range(4)]
    cut = torch.tensor([0.0, 1.0, 0.0, 0.0])
    labels = with_labels(replace(batch, tokens=tokens), problems, cut, Letters(), label).labels  # pyright: ignore
    assert asked[:2] == [("0", ["a", "b", "c", "a"], False), ("1", ["b", "b", "a", "c"], True)]
    assert labels["decisive"].tolist() == [[1, 0, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0]]
    assert labels["slipped"].tolist() == [[0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert labels["filler"].tolist() == [[0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0]]
