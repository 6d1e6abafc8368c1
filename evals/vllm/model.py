"""lmms-eval's own vllm model with three additions: the adapter, a seed per question, and the barred tokens."""

# pyright: reportMissingImports=false
from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmms_eval.api.instance import GenerationResult
from lmms_eval.models.chat.vllm import VLLM
from lmms_eval.protocol import ChatMessages
from safetensors.torch import load_file
from transformers import AutoConfig, AutoProcessor, GenerationConfig

from contracts.errors import EvalError
from evals.answer_folder import AnswerFolder
from evals.local_model import Answer, Request
from evals.vllm.engine import Engines, Lora, Replica, moves
from evals.vllm.reply import NEUTRAL, Reply
from evals.vllm.settings import Evaluation
from methods.shared.barred_tokens import barred_tokens
from methods.shared.vllm import BIAS, prompts_at_once, room_for

IMAGES = 7  # of one question; MMMU has image_1 to image_7
LOOK_EVERY = 10.0  # seconds between two looks at how many answers there are


@dataclass(frozen=True)
class RenderedPrompt:
    """A question as the model reads it."""

    text: str  # one placeholder an image
    tokens: int  # of text and images


@dataclass(frozen=True)
class Sampled(Answer):
    """An :class:`Answer`, and the reply of vLLM; None where the prompt left no room for one."""

    reply: Reply | None


class CepoVllm(VLLM):
    """Chat model on vLLM. ``answers`` holds a :class:`Sampled` per (task, row) after ``generate_until``."""

    def __init__(
        self,
        folder: str,
        adapter: str | None,
        settings: Evaluation,
        seed: str,
        kept: AnswerFolder,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """``kept``: where every process writes answers as they come, and those of a killed run are read."""
        self.barred = barred_of(folder)
        self.processor: Any = AutoProcessor.from_pretrained(folder)
        self.seed, self.settings, self.kept, self.progress = seed, settings, kept, progress
        self.total, self.looked = 0, 0.0  # questions of all benchmarks; when progress was last looked at
        self.answers: dict[tuple[str, int], Sampled] = {}
        self.known = {key: Reply(**fields) for key, fields in kept.read().items()}
        self.seconds = 0.0  # spent in generate_until, prompts and images included
        options, places = engine_options(folder, adapter, settings), gpu_shares(settings)
        replicas = [Replica.start(options | {"seed": 1}, place, kept.folder) for place in places[1:]]
        os.environ.update(places[0])
        # The largest of max_new_tokens here and of a request counts, and the default here is 4,096.
        least = settings.max_new_tokens or settings.least_tokens
        super().__init__(batch_size=settings.batch_size, max_new_tokens=least, **options)
        for replica in replicas:
            replica.receive()
        lora = _lora(adapter)
        if adapter is not None and _update(adapter) and not moves(self.client, lora):
            raise EvalError(adapter, "the adapter changes no log-prob in vLLM", "see which of its layers vLLM knows")
        engine: Any = self.client  # vLLM's LLM, as upstream made it
        self.longest = int(engine.llm_engine.model_config.max_model_len)  # tokens of prompt and response
        self.client = Engines(engine, replicas, lora, kept.folder, self._tell)

    def make_one_request(self, request: Request) -> tuple[list[dict], dict]:
        """Upstream's messages and parameters; a seed of the question's own, and the bias of barred tokens."""
        messages, params = super().make_one_request(request)
        return messages, params | {"seed": self._seed(request), "logit_bias": dict.fromkeys(self.barred, BIAS)}

    def _seed(self, request: Request) -> int:
        key = f"evaluation/{self.seed}/{request.args[4]}/{request.args[3]}"
        return int.from_bytes(hashlib.sha256(key.encode()).digest()[:7], "big")

    def generate_until(self, requests: list[Request]) -> list[Any]:
        """Responses as upstream makes them; keeps a :class:`Sampled` of each request in ``answers``.

        Not asked are questions that a killed run has answered, and prompts that leave no room for a response: those
        count as answers cut at once.
        """
        started, self.total = time.perf_counter(), len(requests)
        prompts = [self._prompt(request) for request in requests]
        seeds = [str(self._seed(request)) for request in requests]
        asked = zip(requests, prompts, seeds, strict=True)
        super().generate_until([r for r, p, seed in asked if seed not in self.known and p.tokens < self.longest])
        self.known |= self.client.replies
        results = []
        for request, prompt, seed in zip(requests, prompts, seeds, strict=True):
            reply = self.known.get(seed)
            limit = self._select_max_new_tokens(request.args[2].get("max_new_tokens"))
            self.answers[request.args[4], request.args[3]] = self._answer(prompt.text, reply, limit)
            results.append(GenerationResult(text=reply.text if reply else "", token_counts=None))
        self.seconds += time.perf_counter() - started
        return results

    def close(self) -> None:
        """End the engines' processes."""
        self.client.close()

    def _tell(self) -> None:
        if self.progress is not None and time.monotonic() - self.looked > LOOK_EVERY:
            self.looked = time.monotonic()
            self.progress(self.kept.count(), self.total)

    def _answer(self, prompt: str, reply: Reply | None, limit: int) -> Sampled:
        asked = self.settings.generation() | {"max_new_tokens": limit}
        if reply is None:
            return Sampled(prompt=prompt, tokens=0, truncated=True, settings=asked, reply=None)
        cold = {
            name: asked[name] for name in ("top_p", "top_k")
        }  # at temperature 0 vLLM drops both: they decide nothing
        return Sampled(
            prompt=prompt,
            tokens=reply.tokens,
            truncated=not reply.ended,
            settings=reply.held | (cold if reply.held["temperature"] == 0 else {}),
            reply=reply,
        )

    def _prompt(self, request: Request) -> RenderedPrompt:
        """Rendered prompt of a request, one placeholder an image, as backend ``local`` records it; and its length."""
        _, doc_to_messages, _, row, task, split = request.args
        chat = ChatMessages(messages=doc_to_messages(self.task_dict[task][split][row]))
        text = self.processor.apply_chat_template(chat.to_hf_messages(), tokenize=False, add_generation_prompt=True)
        look = self.processor.image_processor
        patches = [look.get_number_of_image_patches(i.height, i.width, {}) for i in chat.extract_media()[0]]
        words = len(self.processor.tokenizer(text)["input_ids"])
        return RenderedPrompt(text, words + sum(count // look.merge_size**2 - 1 for count in patches))


def check_answers(answers: dict[tuple[str, int], Sampled], barred: Sequence[int]) -> None:
    """EvalError where the sampler held other than neutral parameters, or a response is one that it should not give."""
    replies = {place: answer.reply for place, answer in answers.items() if answer.reply is not None}
    seeds = {reply.seed for reply in replies.values()}
    if None in seeds or len(seeds) != len(replies):
        raise EvalError("vllm", f"{len(seeds - {None})} seeds for {len(replies)} questions", "use lmms-eval 0.7.3")
    for (task, row), reply in replies.items():
        place = f"{task}: row {row}"
        for name, value in reply.others.items():
            if (value or NEUTRAL[name]) != NEUTRAL[name]:
                raise EvalError(place, f"was sampled with {name}={value}", f"expected {NEUTRAL[name]}: see the lock")
        if reply.barred != list(barred):
            raise EvalError(place, f"{len(reply.barred)} tokens were barred, not {len(barred)}")
        if reply.broke:
            raise EvalError(place, f"barred tokens were sampled: {reply.broke[:5]}")


def cut_by_length(answers: Mapping[tuple[str, int], Sampled]) -> dict[str, int]:
    """How many answers ended for want of room: those cut below the limit asked for, and those never begun."""
    cut = [a for a in answers.values() if a.truncated and a.tokens < int(a.settings["max_new_tokens"])]
    return {"cut_by_max_model_len": len(cut), "prompt_too_long": sum(answer.reply is None for answer in cut)}


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
        **prompts_at_once(settings.device),
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
    devices = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(str(i) for i in range(count)))  # empty: all are hidden
    shares = [name for name in devices.split(",") if name.strip()]
    shown = devices or "all are hidden"
    if len(shares) < count:
        cause = f"tensor_parallel x data_parallel is {count}, but the job has {len(shares)} GPUs ({shown})"
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


def barred_of(folder: str) -> tuple[int, ...]:
    """Tokens that must not be sampled; training and backend ``local`` bar the same ones."""
    ends = GenerationConfig.from_pretrained(folder).eos_token_id
    vocabulary = AutoConfig.from_pretrained(folder).get_text_config().vocab_size
    processor = AutoProcessor.from_pretrained(folder)
    ends = processor.tokenizer.eos_token_id if ends is None else ends
    return tuple(barred_tokens(processor.tokenizer, vocabulary, ends if isinstance(ends, list) else [ends]))
