"""The five methods once more, from the formulas alone: numpy, plain loops, float64, nothing shared with methods/.

Written from the paper's equations as docs/audit.md lists them, one token at a time, to be compared with the code.
"""

from __future__ import annotations

import math

import numpy as np
from numpy import ndarray


def advantages(
    rewards: list[float], groups: list[int], drop_all_wrong: bool = False, right: list[bool] | None = None
) -> list[float]:
    """(R_i - mean) / (std + 1e-6) in each group; std with n - 1; 0 if std < 1e-4."""
    out = []
    for i in range(len(rewards)):
        same = [j for j in range(len(rewards)) if groups[j] == groups[i]]
        mean = sum(rewards[j] for j in same) / len(same)
        std = math.sqrt(sum((rewards[j] - mean) ** 2 for j in same) / (len(same) - 1))
        none_right = drop_all_wrong and right is not None and not any(right[j] for j in same)
        out.append(0.0 if std < 1e-4 or none_right else (rewards[i] - mean) / (std + 1e-6))
    return out


def grpo(advantage: list[float], lengths: list[int], width: int) -> ndarray:
    """The same advantage on each token of a response."""
    out = np.zeros((len(lengths), width))
    for i, n in enumerate(lengths):
        out[i, :n] = advantage[i]
    return out


def shaped(advantage: list[float], evidence: ndarray, lengths: list[int], lam: float, eps: float) -> ndarray:
    """A ((1 - lam) + lam clip(exp(sign(A) d), 1 - eps, 1 + eps)) on each token of a response."""
    out = np.zeros_like(evidence)
    for i, n in enumerate(lengths):
        for t in range(n):
            sign = (advantage[i] > 0) - (advantage[i] < 0)
            weight = math.exp(max(-20.0, min(20.0, sign * evidence[i, t])))
            weight = max(1 - eps, min(1 + eps, weight))
            out[i, t] = advantage[i] * ((1 - lam) + lam * weight)
    return out


def lam_cepo(step_from_one: int, lam: float, ticks: int) -> float:
    """lam (1 - (s - 1) / T), not below 0."""
    return max(0.0, lam * (1 - (step_from_one - 1) / ticks))


def lam_rlsd(step_from_one: int, lam: float, ticks: int) -> float:
    """lam (1 - s / T), not below 0."""
    return max(0.0, lam * (1 - step_from_one / ticks))


def surrogate(new: float, old: float, credit: float, low: float, high: float, dual: float) -> float:
    """Loss of one token."""
    log_ratio = max(-20.0, min(20.0, new - old))
    ratio = math.exp(log_ratio)
    bounded = max(1 - low, min(1 + high, ratio))
    loss = -min(ratio * credit, bounded * credit)
    if dual and credit < 0:
        loss = min(loss, dual * abs(credit))
    return loss


def mean(loss: ndarray, lengths: list[int], how: str) -> float:
    """Over all tokens, or over each response and then over the responses."""
    rows = [list(loss[i, :n]) for i, n in enumerate(lengths)]
    if how == "token":
        return sum(map(sum, rows)) / sum(map(len, rows))
    return sum(sum(row) / len(row) for row in rows) / len(rows)


def softmax(logits: ndarray, tau: float = 1.0) -> list[float]:
    """Probabilities at temperature tau."""
    top = max(logits)
    powers = [math.exp((x - top) / tau) for x in logits]
    return [p / sum(powers) for p in powers]


def kl_terms(p: list[float], q: list[float]) -> list[float]:
    """Entries of KL(p || q)."""
    return [a * math.log(a / b) if a > 0 else 0.0 for a, b in zip(p, q, strict=True)]


def divergence(kind: str, s: list[float], t: list[float], beta: float = 0.5, clip: float = 0.0) -> float:
    """Of one token, from probabilities."""
    if kind == "forward_kl":
        terms = kl_terms(t, s)
    elif kind == "reverse_kl":
        terms = kl_terms(s, t)
    else:
        m = [(1 - beta) * a + beta * b for a, b in zip(s, t, strict=True)]
        terms = [beta * x + (1 - beta) * y for x, y in zip(kl_terms(t, m), kl_terms(s, m), strict=True)]
    return sum(min(x, clip) if clip else x for x in terms)


def top_k_and_tail(s: list[float], t: list[float], k: int) -> tuple[list[float], list[float]]:
    """Probabilities of the student's k likeliest tokens and of the rest, on both sides."""
    ids = sorted(range(len(s)), key=lambda v: -s[v])[:k]
    return tuple([p[v] for v in ids] + [1 - sum(p[v] for v in ids)] for p in (s, t))  # pyright: ignore[reportReturnType]


def cosine_with_warm_up(step: int, steps: int, warm_up: int) -> float:
    """Share of the peak rate at a step counted from 0."""
    if step < warm_up:
        return (step + 1) / warm_up
    return (1 + math.cos(math.pi * (step - warm_up) / (steps - warm_up))) / 2
