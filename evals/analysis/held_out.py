"""How two arms differ on held-out problems, which are those of the validation split. No torch."""

from __future__ import annotations

from evals.analysis.cells import Arm
from evals.analysis.claims.measuring import ClaimEvidence, measure
from evals.analysis.claims.numbers import Measured
from evals.analysis.claims.records import Training
from evals.analysis.paper_steps import PAPER_STEPS

LAST = (PAPER_STEPS, PAPER_STEPS)  # of the paper's steps, which a claim counts in


def held_out(arm: Arm, partner: Arm) -> Measured | None:
    """Accuracy on held-out problems after the last step, ``arm`` minus ``partner`` in points, paired by seed.

    It is what claims of the topic "Held-out problems" measure. None where fewer than two seeds of each have it: one
    gives no interval, because single answers are not kept. The untrained base has none.
    """
    if "base" in (arm.method, partner.method):
        return None
    ours, theirs = (f"{one.method}/{one.variant}" for one in (arm, partner))
    question = Training(
        kind="training", scale=arm.scale, ours=ours, theirs=theirs, quantity="val_accuracy", steps=LAST,
        expect="higher", tolerance=0.0,
    )  # fmt: skip
    found = measure(question, ClaimEvidence({(one.scale, one.method, one.variant): one for one in (arm, partner)}))
    return found if isinstance(found, Measured) and found.seeds > 1 else None
