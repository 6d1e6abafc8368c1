"""Part ``worker`` of gpu_check.py: EasyR1's worker on one GPU, in bfloat16 over NCCL, without Ray and without vLLM.

What it makes of stored rollouts to a micro base is compared with the local engine's passes in float32, for every method
and kind of teacher, packed and padded; a checkpoint is saved and loaded. Stand-ins of tests/easyr1/shim: for vLLM, and
PyTorch's own attention for flash-attention.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from gpu_row import Row, watched
from PIL import Image
from safetensors.torch import load_file, save_file

from contracts.errors import TrainError
from contracts.paths import ROOT
from contracts.records import Cell
from methods.base import Method, load_method
from methods.engines.easyr1.base_model import readable_base
from methods.engines.easyr1.job import TrainingJob
from methods.engines.easyr1.settings import EasyR1EngineSettings, EasyR1Settings
from methods.engines.shared.problems import load_problems

sys.path.insert(0, str(ROOT))
from tests.easyr1 import local_side

DONOR = ROOT / "results" / "bases" / "micro" / "small" / "s1" / "model"
SHIM, SCRIPT = ROOT / "tests" / "easyr1" / "shim", ROOT / "tests" / "easyr1" / "without_ray.py"
SHARED = {"prompts": 4, "minibatch_prompts": 2, "group_size": 4, "max_prompt": 128, "max_response": 24, "lora_rank": 8}
CASES = {
    "grpo": ("grpo", {}), "rlsd": ("rlsd", {}), "cepo": ("cepo", {}), "opsd": ("opsd", {}), "sdpo": ("sdpo", {}),
    "cepo, fixed teacher": ("cepo", {"teacher_weights": "fixed"}),
    "cepo, EMA teacher": ("cepo", {"teacher_weights": "ema"}),
}  # fmt: skip
SEED, LR, SHADOW = 7, 0.02, 0.5
MOST = {"float32": (1e-4, 1e-4), "bfloat16": (0.1, 0.1)}  # nats; 1 - cosine of gradients
Tensors = Mapping[str, torch.Tensor]


def method_of(case: str) -> Method:
    """The method of a case with the options that all share."""
    name, options = CASES[case]
    return load_method(name, SHARED | options)


def worker_rows(device: str, checkout: Path, python: Path, folder: Path) -> Iterator[Row]:
    """Packed and padded: log-probs and gradients of each case, and what a checkpoint loses."""
    dtype = "bfloat16" if device == "cuda" else "float32"
    base = rounded_base(folder)
    problems, stored = write_problems(folder), write_rollouts(base, folder)
    expected = {case: local_step(base, case, problems, stored) for case in CASES}
    for kind in ("packed", "padded"):
        out = folder / kind
        out.mkdir()
        job = make_job(folder / "older", problems, out, dtype, kind == "packed")
        with watched(device) as watch:
            ask(job, stored, device, checkout, python)
        for case in CASES:
            found = load_file(out / f"{case}.safetensors")
            logp, turned = differences(expected[case], found)
            most = MOST[dtype]
            yield Row("worker", f"{case}, {kind}", watch, None, "mean gap of log-probs, nats", logp, most[0])
            yield Row("worker", f"{case}, {kind}", watch, None, "1 - cosine of the gradient", turned, most[1])
        lost = float(json.loads((out / "checkpoint.json").read_text()))
        yield Row("worker", f"checkpoint, {kind}", watch, None, "lost by save and load", lost, 0.0)


def rounded_base(folder: Path) -> Path:
    """The donor with the weights that EasyR1 has, rounded to bfloat16; ``folder``/older is what EasyR1 reads."""
    older = readable_base(DONOR, folder / "older")
    made = folder / "rounded"
    made.mkdir()
    for file in DONOR.iterdir():
        source = older / file.name if file.suffix == ".safetensors" else file
        (made / file.name).write_bytes(source.read_bytes())
    return made


def write_problems(folder: Path) -> Path:
    """Four problems in Geo3k's schema, with images of black and white, which bfloat16 holds exactly."""
    rows = []
    for i in range(4):
        out = io.BytesIO()
        picture = Image.new("RGB", (64, 64), "white")
        picture.paste("black", (8 * i, 8, 8 * i + 16, 40))
        picture.save(out, "png")
        rows.append({"images": [{"bytes": out.getvalue()}], "problem": f"<image>What is x plus {i}?", "answer": "7"})
    path = folder / "problems.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def write_rollouts(base: Path, folder: Path) -> Path:
    """Four responses to each problem, two of them right, and an adapter away from its start."""
    policy = local_side.load_policy(base, method_of("grpo"))
    encode, length = policy.processor.tokenizer.encode, SHARED["max_response"]
    texts = [f"so {i} = \\boxed{{{7 if i % 2 else i}}}" for i in range(16)]
    ids = [[*encode(text, add_special_tokens=False), policy.end_tokens[0]] for text in texts]
    tokens = torch.tensor([[*one, *[0] * (length - len(one))] for one in ids])
    mask = torch.tensor([[1.0] * len(one) + [0.0] * (length - len(one)) for one in ids])
    save_file({"tokens": tokens, "mask": mask}, folder / "rollouts.safetensors")
    generator = torch.Generator().manual_seed(1)
    adapter = {n: 0.1 * torch.randn(p.shape, generator=generator) for n, p in policy.trainable.items()}
    save_file(adapter, folder / "adapter.safetensors")
    return folder


def local_step(base: Path, case: str, problems: Path, stored: Path) -> Tensors:
    """The same step by the local engine in float32 on the CPU."""
    method, rollouts = method_of(case), load_file(stored / "rollouts.safetensors")
    policy = local_side.load_policy(base, method, load_file(stored / "adapter.safetensors"))
    given = (load_problems(problems), rollouts["tokens"], rollouts["mask"])
    return local_side.one_step(policy, method, *given, SEED, SHADOW, LR)


def make_job(base: Path, problems: Path, out: Path, dtype: str, packed: bool) -> TrainingJob:
    """What EasyR1's worker is configured by."""
    cell = Cell(
        world="micro", engine="easyr1", method="grpo", scale="small", seed=SEED, model_name="Micro",
        options=asdict(method_of("grpo")), digests={},
    )  # fmt: skip
    settings = EasyR1EngineSettings.model_validate(
        {"micro_batch": 4, "dtype": dtype, "easyr1": EasyR1Settings(gpus_per_node=1, packed=packed)}
    )
    return TrainingJob(cell=cell, data=problems, validation=problems, base=base, out=out, settings=settings)


def ask(job: TrainingJob, stored: Path, device: str, checkout: Path, python: Path) -> None:
    """Run every case in EasyR1's Python; TrainError with the end of its log if it fails."""
    cases = [
        {"name": case, "method": CASES[case][0], "options": asdict(method_of(case)), "rows": [0, 1, 2, 3],
         "seed": SEED, "shadow_scale": SHADOW, "lr": LR}
        for case in CASES
    ]  # fmt: skip
    request = {
        "job": job.model_dump(mode="json"), "workers": 1, "cases": cases, "out": str(job.out), "checkpoint": True,
        "adapter": str(stored / "adapter.safetensors"), "rollouts": str(stored / "rollouts.safetensors"),
    }  # fmt: skip
    (job.out / "request.json").write_text(json.dumps(request))
    env = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (SHIM, ROOT, checkout.resolve())))}
    env |= {"CEPO_TEST_GPU": "1"} if device == "cuda" else {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([python, SCRIPT, job.out / "request.json"], env=env, capture_output=True, text=True)
    if done.returncode:
        raise TrainError("part worker", f"EasyR1's worker failed: {done.stderr[-3000:]}", "see tests/easyr1")


def differences(expected: Tensors, found: Tensors) -> tuple[float, float]:
    """Mean absolute difference of all log-probs (nats), and 1 - cosine of all gradients together."""
    logp = [name for name in expected if name.startswith("logp_")]
    gaps = torch.cat([(found[name].float().cpu() - expected[name].float())[expected[name] != 0] for name in logp])
    names = [name for name in expected if name.startswith("gradient")]
    one = torch.cat([expected[name].double() for name in names])
    other = torch.cat([found[name].double().cpu()[: expected[name].numel()] for name in names])
    return float(gaps.abs().mean()), 1 - float(torch.nn.functional.cosine_similarity(one, other, dim=0))
