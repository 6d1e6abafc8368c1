"""How far off a mean may be: its variance by source, and the half-width of a 95 % interval. No torch.

A mean over S seeds and N questions is off for three reasons, each estimated from the two-way table of answers (crossed
random effects, analysis of variance): the questions a benchmark happens to hold, the seeds a model happened to be
trained with, and chance in single answers. A seed decides the base model's draw, the order of problems, the adapter's
start, the rollouts and the evaluation: the variance between seeds holds them all. In a difference that is paired by
seed, what one base draw adds to both sides cancels; what it adds to one method only stays.

What questions and chance contribute is known well, there being many of both; what seeds contribute is
not, there being few. So each part has its own quantile of Student's t, and their squares add up, as in Banerjee (1960):

    half^2 = t_Q^2 questions + max(t_Q^2 chance / 2, t_(S-1)^2 seen / (1 + (0.3 (1 - 1/S) known / seen)^4))

``known`` is questions and chance together, ``seen`` the variance of the mean that seed means show by themselves. Seeds
that differ by more than a fraction of ``known`` get Student's t over seeds; where they differ by less, the last factor
says how little S seeds can tell: two or three that happen to agree are no proof that all do. The constants 0.3, 4 and
1/2 are ours, chosen so that intervals hold for every ratio of the parts: with the parts of questions and chance known,
they cover 93.1 to 97.0 % with two seeds, 94.7 to 96.7 % with three, 93.5 to 96.3 % with four to twenty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from evals.statistics.panels import Panel, Term

Weights = Mapping[str, float]  # of benchmarks in a contrast; 1/K each for an average of K
DOUBT = 0.3  # of the part that is known: what the variance between seeds is measured against, for many seeds
STEEPNESS = 4  # of the step from seeds that say little to seeds that decide
NOISE_SHARE = 0.5  # of chance in answers that counts whatever the seeds show


@dataclass(frozen=True)
class SeedVariance:
    """One term's seeds; variances of the contrast."""

    seen: float  # that seed means show: true differences of seeds, and chance in answers
    chance: float  # of which chance in answers
    seeds: int  # at least 2

    def squared(self, known: float, quantile: float, level: float) -> float:
        """This term's part of the squared half-width; ``known``: variance by questions and chance together."""
        df = self.seeds - 1
        student = quantile_of(df, level)
        doubt = DOUBT * known * df / self.seeds
        seen = student**2 * self.seen / (1 + (doubt / self.seen) ** STEEPNESS) if self.seen else 0.0
        return max(NOISE_SHARE * quantile**2 * self.chance, seen)

    def scaled(self, seeds: int) -> SeedVariance:
        """What ``seeds`` seeds would show on average, if these seeds are typical."""
        between = max(self.seen, self.chance) * self.seeds / seeds
        return SeedVariance(between, self.chance * self.seeds / seeds, seeds)


@dataclass(frozen=True)
class ContrastVariance:
    """Variance of a contrast by source."""

    known: float  # questions, and chance in answers
    df: float  # of ``known``
    terms: tuple[SeedVariance, ...]  # of those with two seeds and more; none: the variance is that over questions only

    @property
    def questions(self) -> float:
        """Variance that more seeds would not take away."""
        return max(self.known - sum(term.chance for term in self.terms), 0.0)

    @property
    def total(self) -> float:
        """Variance of the contrast."""
        return self.questions + sum(max(term.seen, term.chance) for term in self.terms)

    def half_width(self, level: float = 0.95) -> float:
        """Half the length of the interval; see the head of this file."""
        quantile = quantile_of(self.df, level)
        seeds = sum(term.squared(self.known, quantile, level) for term in self.terms)
        return float((quantile**2 * self.questions + seeds) ** 0.5)

    def at_least(self, variance: float) -> ContrastVariance:
        """With ``known`` no smaller than ``variance``."""
        return ContrastVariance(max(self.known, variance), self.df, self.terms)

    def with_seeds(self, seeds: int) -> ContrastVariance:
        """The same contrast with ``seeds`` >= 2 seeds in every term.

        With one seed nothing tells questions, chance and seeds apart: all is then taken for chance, which more seeds
        take away, so that what follows from it is a lower bound.
        """
        terms = self.terms or (SeedVariance(self.known, self.known, 1),)
        scaled = tuple(term.scaled(seeds) for term in terms)
        questions = self.questions if self.terms else 0.0
        return ContrastVariance(questions + sum(term.chance for term in scaled), self.df, scaled)


def quantile_of(df: float, level: float) -> float:
    """Half-width of the central ``level`` of Student's t, in standard errors."""
    return float(special.stdtrit(df, (1 + level) / 2))


def variance_of(terms: Sequence[Term], weights: Weights) -> ContrastVariance:
    """Variance of the sum over ``terms`` of the weighted means of their benchmarks."""
    parts = [(_known([term[name] for term in terms]) * weight**2, terms[0][name]) for name, weight in weights.items()]
    known = sum(part for part, _ in parts)
    uncertainty = sum(part**2 / max(len(panel.sizes) - 1, 1) for part, panel in parts)
    seeds = tuple(part for term in terms if (part := _seeds(term, weights)))
    return ContrastVariance(known, known**2 / uncertainty if uncertainty else float("inf"), seeds)


def _known(panels: Sequence[Panel]) -> float:
    """Variance by questions and chance of one benchmark's part, seed problems counted as one draw."""
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
    """Variance of the mean over seeds by what neither the question nor the seed decides."""
    seeds, count = panel.influence.shape
    rest = panel.influence - panel.influence.mean(axis=0)
    return count / max(count - 1, 1) * float((rest**2).sum()) / (seeds - 1) / seeds
