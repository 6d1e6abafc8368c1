"""lmms-eval's own vllm model with three additions: the adapter, a seed per question, and the barred tokens."""

# pyright: reportMissingImports=false
from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmms_eval.models.chat.vllm import VLLM
from lmms_eval.protocol import ChatMessages
from safetensors.torch import load_file
from transformers import AutoConfig, AutoProcessor, GenerationConfig

from contracts.errors import EvalError
from contracts.records import OptionValue
from evals.local_model import Answer, Request
from evals.vllm.engine import Engines, Lora, Replica, Reply, moves
from evals.vllm.settings import Evaluation
from methods.shared.barred_tokens import barred_tokens
from methods.shared.vllm import BIAS, room_for

IMAGES = 7  # of one question; MMMU has image_1 to image_7


@dataclass(frozen=True)
class Sampled(Answer):
    """An :class:`Answer`, and the sampling parameters that vLLM held."""

    held: dict[str, OptionValue]  # in the words of the settings
    seed: int | None
    barred: tuple[int, ...]  # tokens with BIAS
    others: dict[str, Any]  # parameters that would change the distribution, and their values
    ids: tuple[int, ...]  # response tokens, end of turn included


class CepoVllm(VLLM):
    """Chat model on vLLM. ``answers`` holds a :class:`Sampled` per (task, row) after ``generate_until``."""

    def __init__(
        self,
        folder: str,
        adapter: str | None,
        settings: Evaluation,
        seed: str,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.barred = _barred(folder)
        self.processor: Any = AutoProcessor.from_pretrained(folder)
        self.seed, self.progress, self.total = seed, progress, 0
        self.answers: dict[tuple[str, int], Sampled] = {}
        self.seconds = 0.0  # spent in generate_until, prompts and images included
        options, places = engine_options(folder, adapter, settings), gpu_shares(settings)
        replicas = [Replica.start(options | {"seed": 1}, place) for place in places[1:]]
        os.environ.update(places[0])
        # The largest of max_new_tokens here and of a request counts, and the default here is 4,096.
        super().__init__(batch_size=settings.batch_size, max_new_tokens=settings.max_new_tokens, **options)
        for replica in replicas:
            replica.receive()
        lora = _lora(adapter)
        if adapter is not None and _update(adapter) and not moves(self.client, lora):
            raise EvalError(adapter, "the adapter changes no log-prob in vLLM", "see which of its layers vLLM knows")
        self.client = Engines(self.client, replicas, lora, self._tell)

    def make_one_request(self, request: Request) -> tuple[list[dict], dict]:
        """Upstream's messages and parameters; a seed of the question's own, and the bias of barred tokens."""
        messages, params = super().make_one_request(request)
        key = f"evaluation/{self.seed}/{request.args[4]}/{request.args[3]}"
        seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:7], "big")
        return messages, params | {"seed": seed, "logit_bias": dict.fromkeys(self.barred, BIAS)}

    def generate_until(self, requests: list[Request]) -> list[Any]:
        """Responses as upstream makes them; keeps a :class:`Sampled` of each request in ``answers``."""
        started, before = time.perf_counter(), len(self.client.replies)
        self.total = before + len(requests)
        results = super().generate_until(requests)
        for request, reply in zip(requests, self.client.replies[before:], strict=True):
            self.answers[request.args[4], request.args[3]] = self._answer(request, reply)
        self.seconds += time.perf_counter() - started
        return results

    def close(self) -> None:
        """End the engines' processes."""
        self.client.close()

    def _tell(self, done: int) -> None:
        if self.progress is not None:
            self.progress(done, self.total)

    def _answer(self, request: Request, reply: Reply) -> Sampled:
        output, params = reply
        completion = output.outputs[0]
        held: dict[str, OptionValue] = {
            "temperature": params.temperature,
            "top_p": params.top_p,
            "top_k": max(params.top_k, 0),  # vLLM writes -1 or 0 for every token
            "presence_penalty": params.presence_penalty,
            "max_new_tokens": params.max_tokens,
        }
        greedy = {name: request.args[2].get(name, held[name]) for name in ("top_p", "top_k")}
        return Sampled(
            prompt=self._prompt(request),
            tokens=len(completion.token_ids),
            truncated=completion.finish_reason != "stop",
            settings=held | greedy if params.temperature == 0 else held,  # vLLM then drops both: they decide nothing
            held=held,
            seed=params.seed,
            barred=tuple(sorted(token for token, bias in (params.logit_bias or {}).items() if bias <= BIAS)),
            others={name: getattr(params, name) for name in NEUTRAL},
            ids=tuple(completion.token_ids),
        )

    def _prompt(self, request: Request) -> str:
        """Rendered prompt of a request, one placeholder an image, as backend ``local`` records it."""
        _, doc_to_messages, _, row, task, split = request.args
        messages = ChatMessages(messages=doc_to_messages(self.task_dict[task][split][row])).to_hf_messages()
        return self.processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


NEUTRAL: dict[str, Any] = {  # parameters that no setting of ours reaches: value at which each of them does nothing
    "n": 1,
    "frequency_penalty": 0.0,
    "repetition_penalty": 1.0,
    "min_p": 0.0,
    "min_tokens": 0,
    "stop": [],
    "ignore_eos": False,
    "allowed_token_ids": None,
    "bad_words": [],
    "structured_outputs": None,
    "thinking_token_budget": None,
    "repetition_detection": None,
}


def check_answers(answers: dict[tuple[str, int], Sampled], barred: tuple[int, ...], max_new_tokens: int) -> None:
    """EvalError where the sampler held other than neutral parameters, or a response is one that it should not give."""
    seeds = {answer.seed for answer in answers.values()}
    if None in seeds or len(seeds) != len(answers):
        raise EvalError("vllm", f"{len(seeds - {None})} seeds for {len(answers)} questions", "use lmms-eval 0.7.3")
    for (task, row), answer in answers.items():
        place = f"{task}: row {row}"
        for name, value in answer.others.items():
            if (value or NEUTRAL[name]) != NEUTRAL[name]:
                raise EvalError(place, f"was sampled with {name}={value}", f"expected {NEUTRAL[name]}: see the lock")
        if answer.barred != barred:
            raise EvalError(place, f"{len(answer.barred)} tokens were barred, not {len(barred)}")
        if found := set(answer.ids) & set(barred):
            raise EvalError(place, f"barred tokens were sampled: {sorted(found)[:5]}")
        if answer.truncated and answer.tokens < max_new_tokens:
            cause = f"the response was cut after {answer.tokens} of {max_new_tokens} tokens"
            raise EvalError(place, cause, "raise evaluation.vllm.max_model_len")


def engine_options(folder: str, adapter: str | None, settings: Evaluation) -> dict[str, Any]:
    """What ``vllm.LLM`` is given, its seed apart, which lmms-eval sets to 1."""
    use = settings.vllm
    options: dict[str, Any] = {
        "model": folder,
        "dtype": settings.dtype,
        "tensor_parallel_size": use.tensor_parallel,
        "gpu_memory_utilization": use.gpu_memory_utilization,
        "enforce_eager": use.enforce_eager,
        "limit_mm_per_prompt": {"image": IMAGES, "video": 0},
        "trust_remote_code": False,
        "disable_log_stats": True,
    }
    if use.max_model_len is not None:
        options["max_model_len"] = use.max_model_len
    if adapter is not None:
        rank = json.loads((Path(adapter) / "adapter_config.json").read_text())["r"]
        options |= {"enable_lora": True, "max_lora_rank": room_for(rank), "max_loras": 1}
    return options


def gpu_shares(settings: Evaluation) -> list[dict[str, str]]:
    """Environment of each replica: its share of the GPUs."""
    use = settings.vllm
    if settings.device == "cpu":
        return [{}] * use.data_parallel
    count = use.tensor_parallel * use.data_parallel
    devices = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(str(i) for i in range(count))
    shares = devices.split(",")
    if len(shares) < count:
        cause = f"tensor_parallel x data_parallel is {count}, but the job has {len(shares)} GPUs ({devices})"
        raise EvalError("evaluation.vllm", cause, "set resources.evaluate.gpus to that product")
    size = use.tensor_parallel
    return [{"CUDA_VISIBLE_DEVICES": ",".join(shares[i * size : (i + 1) * size])} for i in range(use.data_parallel)]


def _update(adapter: str) -> bool:
    """Whether the adapter's product is other than zero."""
    tensors = load_file(Path(adapter) / "adapter_model.safetensors")
    return any(bool(tensor.any()) for name, tensor in tensors.items() if "lora_B" in name)


def _lora(adapter: str | None) -> Lora:
    from vllm.lora.request import LoRARequest

    return None if adapter is None else LoRARequest("cell", 1, adapter)


def _barred(folder: str) -> tuple[int, ...]:
    """Tokens that must not be sampled; training and backend ``local`` bar the same ones."""
    ends = GenerationConfig.from_pretrained(folder).eos_token_id
    vocabulary = AutoConfig.from_pretrained(folder).get_text_config().vocab_size
    processor = AutoProcessor.from_pretrained(folder)
    ends = processor.tokenizer.eos_token_id if ends is None else ends
    return tuple(barred_tokens(processor.tokenizer, vocabulary, ends if isinstance(ends, list) else [ends]))
