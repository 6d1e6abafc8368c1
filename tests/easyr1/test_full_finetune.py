"""Training without LoRA: the language model's own weights move, and every teacher has those it should have."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.testing import assert_close
from transformers import AutoModelForImageTextToText, AutoProcessor

from methods.engines.easyr1.base_model import readable_base
from methods.engines.easyr1.job import TrainingJob
from methods.engines.shared.problems import load_problems
from tests.easyr1.cells import Bench, make_cell

HERE = Path(__file__).parent
ROWS, SIZE, LENGTH, LR = [0, 3, 5, 9], 4, 24, 0.5
ADVANTAGE = [1.0, -0.5, 2.0, 0.0] * len(ROWS)
OPTIONS = {"lora_rank": 0, "minibatch_prompts": 4, "max_response": LENGTH}
FROZEN = ("visual", "embed_tokens")
CELLS = {
    "one worker, packed": (1, True, "cepo", {"teacher_weights": "fixed"}),
    "two workers, padded": (2, False, "sdpo", {"teacher_weights": "ema", "checkpoint": "best_val"}),
}


@pytest.fixture(scope="session")
def rollouts(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four responses to each of four problems."""
    tokenizer = AutoProcessor.from_pretrained(tiny_base).tokenizer
    ids = [
        [*tokenizer.encode(f"{i} + {j} = \\boxed{{{i + j}}}", add_special_tokens=False), tokenizer.eos_token_id]
        for i in ROWS for j in range(SIZE)
    ]  # fmt: skip
    tokens = torch.stack([torch.tensor(one + [0] * (LENGTH - len(one))) for one in ids])
    mask = torch.stack([(torch.arange(LENGTH) < len(one)).float() for one in ids])
    path = tmp_path_factory.mktemp("whole") / "rollouts.safetensors"
    save_file({"tokens": tokens, "mask": mask, "advantage": torch.tensor(ADVANTAGE)}, path)
    return path


@pytest.fixture(scope="session", params=[(1, True), (2, False)], ids=["1p", "2"])
def out(
    request: pytest.FixtureRequest, bench: Bench, rollouts: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:  # fmt: skip
    """Folder with what one packed worker, or two that pad, found."""
    workers, packed = request.param
    folder = tmp_path_factory.mktemp("whole")
    job = TrainingJob(
        cell=make_cell("grpo", **OPTIONS), data=bench.data, validation=bench.data, out=folder,
        base=readable_base(bench.base, folder / "older", rounded=False), settings=bench.settings(workers, packed),
    )  # fmt: skip
    asked = {
        "job": job.model_dump(mode="json"), "workers": workers, "rows": ROWS, "lr": LR, "out": str(folder),
        "rollouts": str(rollouts), "base": str(bench.base),
    }  # fmt: skip
    (folder / "request.json").write_text(json.dumps(asked))
    paths = os.pathsep.join([bench.shim, str(HERE.parents[1]), str(bench.checkout)])
    env = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    command = [bench.python, HERE / "full_finetune_without_ray.py", folder / "request.json"]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return folder


def model_in(folder: Path) -> torch.nn.Module:
    """A model as transformers here reads it, with every tensor in its place."""
    model, info = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"]
    return model.eval()


def independent_logp(model: torch.nn.Module, bench: Bench, out: Path, rollouts: Path) -> torch.Tensor:
    """Log-probs (B, T) by transformers alone, a row at a time, from images processed here."""
    found, stored = load_file(out / "found.safetensors"), load_file(rollouts)
    problems, processor = load_problems(bench.data), AutoProcessor.from_pretrained(bench.base)
    rows = []
    for i, (ids, seen) in enumerate(zip(found["input_ids"], found["attention_mask"], strict=True)):
        row = ids[seen.bool()][None]
        images = processor.image_processor(images=problems[ROWS[i // SIZE]].open_images(), return_tensors="pt")
        logits = model(input_ids=row, mm_token_type_ids=(row == processor.image_token_id).int(), **images).logits
        length = int(stored["mask"][i].sum())
        logp = logits[0, -length - 1 : -1].log_softmax(-1).gather(1, row[0, -length:, None])[:, 0]
        rows.append(torch.nn.functional.pad(logp, (0, LENGTH - length)))
    return torch.stack(rows)


def test_before_any_update_all_are_the_base(out: Path, bench: Bench, rollouts: Path):
    found = load_file(out / "found.safetensors")
    with torch.no_grad():
        expected = independent_logp(model_in(bench.base), bench, out, rollouts)
    names = ("student", "actor", "fixed", "ema", "synced", "synced_later", "student_again")
    for name in names:
        assert_close(found[f"before/{name}"], expected, atol=1e-5, rtol=0)
        same = "student" if name.startswith("student") else "actor"  # entropy comes along: the sum is made otherwise
        assert_close(found[f"before/{name}"], found[f"before/{same}"], atol=0, rtol=0)
    assert found["delta_w_before"] == 0
    base, kept = (load_file(folder / "model.safetensors") for folder in (bench.base, out / "before"))
    assert set(kept) == set(base)
    for name, tensor in base.items():
        assert_close(kept[name], tensor, atol=0, rtol=0)


def test_the_update_is_the_gradient_of_the_whole_model(out: Path, bench: Bench, rollouts: Path):
    """Of the surrogate at ratio 1, averaged over all tokens; embeddings, head and vision tower do not move."""
    model, stored = model_in(bench.base), load_file(rollouts)
    logp = independent_logp(model, bench, out, rollouts)
    (-(stored["advantage"][:, None] * logp).sum() / stored["mask"].sum()).backward()
    after, moved = load_file(out / "after" / "model.safetensors"), 0.0
    for name, parameter in model.named_parameters():
        change = after[name] - parameter.detach()
        if any(part in name for part in FROZEN):
            assert not change.any()
            continue
        assert_close(change / -LR, parameter.grad, atol=1e-5, rtol=0, msg=lambda m, n=name: f"{n}: {m}")
        assert change.any(), name
        moved += float(change.double().square().sum())
    assert load_file(out / "found.safetensors")["delta_w_after"] == pytest.approx(moved**0.5)


def test_after_an_update_each_teacher_has_its_own_weights(out: Path, bench: Bench, rollouts: Path):
    found = load_file(out / "found.safetensors")
    base, after = model_in(bench.base), model_in(out / "after")
    between = model_in(bench.base)
    for name, parameter in between.named_parameters():
        parameter.data.lerp_(after.get_parameter(name).data, 0.25)
    with torch.no_grad():
        old, new, average = (independent_logp(model, bench, out, rollouts) for model in (base, after, between))
    assert min(float((a - b).abs().max()) for a, b in ((old, new), (old, average), (new, average))) > 1e-2
    expected = {
        "student": new, "actor": new, "fixed": old, "ema": average, "synced": new, "synced_later": old,
        "student_again": new,
    }  # fmt: skip
    for name, value in expected.items():
        assert_close(found[f"after/{name}"], value, atol=1e-5, rtol=0, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("name", CELLS)
def test_two_steps_leave_a_model_that_evaluates(name: str, bench: Bench, tmp_path: Path):
    """Through Ray; the folder holds the weights of the step that run.json names."""
    from evals.run import evaluate
    from evals.samples import read_samples
    from evals.settings import EvalSettings
    from tests.helpers.eval_fixtures import write_benchmarks

    workers, packed, method, options = CELLS[name]
    trained = bench.train(
        make_cell(method, lora_rank=0, lr=1e-3, **options), bench.settings(workers, packed, validate_every=1)
    )
    folder = trained.out / "adapter"
    base, kept = model_in(bench.base), model_in(folder)
    moved = sum(float((p - base.get_parameter(n)).double().square().sum()) for n, p in kept.named_parameters()) ** 0.5
    assert [step.step for step in trained.steps] == [1, 2]
    assert moved > 0 and trained.steps[(trained.run.adapter_step or 2) - 1].delta_w == pytest.approx(moved, rel=1e-5)
    benchmarks = write_benchmarks(tmp_path / "benchmarks", 3)
    evaluate(
        f"{method}/small/default/s1", bench.base, folder, benchmarks, EvalSettings(max_new_tokens=8), 1,
        tmp_path / "samples.parquet", tmp_path / "raw",
    )  # fmt: skip
    assert read_samples(tmp_path / "samples.parquet").num_rows == 3 * len(benchmarks)
