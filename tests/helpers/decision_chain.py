"""A chain of D independent decisions, whose expected gradient, noise and oracle ratio are known exactly.

Each decision is right with probability p (one logit each) and the answer is right if all are: accuracy r = p^D. The
gradient of decision d's log-probability is a_d - p, with a_d = 1 if it was right. The advantage of a rollout is
(reward - r) / sqrt(r (1 - r)): GRPO gives it to every decision, the oracle only to the slips of a wrong rollout.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class DecisionChain:
    """D decisions with one accuracy of the answer, ``accuracy``."""

    decisions: int
    accuracy: float

    @property
    def right(self) -> float:
        """p, the probability that one decision is right."""
        return self.accuracy ** (1 / self.decisions)

    def draw(self, rng: np.random.Generator, batches: int, rollouts: int) -> Float[np.ndarray, "K 2 D"]:
        """Mean gradients over the rollouts of each batch, of GRPO and of the oracle."""
        right = rng.random((batches, rollouts, self.decisions)) < self.right
        reward = right.all(-1, keepdims=True)
        advantage = (reward - self.accuracy) / np.sqrt(self.accuracy * (1 - self.accuracy))
        uniform = advantage * (right - self.right)
        return np.stack([uniform.mean(1), np.where(reward | ~right, uniform, 0.0).mean(1)], axis=1)

    def signal(self, oracle: bool) -> float:
        """|E g|^2 in closed form.

        GRPO: E g_d = r (1 - p) / s, s = sqrt(r (1 - r)). A right rollout gives (1 - r) r (1 - p) / s of it, and a slip
        r p (1 - p) / s to the oracle, so that the oracle's is (1 - r + p) times GRPO's.
        """
        r, p = self.accuracy, self.right
        per_decision = r * (1 - p) / np.sqrt(r * (1 - r)) * (1 - r + p if oracle else 1.0)
        return self.decisions * per_decision**2

    def power(self, oracle: bool) -> float:
        """E |g|^2 of one rollout in closed form: of the right rollouts, and of the wrong ones."""
        r, p = self.accuracy, self.right
        of_right = (1 - r) ** 2 * r * (1 - p) ** 2
        of_wrong = r**2 * ((1 - p) * p**2 if oracle else p * (1 - p) - r * (1 - p) ** 2)
        return self.decisions * (of_right + of_wrong) / (r * (1 - r))

    def snr(self, oracle: bool, rollouts: int) -> float:
        """Signal to noise of the mean of ``rollouts``."""
        signal = self.signal(oracle)
        return rollouts * signal / (self.power(oracle) - signal)

    def cosine(self, oracle: bool) -> float:
        """Of one rollout's gradient and the expected gradient: sqrt(signal / power)."""
        return float(np.sqrt(self.signal(oracle) / self.power(oracle)))
