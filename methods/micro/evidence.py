"""Does a base model know p(chain | problem, final answer)? Evidence on chains whose slips are known.

Evidence of a token is log P+ - log P- in nats: the model shown the right answer against the model shown the wrong one
that the chain itself ends in (CEPO section 3). If hints mean anything, it is large on tokens that decide the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.stats import mannwhitneyu

from methods.base import Method
from methods.engines.local.passes import chunks, token_logp
from methods.engines.local.policy import Policy
from methods.engines.shared.prompts import make_prompt
from methods.engines.shared.responses import Responses
from methods.micro.demonstration import Demonstration, chain, close, merge
from methods.micro.families.training import TRAINING
from methods.micro.problems import DrawnProblem, draw_problems
from methods.micro.solution_plan import answer, draw_slip
from methods.shared.contexts import Style, teacher_prompt
from methods.shared.references import Reference

ROWS = 256  # chains in one pass
PROBLEMS = 160  # validation problems whose chains are measured


def evidence_of(base: Path, seed: int) -> dict[str, dict[str, float]]:
    """Evidence of a base model on validation problems, by where a teacher's context holds the answer."""
    policy = Policy(base, Method(), "cpu", "float32", seed)
    problems = draw_problems(list(TRAINING.values()), "validation", PROBLEMS, seed)
    styles: tuple[Style, ...] = ("inline", "user_turn")
    return {style: measure_evidence(policy, problems, style, seed) for style in styles}


def measure_evidence(policy: Policy, problems: Sequence[DrawnProblem], style: Style, seed: int) -> dict[str, float]:
    """Mean |evidence| in nats on decisive and on other tokens of slipped chains, and its AUROC for decisive tokens."""
    rng = Random(f"evidence-{seed}")  # noqa: S311 - not for secrets
    slips = [draw_slip(p.plan, rng) for p in problems]
    wrong = [close(chain(p.plan, s), str(answer(p.plan, s)), "boxed") for p, s in zip(problems, slips, strict=True)]
    responses, decisive = encode(policy, wrong)
    right = logp(policy, problems, [p.answer for p in problems], style, responses)
    evidence = np.abs(right - logp(policy, problems, [w.final for w in wrong], style, responses))
    mask = responses.mask.numpy() > 0
    on, off = evidence[decisive & mask], evidence[~decisive & mask]
    auroc = mannwhitneyu(on, off).statistic / (len(on) * len(off))
    return {"decisive": float(on.mean()), "other": float(off.mean()), "auroc": float(auroc)}


def encode(policy: Policy, demonstrations: Sequence[Demonstration]) -> tuple[Responses, Bool[np.ndarray, "B T"]]:
    """Demonstrations as responses, and which of their tokens are decisive; the end-of-turn token is not."""
    tokenizer = policy.processor.tokenizer
    texts = [d.text + tokenizer.eos_token for d in demonstrations]
    encoded = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True)
    longest = max(map(len, encoded["input_ids"]))
    tokens, mask = torch.zeros((2, len(texts), longest), dtype=torch.long)
    decisive = np.zeros((len(texts), longest), dtype=bool)
    for i, (ids, offsets, shown) in enumerate(
        zip(encoded["input_ids"], encoded["offset_mapping"], demonstrations, strict=True)
    ):
        tokens[i, : len(ids)] = torch.tensor(ids)
        mask[i, : len(ids)] = 1
        decisive[i, : len(ids) - 1] = merge(shown.pieces, offsets[:-1])[0]
    nothing = torch.zeros(mask.shape)
    owner = torch.arange(len(texts))
    return Responses(tokens, mask.float(), nothing, nothing, owner, torch.zeros(len(texts))), decisive


@torch.no_grad()
def logp(
    policy: Policy, problems: Sequence[DrawnProblem], hints: Sequence[str], style: Style, responses: Responses
) -> Float[np.ndarray, "B T"]:
    """Log-probs in nats of the responses, each problem's context carrying its hint; padding is 0."""
    tokenizer = policy.processor.tokenizer
    sizes = policy.vision_tokens([problems[0].canvas.image.size])
    visions = policy.look([p.canvas.image.convert("RGB") for p in problems])
    contexts = []
    for problem, hint, vision in zip(problems, hints, visions, strict=True):
        shown = Reference(text=hint)
        ids = teacher_prompt(tokenizer, f"<image>{problem.question}", "math_short", sizes, shown, style)
        contexts.append(make_prompt(ids, [vision], policy.config.image_token_id))
    result = torch.zeros(responses.mask.shape)
    for chunk in chunks(policy, contexts, torch.arange(len(contexts)), responses, ROWS):
        result[chunk.rows, : chunk.mask.shape[1]] = token_logp(policy, chunk, 1.0)
    return result.numpy()
