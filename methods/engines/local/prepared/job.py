"""What every preparation does around its own part: load, collect, save, and leave a record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import DataError
from contracts.files import remove_folder, replacing_folder, write_text
from contracts.prepared import MODEL, RECORD, PreparedPlan, PreparedReport
from contracts.progress import counting
from methods.engines.local.clock import Clock
from methods.engines.local.memory import forget_products, keep_freed_memory
from methods.engines.local.networks.contrast import ContrastModels
from methods.engines.local.networks.step_scores import StepScores
from methods.engines.local.policy import Policy
from methods.engines.local.prepared.collect import Collected, Collector, base_method
from methods.engines.local.prepared.fit import Fitter, Fitting
from methods.engines.shared.problems import load_problems
from methods.engines.shared.run_record import Started, where_and_when
from methods.shared import seeding
from methods.shared.finite import check_finite
from methods.shared.prepared import KINDS
from methods.shared.rewards import Grader

HELD_OUT = 8  # every eighth problem is not learned from, but measured on


@dataclass(frozen=True)
class Prepared:
    """What a preparation made, for its record."""

    model: StepScores | ContrastModels
    examples: dict[str, int]
    updates: dict[str, int]
    quality: dict[str, float]


class Preparation:
    """The base model, its rollouts, and what trains on them."""

    def __init__(self, plan: PreparedPlan, collector: Collector, collected: Collected, clock: Clock) -> None:
        self.plan, self.collector, self.collected, self.clock = plan, collector, collected, clock
        self.policy = collector.policy
        self.fitter = Fitter(self.policy, collector.method, collector.problems, collected, plan.micro_batch)
        held = collected.responses.owner % HELD_OUT == HELD_OUT - 1
        self.learned, self.held_out = (~held).nonzero()[:, 0], held.nonzero()[:, 0]

    def fitting(self, number: int = 0) -> Fitting:
        """How the plan's options say that the 0-based network ``number`` is trained."""
        options, seed = self.plan.options, seeding.stream(self.plan.seed, "prepare", 2 + number)
        return Fitting(
            float(options["prepared_lr"]), int(options["prepared_epochs"]), int(options["prepared_batch"]), seed
        )


@contextmanager
def preparation(plan: PreparedPlan, base: Path, data: Path, out: Path, continuations: int) -> Iterator[Preparation]:
    """Load the base and let it answer problems; from each end of a line ``continuations`` times more.

    A run that was stopped goes on in ``out/state``. Raises DataError for missing or broken inputs.
    """
    keep_freed_memory()
    forget_products()
    check_finite(base, "the base model")
    clock, state = Clock(), out / "state"
    state.mkdir(parents=True, exist_ok=True)
    with Grader(plan.grade_deadline) as grader, counting(out / "progress.json") as note:
        with clock.phase("load"):
            seed = seeding.stream(plan.seed, "init")
            policy = Policy(base, base_method(plan), plan.device, plan.dtype, seed)
            collector = Collector(plan, policy, load_problems(data), grader)
        if len(collector.rows) < HELD_OUT:
            cause = f"{len(collector.rows)} training problems are short enough, and one in {HELD_OUT} is held out"
            raise DataError(str(data), cause, f"it takes at least {HELD_OUT}")
        collected = collector.collect(state, continuations, note)
        clock.seconds["collect"] = collected.seconds
        yield Preparation(plan, collector, collected, clock)


def finish(prep: Preparation, made: Prepared, out: Path, started: Started) -> None:
    """Write the model and ``prepared.json`` to ``out``, and remove the state."""
    with replacing_folder(out / MODEL) as temporary:
        made.model.save(temporary)
        check_finite(temporary, "the prepared model")
    collected = prep.collected
    report = PreparedReport(
        **where_and_when(started, prep.plan.device),
        plan=prep.plan,
        digest=prep.plan.digest,
        problems=len(collected.problems),
        rollouts=len(collected.correct),
        right=float(collected.correct.float().mean()),
        tokens=int(collected.responses.mask.sum()),
        extra_tokens=collected.extra_tokens,
        examples=made.examples,
        updates=made.updates,
        quality=made.quality,
        networks=KINDS[prep.plan.kind].networks,
        seconds=dict(prep.clock.seconds),
    )
    write_text(out / RECORD, report.model_dump_json(indent=1))
    remove_folder(out / "state")
