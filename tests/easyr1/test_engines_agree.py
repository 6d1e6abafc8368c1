"""Same method, two engines: on stored rollouts both give the same log-probs, credit, losses and gradients."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.testing import assert_close

from contracts.records import Cell
from methods.base import Method, load_method
from methods.engines.easyr1.job import TrainingJob
from methods.engines.easyr1.settings import EasyR1EngineSettings, EasyR1Settings
from methods.engines.shared.problems import load_problems
from tests.easyr1 import local_side

TOLERANCE = 1e-5
ROWS, SEED, SHADOW_SCALE = [0, 3, 5, 9], 7, 0.5
SHARED = {"prompts": 4, "minibatch_prompts": 2, "group_size": 4, "max_prompt": 128, "max_response": 24, "lora_rank": 8}
WRONG = ("5", "-3", "12")
# Of plain descent, so that the second update of a step starts from other weights. At 0.1 the second gradient multiplies
# the engines' rounding (the local one adds the adapter to the weights first) by eight, at 0.02 by two.
LR = 0.02
FORMAT = {"reward": "accuracy_format"}
USER_TURN = {"context_style": "user_turn"}
BLIND = {"teacher_image": False, "teacher_positions": "arange"}
CASES: dict[str, tuple[str, dict]] = {
    "grpo": ("grpo", {}),
    "grpo_sequence": ("grpo", {"loss_avg": "sequence", "keep_groups": True, "prompt_template": "none", **FORMAT}),
    "grpo_balanced": ("grpo", {"minibatch_order": "length_balanced", "drop_all_wrong": True, **FORMAT}),
    "grpo_clipped": ("grpo", {"clip_low": 1e-4, "clip_high": 2e-4, "dual_clip": 1.0002, "grad_clip": 1e-2}),
    "rlsd": ("rlsd", {}),
    "rlsd_blank": ("rlsd", {"privileged": "blank_bug", "temperature": 1.3, "eps_w": 0.4, **BLIND}),
    "rlsd_ema": ("rlsd", {"teacher_weights": "ema", "lam": 0.9, "lam_schedule": "constant", **USER_TURN}),
    "cepo": ("cepo", {}),
    "cepo_released": (
        "cepo",
        {"neg_unboxed": "none_str", "empty_neg": "right", "eps_w": 0.2, "lam": 1.0, "lam_clock": "from_one",
         "decay_steps": 10, **BLIND},
    ),
    "cepo_fixed": (
        "cepo", {"teacher_weights": "fixed", "neg_pick": "random", "lam_schedule": "constant", **USER_TURN}
    ),
    "cepo_ema": ("cepo", {"teacher_weights": "ema", "wrong": "full", "right": "prefix", "cot_k": 5}),
    "cepo_synced": ("cepo", {"teacher_weights": "synced", "exclude_self": True, "evidence_order": "shuffled"}),
    "cepo_suffix": ("cepo", {"right": "suffix", "wrong": "suffix", "suffix_bug": True, "cot_k": 12}),
    "opsd": ("opsd", {}),
    "opsd_fixed": (
        "opsd",
        {"teacher_weights": "fixed", "divergence": "jsd", "beta": 0.3, "tau": 1.1, "token_clip": 0.05, **USER_TURN},
    ),
    "opsd_blind": ("opsd", {"teacher_weights": "synced", "divergence": "reverse_kl", **BLIND}),
    "sdpo": ("sdpo", {}),
    "sdpo_official": (
        "sdpo",
        {"context": "peer_demo", "top_k": 20, "is_clip": 2.0, "loss_avg": "sequence", **USER_TURN, **BLIND},
    ),
    "sdpo_fixed": ("sdpo", {"teacher_weights": "fixed", "divergence": "forward_kl"}),
    "sdpo_mixed": ("sdpo", {"teacher_weights": "synced", "beta": 0.2}),
}  # fmt: skip
ELSEWHERE = {  # options that one step on given rollouts cannot show -> where they are tested
    **dict.fromkeys(("lr", "lr_schedule", "warmup_steps", "weight_decay", "lora_alpha"), "test_worker.py"),
    **dict.fromkeys(("max_model_len", "cut_adds_end"), "test_worker.py"),
    **dict.fromkeys(("steps", "checkpoint"), "test_train.py"),
    **dict.fromkeys(("decay_steps", "lam_clock"), "test_train.py, test_resume.py and tests/methods/test_methods.py"),
    **dict.fromkeys(("teacher_sync", "ema_decay", "ema_tick"), "tests/methods/engines/easyr1/test_easyr1_teachers.py"),
    "grader": "tests/methods/engines/easyr1/test_easyr1_reward.py",
    "student_image": "refused: tests/methods/engines/easyr1/test_easyr1_checks.py",
    "score_dtype": "tests/methods/engines/easyr1/test_easyr1_parts.py",
    "eval_weights": "the evaluation's",
    **dict.fromkeys(
        ("optimizer", "rollout_top_p", "rollout_top_k", "validation_temperature", "validation_top_p"),
        "this engine's only: test_worker.py",
    ),
}


def method_of(case: str) -> Method:
    name, options = CASES[case]
    return load_method(name, SHARED | options)


@pytest.fixture(scope="session")
def stored(rounded_base: Path, few_problems: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Adapter and rollouts: four responses to each of four problems, none to two of them right, one unboxed."""
    folder = tmp_path_factory.mktemp("stored")
    policy = local_side.load_policy(rounded_base, method_of("grpo"))
    tokenizer, problems = policy.processor.tokenizer, load_problems(few_problems)
    texts = []
    for place, row in enumerate(ROWS):
        answer = problems[row].answer
        right = [answer, answer] if place % 2 else [answer, WRONG[1]]
        ends = [*(right if place < 3 else WRONG[:2]), WRONG[place % 3], None]
        texts += [f"{place} + {i} = \\boxed{{{end}}}" if end else "so I do not know" for i, end in enumerate(ends)]
    ids = [[*tokenizer.encode(text, add_special_tokens=False), policy.end_tokens[0]] for text in texts]
    tokens = torch.zeros(len(ids), SHARED["max_response"], dtype=torch.long)
    for row, one in enumerate(ids):
        tokens[row, : len(one)] = torch.tensor(one)
    mask = torch.stack([(torch.arange(SHARED["max_response"]) < len(one)).float() for one in ids])
    save_file({"tokens": tokens, "mask": mask}, folder / "rollouts.safetensors")
    generator = torch.Generator().manual_seed(1)
    adapter = {n: 0.1 * torch.randn(p.shape, generator=generator) for n, p in policy.trainable.items()}
    save_file(adapter, folder / "adapter.safetensors")
    return folder


@pytest.fixture(scope="session")
def ours(stored: Path, rounded_base: Path, few_problems: Path) -> dict[str, dict[str, torch.Tensor]]:
    """The local engine's results by case."""
    rollouts, adapter = load_file(stored / "rollouts.safetensors"), load_file(stored / "adapter.safetensors")
    problems = load_problems(few_problems)
    chosen = [problems[i] for i in ROWS]
    return {
        case: local_side.one_step(
            local_side.load_policy(rounded_base, method_of(case), adapter),
            method_of(case), chosen, rollouts["tokens"], rollouts["mask"], SEED, SHADOW_SCALE, LR,
        )
        for case in CASES
    }  # fmt: skip


@pytest.fixture(scope="session", params=[(1, True), (1, False), (2, True), (2, False)], ids=["1p", "1", "2p", "2"])
def theirs(
    request: pytest.FixtureRequest, stored: Path, older_base: Path, few_problems: Path, checkout: Path, python: Path,
    shim_path: str, tmp_path_factory: pytest.TempPathFactory,
) -> Path:  # fmt: skip
    """Folder with EasyR1's results by case, from one or two workers, packed (p) or padded."""
    workers, packed = request.param
    out = tmp_path_factory.mktemp("easyr1")
    options = asdict(method_of("grpo"))
    cell = Cell(
        world="micro", engine="easyr1", method="grpo", scale="small", seed=SEED, model_name="Micro", options=options,
        digests={},
    )  # fmt: skip
    job = TrainingJob(
        cell=cell, data=few_problems, validation=few_problems, base=older_base, out=out,
        settings=EasyR1EngineSettings(micro_batch=4, easyr1=EasyR1Settings(gpus_per_node=workers, packed=packed)),
    )  # fmt: skip
    cases = [
        {"name": case, "method": CASES[case][0], "options": asdict(method_of(case)), "rows": ROWS, "seed": SEED,
         "shadow_scale": SHADOW_SCALE, "lr": LR}
        for case in CASES
    ]  # fmt: skip
    asked = {
        "job": job.model_dump(mode="json"), "workers": workers, "cases": cases, "out": str(out),
        "adapter": str(stored / "adapter.safetensors"), "rollouts": str(stored / "rollouts.safetensors"),
    }  # fmt: skip
    (out / "request.json").write_text(json.dumps(asked))
    root = Path(__file__).parents[2]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([shim_path, str(root), str(checkout)]), "OMP_NUM_THREADS": "1"}
    script = Path(__file__).with_name("without_ray.py")
    done = subprocess.run([python, script, out / "request.json"], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return out


@pytest.mark.parametrize("method", sorted({method for method, _ in CASES.values()}))
def test_every_option_is_compared_or_tested_elsewhere(method: str):
    """Set to something else than its default in a case, or named above with the place where it is tested."""
    default = asdict(load_method(method, {}))
    changed = {
        option
        for case, (name, _) in CASES.items()
        for option, value in asdict(method_of(case)).items()
        if (name == method or option in asdict(load_method("grpo", {}))) and value != default.get(option, value)
    }
    assert set(default) - changed <= set(ELSEWHERE)


def test_the_clips_act(ours: dict[str, dict[str, torch.Tensor]]):
    """Otherwise agreement would say nothing about them."""
    second = {name: float(ours["grpo_clipped"][name][1]) for name in local_side.CLIPS}
    assert min(second.values()) > 0, second
    assert float(ours["grpo_clipped"]["grad_norm"].min()) > 1e-2  # grad_clip


@pytest.mark.parametrize("case", CASES)
def test_engines_agree(case: str, ours: dict[str, dict[str, torch.Tensor]], theirs: Path) -> None:
    expected, found = ours[case], load_file(theirs / f"{case}.safetensors")
    assert set(found) == set(expected)
    # Some rollouts are right and some wrong, so that neither credit nor gradients are all zero.
    assert 0 < expected["correct"].float().mean() < 1
    assert max(float(v.abs().max()) for n, v in expected.items() if n.startswith("gradient")) > 10 * TOLERANCE
    for name, value in expected.items():
        other = found[name]
        if name.startswith("gradient"):
            other = other[: value.numel()]  # FSDP pads a shard
        assert_close(other.double(), value.double(), atol=TOLERANCE, rtol=0, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("case", [c for c in CASES if CASES[c][0] in ("rlsd", "cepo")])
def test_teachers_see_something_else_than_the_student(case: str, theirs: Path) -> None:
    """Otherwise agreement would say nothing about references, images and teacher weights."""
    found = load_file(theirs / f"{case}.safetensors")
    counted = (found["advantage"] != 0)[:, None] & (found["logp_student"] != 0)
    difference = (found["logp_right"] - found["logp_student"])[counted]
    assert float(difference.abs().mean()) > 1e-3
