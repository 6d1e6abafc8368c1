"""Free choices of words between the numbers of a solution. They say nothing about the answer and hold no digit.

Each choice has base rates of its own, so that a model is unsure of words that do not matter, as language models are.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from random import Random


@dataclass(frozen=True)
class PhraseChoice:
    """Phrases for one place in a solution and how often each is taken, in any unit."""

    texts: tuple[str, ...]
    weights: tuple[int, ...]

    def draw(self, rng: Random | None) -> str:
        """A phrase at its base rate; the commonest one without ``rng``."""
        return self.texts[0] if rng is None else rng.choices(self.texts, self.weights)[0]

    @property
    def entropy(self) -> float:
        """Nats per choice."""
        total = sum(self.weights)
        return -sum(w / total * log(w / total) for w in self.weights)


OPENINGS = PhraseChoice(("", "Let us see. ", "Look here. ", "We start. ", "Well. "), (45, 20, 15, 12, 8))
CONNECTIVES = PhraseChoice(("", "So ", "Then ", "Now ", "Thus "), (52, 19, 13, 9, 7))  # before a calculation
REMARKS = PhraseChoice(("", ", as wanted", ", which is clear", ", that is all"), (60, 18, 12, 10))  # after the last one
WORDINGS = (6, 3, 2)  # weights of the first, second and third wording of a fact


def wording(texts: tuple[str, ...]) -> PhraseChoice:
    """The choice between two or three wordings of one fact, the first being the commonest."""
    return PhraseChoice(texts, WORDINGS[: len(texts)])
