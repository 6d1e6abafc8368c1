"""Divergences between a teacher's and a student's next-token distribution, in nats; gradient through the student only.

All take logits (..., V), which may be log-probs, and return (...). Logits of -inf (barred tokens) are probability 0.
Sources: opsd_trainer.py:373-464 of github.com/siyan-zhao/OPSD @590ec26; verl/trainer/ppo/core_algos.py:1085-1166 of
github.com/lasgroup/SDPO @0e6d510.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

FLOOR = -1e4  # nats; stands for log 0, so that 0 * log 0 is 0 and not NaN

Kind = Literal["forward_kl", "reverse_kl", "jsd"]


def divergence(
    kind: Kind,
    student_logits: Float[Tensor, "*N V"],
    teacher_logits: Float[Tensor, "*N V"],
    beta: float = 0.5,
    tau: float = 1.0,
    token_clip: float = 0.0,
) -> Float[Tensor, "*N"]:
    """The divergence called ``kind``; ``beta`` is used by ``jsd`` only. See the functions of those names."""
    if kind == "forward_kl":
        return forward_kl(student_logits, teacher_logits, tau, token_clip)
    if kind == "reverse_kl":
        return reverse_kl(student_logits, teacher_logits, tau, token_clip)
    return jsd(student_logits, teacher_logits, beta, tau, token_clip)


def forward_kl(
    student_logits: Float[Tensor, "*N V"],
    teacher_logits: Float[Tensor, "*N V"],
    tau: float = 1.0,
    token_clip: float = 0.0,
) -> Float[Tensor, "*N"]:
    """KL(T || S) of the distributions at temperature ``tau``; its gradient is -sum_v T(v) grad log S(v) (OPSD)."""
    student, teacher = log_probs(student_logits, tau), log_probs(teacher_logits.detach(), tau)
    return _total(_kl_terms(teacher, student), token_clip)


def reverse_kl(
    student_logits: Float[Tensor, "*N V"],
    teacher_logits: Float[Tensor, "*N V"],
    tau: float = 1.0,
    token_clip: float = 0.0,
) -> Float[Tensor, "*N"]:
    """KL(S || T) of the distributions at temperature ``tau``."""
    student, teacher = log_probs(student_logits, tau), log_probs(teacher_logits.detach(), tau)
    return _total(_kl_terms(student, teacher), token_clip)


def jsd(
    student_logits: Float[Tensor, "*N V"],
    teacher_logits: Float[Tensor, "*N V"],
    beta: float = 0.5,
    tau: float = 1.0,
    token_clip: float = 0.0,
) -> Float[Tensor, "*N"]:
    """beta KL(T || M) + (1 - beta) KL(S || M), M = (1 - beta) S + beta T, 0 < beta < 1; symmetric at 0.5.

    At ``beta`` -> 0 and 1, divided by beta or 1 - beta, it tends to KL(T || S) and KL(S || T).
    """
    student, teacher = log_probs(student_logits, tau), log_probs(teacher_logits.detach(), tau)
    mixture = torch.logaddexp(student + math.log1p(-beta), teacher + math.log(beta))
    terms = beta * _kl_terms(teacher, mixture) + (1.0 - beta) * _kl_terms(student, mixture)
    return _total(terms, token_clip)


def top_k_and_tail(
    student_logits: Float[Tensor, "*N V"], teacher_logits: Float[Tensor, "*N V"], k: int
) -> tuple[Float[Tensor, "*N K"], Float[Tensor, "*N K"]]:
    """Log-probs of the student's ``k`` likeliest tokens and of all the others together (K = k + 1), for both sides.

    The result can be given to a divergence in place of logits. ``k`` >= V returns the log-probs themselves.
    Official SDPO: core_algos.py:1108-1124 (``add_tail``).
    """
    student, teacher = log_probs(student_logits, 1.0), log_probs(teacher_logits, 1.0)
    if k >= student.shape[-1]:
        return student, teacher
    ids = student.detach().topk(k, dim=-1).indices
    return _bucketed(student, ids), _bucketed(teacher, ids)


def only_top(logits: Float[Tensor, "*N V"], k: int) -> Float[Tensor, "*N V"]:
    """The logits of the ``k`` likeliest tokens and -inf elsewhere: softmax renormalises them. ``k`` >= V: all."""
    if k >= logits.shape[-1]:
        return logits
    kept = logits.topk(k, dim=-1)
    return torch.full_like(logits, float("-inf")).scatter(-1, kept.indices, kept.values)


def log_probs(logits: Float[Tensor, "*N V"], tau: float) -> Float[Tensor, "*N V"]:
    """float32 (or wider) log-probs at temperature ``tau``."""
    logits = logits if logits.dtype == torch.float64 else logits.float()
    return torch.log_softmax(tempered(logits, tau), dim=-1).clamp(min=FLOOR)


def tempered(logits: Float[Tensor, "*N V"], temperature: float) -> Float[Tensor, "*N V"]:
    """Divide logits by the temperature. At 1, which nearly all runs use, this saves a copy of the largest tensor."""
    return logits if temperature == 1 else logits / temperature


def _bucketed(values: Float[Tensor, "*N V"], ids: Int[Tensor, "*N k"]) -> Float[Tensor, "*N K"]:
    """Log-probs of the entries ``ids``, and of all other entries together."""
    tail = values.scatter(-1, ids, FLOOR).logsumexp(-1, keepdim=True)
    return torch.cat([values.gather(-1, ids), tail], dim=-1)


def _kl_terms(p: Float[Tensor, "*N V"], q: Float[Tensor, "*N V"]) -> Float[Tensor, "*N V"]:
    """Return p (log p - log q) of each entry; ``p`` and ``q`` are given as log-probs."""
    return p.exp() * (p - q)


def _total(terms: Float[Tensor, "*N V"], token_clip: float) -> Float[Tensor, "*N"]:
    """Sum over the vocabulary; ``token_clip`` > 0 caps each entry's term first, as OPSD's later release does (0.05)."""
    return (terms.clamp(max=token_clip) if token_clip > 0 else terms).sum(-1)
