"""Does a base model know p(chain | problem, final answer)? Evidence on chains whose slips are known.

Evidence against a token is log P- - log P+ in nats: the model shown the wrong answer that the chain itself ends in,
against the model shown the right one (CEPO section 3). A teacher that knows what an answer says about its chain finds
the slip: there the wrong answer explains what the right one does not, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import torch
from jaxtyping import Bool, Float

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
from methods.shared.discrimination import auroc
from methods.shared.references import Reference

ROWS = 256  # chains in one pass
PROBLEMS = 320  # validation problems whose chains are measured
STYLES: tuple[Style, ...] = ("inline", "user_turn")


def evidence_of(base: Path, seed: int) -> dict[str, dict[str, float]]:
    """Evidence of a base model on validation problems, by where a teacher's context holds the answer."""
    policy = Policy(base, Method(), "cpu", "float32", seed)
    problems = draw_problems(list(TRAINING.values()), "validation", PROBLEMS, seed)
    return {style: measure_evidence(policy, problems, style, seed) for style in STYLES}


def measure_evidence(policy: Policy, problems: Sequence[DrawnProblem], style: Style, seed: int) -> dict[str, float]:
    """Mean absolute evidence in nats by kind of token, and how well evidence finds the slip of each chain.

    The final answer, where a teacher merely repeats what it was shown, is left out of all but ``other``'s complement:
    it is neither a slip nor decisive here.
    """
    rng = Random(f"evidence-{seed}")  # noqa: S311 - not for secrets
    slips = [draw_slip(p.plan, rng) for p in problems]
    wrong = [
        close(chain(p.plan, s, rng), str(answer(p.plan, s)), "boxed") for p, s in zip(problems, slips, strict=True)
    ]
    responses, decisive, slipped = encode(policy, wrong)
    right = logp(policy, problems, [p.answer for p in problems], style, responses)
    against = logp(policy, problems, [w.final for w in wrong], style, responses) - right
    return summary(against, responses.mask.numpy() > 0, decisive, slipped)


def summary(
    against: Float[np.ndarray, "B T"],
    mask: Bool[np.ndarray, "B T"],
    decisive: Bool[np.ndarray, "B T"],
    slipped: Bool[np.ndarray, "B T"],
) -> dict[str, float]:
    """Mean absolute evidence on slips, on other decisive tokens and on the rest, and the AUROC of slips."""
    size = np.abs(against)
    return {
        "slips": float(size[slipped].mean()),
        "decisive": float(size[decisive & ~slipped].mean()),
        "other": float(size[mask & ~decisive].mean()),
        "auroc": auroc_within(against, decisive, slipped),
    }


def auroc_within(
    scores: Float[np.ndarray, "B T"], decisive: Bool[np.ndarray, "B T"], slipped: Bool[np.ndarray, "B T"]
) -> float:
    """How often a slip scores above another decisive token of its own chain, a tie counting half; mean over chains."""
    per_chain = [auroc(slip[among], score[among]) for score, among, slip in zip(scores, decisive, slipped, strict=True)]
    return float(np.mean([found for found in per_chain if found is not None]))


def encode(
    policy: Policy, demonstrations: Sequence[Demonstration]
) -> tuple[Responses, Bool[np.ndarray, "B T"], Bool[np.ndarray, "B T"]]:
    """Demonstrations as responses; which of their tokens are decisive, the final answer left out, and which slipped."""
    tokenizer = policy.processor.tokenizer
    texts = [d.text + tokenizer.eos_token for d in demonstrations]
    encoded = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True)
    longest = max(map(len, encoded["input_ids"]))
    tokens, mask = torch.zeros((2, len(texts), longest), dtype=torch.long)
    flags = np.zeros((2, len(texts), longest), dtype=bool)
    for i, (ids, offsets, shown) in enumerate(
        zip(encoded["input_ids"], encoded["offset_mapping"], demonstrations, strict=True)
    ):
        tokens[i, : len(ids)] = torch.tensor(ids)
        mask[i, : len(ids)] = 1
        before_final = sum(len(piece.text) for piece in shown.pieces[:-2])
        spans = [span for span in offsets if span[1] <= before_final]
        flags[:, i, : len(spans)] = merge(shown.pieces, spans)
    nothing = torch.zeros(mask.shape)
    owner = torch.arange(len(texts))
    return Responses(tokens, mask.float(), nothing, nothing, owner, torch.zeros(len(texts))), flags[0], flags[1]


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
