"""Evaluates in this process and writes down what vLLM's sampler was given: ``python probe.py job.json out.json``.

For test_sampler.py, in vLLM's environment. The sampler works on tensors made from the parameters of each request; these
are looked at where the logits meet them, on the far side of everything that could drop a setting.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from vllm.v1.sample.logits_processor.builtin import LogitBiasLogitsProcessor
from vllm.v1.sample.sampler import Sampler

from evals.vllm import run as vllm_run
from evals.vllm.job import VllmJob

seen: dict[str, set] = {}
forward = Sampler.forward


def note(name: str, values: object) -> None:
    if values is not None:
        seen.setdefault(name, set()).update(values.tolist())


def looked_at(self: Sampler, logits: object, sampling_metadata: object, *args: object, **kwargs: object) -> object:
    held = sampling_metadata
    if not held.generators:  # vLLM's own rehearsal while it starts: each of our questions has a seed
        return forward(self, logits, held, *args, **kwargs)
    note("temperature", held.temperature)
    note("top_p", held.top_p)
    note("top_k", held.top_k)
    if not held.no_penalties:
        note("presence_penalty", held.presence_penalties)
        note("frequency_penalty", held.frequency_penalties)
        note("repetition_penalty", held.repetition_penalties)
    seen.setdefault("seeds", set()).update(g.initial_seed() for g in held.generators.values())
    for processor in held.logitsprocs.non_argmax_invariant:
        if isinstance(processor, LogitBiasLogitsProcessor):
            rows = {tuple(sorted(bias.items())) for bias in processor.biases.values()}
            seen.setdefault("biases", set()).update(rows)
    output = forward(self, logits, held, *args, **kwargs)
    seen["drawn"] = seen.get("drawn", set()) | set(output.sampled_token_ids.flatten().tolist())
    return output


if __name__ == "__main__":
    Sampler.forward = looked_at
    vllm_run.run(VllmJob.model_validate_json(Path(sys.argv[1]).read_text()))
    Path(sys.argv[2]).write_text(json.dumps({name: sorted(values) for name, values in seen.items()}))
