"""The local engine against GRPOTrainer of TRL: one rollout step each in turns, so that slow moments hit both.

TRL is in an environment of its own, and nothing of it is in this project's locks:

    python3.11 -m venv .venv-trl
    .venv-trl/bin/python -m pip install trl==1.16.0 transformers==5.23.0 peft==0.21.2 torch==2.14.1 \
        torchvision==0.29.1 pillow
    .venv/bin/python benchmarks/trl_speed.py --steps 20

Both sides train the same committed base model on the same problems in the same order (the micro world's; 4 problems x
8 rollouts a step), with the options of `workflows/configs/micro.yaml`: two optimizer updates of AdamW a step, LoRA on
the same layers, float32, no KL term (beta 0), no gradient checkpointing, one thread. Both draw from the same tokens.
There are two comparisons:

- `equal`: every response has exactly `--length` tokens (neither side may draw the token that ends a response), and
  every second rollout counts as right, so that every rollout of both sides is sampled and trained. Work and tokens are
  then the same to the token.
- `natural`: responses end where the policy ends them, and a right answer gets the reward 1. The local engine asks its
  verifier; TRL's side compares the boxed number, which takes microseconds. Lengths differ by chance, so read the ratio
  of seconds per token. A group that is all right or all wrong teaches nothing: the local engine does not run its
  rollouts again to train on them, and TRL does. That is part of this comparison and not of the first.

What each side does beyond that is its own: TRL computes the log-probs before the update by a pass of its own, reads the
prompt and its image once for each of the 8 rollouts, and holds LoRA apart from the weights. In TRL the answer is in the
column that the reward reads; its prompts are made by its own code from the base model's processor, and the run stops if
they do not have as many tokens as ours. Optimizer updates of TRL have its own loss (`dapo`), clipped at the same ratios
but without the cap of dual clipping; that takes no time to speak of.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import numpy as np
import torch
from tabulate import tabulate

from contracts.paths import ROOT
from contracts.records import Cell
from evals.statistics.ratios import ratio_of_means
from methods.base import Method, load_method
from methods.engines.local.experience import look_at, student_context
from methods.engines.local.memory import forget_products, keep_freed_memory
from methods.engines.local.train import Trainer
from methods.engines.shared.lora import LANGUAGE_LAYERS
from methods.engines.shared.problems import load_problems, step_rows
from methods.engines.shared.run_record import machine
from methods.engines.shared.settings import SharedSettings
from methods.micro.data import write_splits
from methods.micro.settings import MicroSettings
from methods.shared.contexts import IMAGE_MARK, MATH_SHORT
from methods.shared.rewards import Grader
from workflows.lib.config.loading import read_yaml
from workflows.lib.config.schema import Config

BASES, CONFIG = ROOT / "results" / "bases" / "micro", ROOT / "workflows" / "configs" / "micro.yaml"
WARM = 2  # steps of each side before those that count
SEED = 1


@dataclass(frozen=True)
class Taken:
    """What one rollout step took: seconds of the clock and of a processor, and response tokens."""

    wall: float
    processor: float
    tokens: int

    def per_token(self, clock: str) -> float:
        """Seconds of ``clock`` per response token."""
        return getattr(self, clock) / self.tokens


class EverySecond(Grader):
    """Calls every second answer right, so that no group is all right or all wrong."""

    def grade(self, answers: Any, truths: Any, by: Any = "mathruler") -> list[bool | None]:  # noqa: ANN401
        """Verdicts by place."""
        return [i % 2 == 0 for i in range(len(answers))]

    def changed(self, answers: Any, truths: Any, verdicts: Any, by: Any) -> None:  # noqa: ANN401
        """No other grader is asked."""


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trl-python", type=Path, default=ROOT / ".venv-trl" / "bin" / "python")
    parser.add_argument("--scale", default="small", help="which committed base model, of seed 1")
    parser.add_argument("--steps", type=int, default=20, help=f"measured pairs; {WARM} more before them do not count")
    parser.add_argument("--length", type=int, default=48, help="response tokens in the comparison `equal`")
    parser.add_argument("--prompts", type=int, help="problems a step, in two updates; without it the micro world's")
    parser.add_argument("--comparisons", nargs="+", choices=["equal", "natural"], default=["equal", "natural"])
    asked = parser.parse_args()
    if not asked.trl_python.exists():
        parser.error(f"{asked.trl_python}: no such file; make TRL's environment as --help says")
    if asked.steps < 2:
        parser.error(f"--steps {asked.steps}: an interval needs two pairs or more")
    return asked


def method_of(steps: int, prompts: int | None, length: int | None) -> Method:
    """GRPO with the micro world's options; ``prompts`` a step in two updates, ``length``: limit of a response."""
    given: dict[str, Any] = read_yaml(Config, CONFIG).options["all"] | {"steps": steps}
    if prompts is not None:
        given |= {"prompts": prompts, "minibatch_prompts": prompts // 2}
    return load_method("grpo", given | ({} if length is None else {"max_response": length}))


def our_side(method: Method, base: Path, folder: Path, grader: Grader) -> Trainer:
    """The local engine, as `methods/engines/local/train.py` sets it up."""
    keep_freed_memory()
    forget_products()
    count = method.prompts * method.steps
    write_splits(MicroSettings(train=count, validation=1, test=1), folder / "data")
    cell = Cell(
        world="micro", engine="local", method="grpo", scale="", seed=SEED, model_name="", options={}, digests={}
    )
    problems = load_problems(folder / "data" / "train.parquet")
    return Trainer(cell, method, base, problems, folder, SharedSettings(), grader)


def never_end(trainer: Trainer) -> None:
    """Let no response end before the limit: the tokens that would end it are not drawn."""
    barred = trainer.policy.barred
    trainer.policy.barred = torch.cat([barred, barred.new_tensor(trainer.policy.end_tokens)]).unique()


def told_to_trl(trainer: Trainer, base: Path, folder: Path, equal: bool) -> dict[str, Any]:
    """What `trl_step.py` is told: the problems of every step in order, and all options that both sides share."""
    method, problems = trainer.method, trainer.problems
    order = [row for step in range(method.steps) for row in step_rows(SEED, step, method.prompts, len(problems))]
    updates = method.prompts // method.minibatch_prompts
    shared = ("group_size", "max_response", "lr", "clip_low", "clip_high", "weight_decay", "grad_clip", "lora_rank",
              "lora_alpha", "steps")  # fmt: skip
    return {name: getattr(method, name) for name in shared} | {
        "base": str(base),
        "folder": str(folder / "trl"),
        "equal_length": equal,
        "barred": trainer.policy.barred.tolist(),
        "lora_layers": LANGUAGE_LAYERS,
        "updates": updates,
        "warmup_updates": updates * method.warmup_steps,
        "minibatch": method.minibatch_prompts * method.group_size,
        "seed": SEED,
        "problems": [
            {
                "text": problem.text.removeprefix(IMAGE_MARK).strip() + MATH_SHORT,
                "answer": problem.answer,
                "image": base64.b64encode(problem.images[0]).decode(),
            }
            for problem in (problems[row] for row in order)
        ],
    }


ENDED = "TRL's process has ended; what it says is above"


class OtherSide:
    """TRL's process, which waits for its turn."""

    def __init__(self, process: subprocess.Popen[str], told: dict[str, Any]) -> None:
        self.stdin, self.stdout = cast(IO[str], process.stdin), cast(IO[str], process.stdout)
        self._write(json.dumps(told))
        self.versions: dict[str, str] = self._read()["versions"]

    def step(self) -> dict[str, Any]:
        """One rollout step. Returns its seconds, its response tokens and its prompt tokens."""
        self._write("step")
        return self._read()

    def _write(self, line: str) -> None:
        try:
            self.stdin.write(line + "\n")
            self.stdin.flush()
        except BrokenPipeError:
            sys.exit(ENDED)

    def _read(self) -> dict[str, Any]:
        line = self.stdout.readline()
        if not line:
            sys.exit(ENDED)
        return json.loads(line)


@contextmanager
def other_side(python: Path, told: dict[str, Any]) -> Iterator[OtherSide]:
    """Start TRL's process, with nothing of this project on its path, and end it at the end."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(python), str(Path(__file__).with_name("trl_step.py"))]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=clean | {"HF_HUB_OFFLINE": "1"}
    )
    try:
        yield OtherSide(process, told)
    finally:
        process.kill()
        process.communicate()


def prompt_tokens(trainer: Trainer, step: int) -> int:
    """Prompt tokens of all rollouts of a step, the prompt of a group counted once for each of its rollouts."""
    method = trainer.method
    problems = [trainer.problems[i] for i in step_rows(SEED, step, method.prompts, len(trainer.problems))]
    contexts = [student_context(trainer.policy, method, p, v)
                for p, v in zip(problems, look_at(trainer.policy, problems), strict=True)]  # fmt: skip
    return method.group_size * sum(len(context.ids) for context in contexts)


def in_turns(trainer: Trainer, trl: OtherSide) -> tuple[list[Taken], list[Taken], list[float]]:
    """Let both sides make every step; who comes first changes. Also returns the share of groups that are mixed."""
    ours, theirs, mixed = [], [], []
    for step in range(trainer.method.steps):
        for side in ("ours", "theirs") if step % 2 else ("theirs", "ours"):
            if side == "ours":
                wall, processor = time.perf_counter(), time.process_time()
                record = trainer.step(step)
                ours.append(Taken(time.perf_counter() - wall, time.process_time() - processor, record.tokens))
                mixed.append(record.mixed)
                continue
            said = trl.step()
            theirs.append(Taken(said["wall"], said["processor"], said["tokens"]))
            if said["prompt_tokens"] != (expected := prompt_tokens(trainer, step)):
                sys.exit(f"step {step + 1}: TRL's prompts have {said['prompt_tokens']} tokens and ours {expected}")
    return ours[WARM:], theirs[WARM:], mixed[WARM:]


def times_faster(ours: list[Taken], theirs: list[Taken], clock: str) -> str:
    """Seconds per token of TRL over those of the local engine, with a 95 % interval over the pairs of steps."""
    pairs = [np.array([one.per_token(clock) for one in side]) for side in (theirs, ours)]
    alike = np.zeros(len(ours), dtype=int)
    ratio = ratio_of_means(*pairs, strata=alike, runs=alike)
    return f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"


def row(comparison: str, side: str, taken: list[Taken]) -> dict[str, Any]:
    """What one side took."""
    tokens, median = sum(t.tokens for t in taken), statistics.median
    return {
        "comparison": comparison,
        "side": side,
        "seconds a step": round(median(t.wall for t in taken), 3),
        "of a processor": round(median(t.processor for t in taken), 3),
        "tokens a step": round(tokens / len(taken)),
        "tokens/s": round(1 / median(t.per_token("wall") for t in taken)),
    }


def compare(comparison: str, asked: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Both sides in turns. Returns the rows of one comparison."""
    equal, base = comparison == "equal", BASES / asked.scale / "s1" / "model"
    method = method_of(asked.steps + WARM, asked.prompts, asked.length if equal else None)
    with EverySecond() if equal else Grader() as grader:
        trainer = our_side(method, base, folder, grader)
        told = told_to_trl(trainer, base, folder, equal)
        if equal:
            never_end(trainer)
        with other_side(asked.trl_python, told) as trl:
            ours, theirs, mixed = in_turns(trainer, trl)
    print(f"{comparison}: {statistics.mean(mixed):.0%} of groups were mixed on our side", file=sys.stderr)
    versions = ", ".join(f"{name} {version}" for name, version in trl.versions.items())
    print(f"{comparison}: TRL's side has {versions}; ours torch {torch.__version__}", file=sys.stderr)
    over = {
        "times TRL's speed": times_faster(ours, theirs, "wall"),
        "by processor": times_faster(ours, theirs, "processor"),
    }
    return [row(comparison, "local engine", ours) | over, row(comparison, "TRL", theirs)]


def main() -> None:
    """Measure and print one table."""
    asked = parse()
    torch.set_num_threads(1)
    rows = []
    for comparison in asked.comparisons:
        with tempfile.TemporaryDirectory() as folder:
            rows += compare(comparison, asked, Path(folder))
    prompts = method_of(1, asked.prompts, None).prompts
    print(f"{machine('cpu')}; {asked.scale} base, one thread, {asked.steps} pairs of steps, {prompts} prompts a step")
    print(tabulate(rows, headers="keys"))


if __name__ == "__main__":
    main()
