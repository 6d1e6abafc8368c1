"""The variance of a mean, split by its sources, and the half-width of a 95 % interval. No torch.

A mean over S seeds and N questions differs from the truth for three reasons: the questions that a benchmark happens to
contain, the seeds with which a model happened to be trained, and chance in single answers. Each is estimated from the
table of answers, seeds by questions (crossed random effects, analysis of variance). A seed decides the base model's
draw, the order of problems, the adapter's start, the rollouts and the evaluation, so the variance between seeds
contains all of them. In a difference that is paired by seed, what a draw of the base adds to both sides cancels; what
it adds to one method only stays.

The parts of questions and chance are known well, because there are many questions; the part of seeds is not, because
there are few seeds. So each part has its own quantile of Student's t, and their squares are added (Banerjee 1960):

    half^2 = t_Q^2 questions + max(t_Q^2 chance / 2, t_(S-1)^2 seen / (1 + (0.3 (1 - 1/S) known / seen)^4))

``known`` is the variance by questions and chance together; ``seen`` is the variance of the mean that the means of seeds
show. If seeds differ by more than a fraction of ``known``, the interval is that of Student's t over seeds. If they
differ by less, the last factor makes it shorter, but slowly: two or three seeds that happen to agree do not prove that
all seeds agree. The constants 0.3, 4 and 1/2 are ours. They were chosen so that intervals cover the truth for every
ratio of the parts: if the parts of questions and chance are known, they cover 93.1 to 97.0 % with two seeds, 94.7 to
96.7 % with three, and 93.5 to 96.3 % with four to twenty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from evals.statistics.panels import Panel, Term

Weights = Mapping[str, float]  # of benchmarks in a contrast; 1/K each for an average of K
DOUBT = 0.3  # share of ``known`` with which the variance between seeds is compared, for many seeds
STEEPNESS = 4  # exponent of the transition between the two cases
NOISE_SHARE = 0.5  # share of chance in answers that counts even if seeds agree


@dataclass(frozen=True)
class SeedVariance:
    """What the seeds of one term show about the variance of the contrast."""

    seen: float  # variance that the means of seeds show: real differences of seeds, and chance in answers
    chance: float  # the part of ``seen`` that is chance in answers
    seeds: int  # at least 2

    def squared(self, known: float, quantile: float, level: float) -> float:
        """This term's part of the squared half-width. ``known``: variance by questions and chance together."""
        df = self.seeds - 1
        student = quantile_of(df, level)
        doubt = DOUBT * known * df / self.seeds
        seen = student**2 * self.seen / (1 + (doubt / self.seen) ** STEEPNESS) if self.seen else 0.0
        return max(NOISE_SHARE * quantile**2 * self.chance, seen)

    def scaled(self, seeds: int) -> SeedVariance:
        """The variances that ``seeds`` seeds would show on average, if these seeds are typical."""
        between = max(self.seen, self.chance) * self.seeds / seeds
        return SeedVariance(between, self.chance * self.seeds / seeds, seeds)


@dataclass(frozen=True)
class ContrastVariance:
    """Variance of a contrast, split by its sources."""

    known: float  # variance by questions and chance in answers
    df: float  # degrees of freedom of ``known``
    terms: tuple[SeedVariance, ...]  # terms with at least two seeds; without any, only questions count

    @property
    def questions(self) -> float:
        """Variance by questions, which more seeds would not reduce."""
        return max(self.known - sum(term.chance for term in self.terms), 0.0)

    @property
    def total(self) -> float:
        """Variance of the contrast."""
        return self.questions + sum(max(term.seen, term.chance) for term in self.terms)

    def half_width(self, level: float = 0.95) -> float:
        """Half the length of the interval; the formula is at the top of this file."""
        quantile = quantile_of(self.df, level)
        seeds = sum(term.squared(self.known, quantile, level) for term in self.terms)
        return float((quantile**2 * self.questions + seeds) ** 0.5)

    def at_least(self, variance: float) -> ContrastVariance:
        """Return this variance with ``known`` raised to at least ``variance``."""
        return ContrastVariance(max(self.known, variance), self.df, self.terms)

    def with_seeds(self, seeds: int) -> ContrastVariance:
        """The same contrast with ``seeds`` >= 2 seeds in every term.

        With one seed the three sources cannot be separated. All variance then counts as chance, which more seeds
        reduce, so the result is a lower bound.
        """
        terms = self.terms or (SeedVariance(self.known, self.known, 1),)
        scaled = tuple(term.scaled(seeds) for term in terms)
        questions = self.questions if self.terms else 0.0
        return ContrastVariance(questions + sum(term.chance for term in scaled), self.df, scaled)


def quantile_of(df: float, level: float) -> float:
    """Number of standard errors that contain the central ``level`` of Student's t."""
    return float(special.stdtrit(df, (1 + level) / 2))


def variance_of(terms: Sequence[Term], weights: Weights) -> ContrastVariance:
    """Variance of the sum over ``terms`` of the weighted means of their benchmarks."""
    parts = [(_known([term[name] for term in terms]) * weight**2, terms[0][name]) for name, weight in weights.items()]
    known = sum(part for part, _ in parts)
    uncertainty = sum(part**2 / max(len(panel.sizes) - 1, 1) for part, panel in parts)
    seeds = tuple(part for term in terms if (part := _seeds(term, weights)))
    return ContrastVariance(known, known**2 / uncertainty if uncertainty else float("inf"), seeds)


def _known(panels: Sequence[Panel]) -> float:
    """Variance by questions and chance of one benchmark. The variants of a seed problem count as one draw."""
    combined = np.sum([panel.influence.mean(axis=0) for panel in panels], axis=0)
    return len(combined) / max(len(combined) - 1, 1) * float(combined @ combined)


def _seeds(term: Term, weights: Weights) -> SeedVariance | None:
    seeds = len(next(iter(term.values())).values)
    if seeds < 2:
        return None
    means = sum(weight * term[name].means for name, weight in weights.items())
    chance = sum(weight**2 * _chance(term[name]) for name, weight in weights.items())
    return SeedVariance(float(np.var(means, ddof=1)) / seeds, chance, seeds)


def _chance(panel: Panel) -> float:
    """Variance of the mean over seeds that neither questions nor seeds explain."""
    seeds, count = panel.influence.shape
    rest = panel.influence - panel.influence.mean(axis=0)
    return count / max(count - 1, 1) * float((rest**2).sum()) / (seeds - 1) / seeds
