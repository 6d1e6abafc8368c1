"""A Hugging Face vision-language model, with or without a PEFT adapter, as lmms-eval's model ``cepo_local``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from lmms_eval.api.instance import GenerationResult, TokenCounts
from lmms_eval.api.model import lmms
from lmms_eval.protocol import ChatMessages
from peft import PeftModel, get_peft_model_state_dict
from PIL.Image import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText, AutoProcessor, GenerationConfig

from contracts.errors import ConfigError, DataError
from contracts.records import OptionValue
from evals.answer_folder import AnswerFolder, AnswerWriter
from evals.decoding import decode
from evals.inputs import holds_model
from evals.merging import ROUNDINGS, merge_rounded, round_trained
from evals.sampling import noise, sampler
from methods.shared.barred_tokens import barred_tokens

Model = Any  # transformers' or PEFT's, chosen by the checkpoint
Processor = Any
Request = Any  # lmms_eval.api.instance.Instance; args: context, doc_to_messages, settings, row, task, split

_DEFAULTS: dict[str, OptionValue] = {
    "temperature": 0.0,
    "top_p": 1.0,
    "top_k": 0,
    "presence_penalty": 0.0,
    "max_new_tokens": 4096,
}  # defaults of lmms-eval's vllm model, used where neither task nor command line says anything


@dataclass(frozen=True)
class Answer:
    """What is recorded about a response. Its text goes to lmms-eval."""

    prompt: str  # rendered by the chat template, image placeholders included
    tokens: int  # sampled, end-of-turn included
    truncated: bool  # no end-of-turn within the limit
    settings: dict[str, OptionValue]  # with which the sampler worked


def load(
    base: str, adapter: str | None, dtype: str, device: str, weights: str = "adapter"
) -> tuple[Model, Processor, float | None]:
    """Load a model in eval mode and its processor, which pads on the left.

    Also returns the share of the update that is left after rounding, None if nothing was rounded. ``weights`` is the
    option ``eval_weights``. With ``adapter`` nothing is rounded: in float32 the adapter is folded in, which makes a
    step faster; in bfloat16 it stays apart. The other values round (evals/merging.py). An ``adapter`` that is a
    complete model replaces the base; in bfloat16 it is rounded whatever ``weights`` says. The sampling defaults of the
    checkpoint (penalties, top-k) are dropped, so that only ``evals.sampling.sampler`` decides what is sampled. Raises
    ConfigError if the device is absent, DataError if the folders do not load or do not fit each other.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("evaluation.device", "no CUDA device is available", "set it to cpu")
    full = adapter is not None and holds_model(Path(adapter))
    try:
        processor = AutoProcessor.from_pretrained(base)
        precision = getattr(torch, dtype)
        model, share = _trained(base, str(adapter), precision, weights) if full else (_plain(base, precision), None)
        processor.tokenizer.padding_side = "left"
        model.generation_config = GenerationConfig(
            eos_token_id=model.generation_config.eos_token_id or processor.tokenizer.eos_token_id,
            pad_token_id=processor.tokenizer.pad_token_id,
        )
        if adapter is not None and not full:
            model, share = _adapted(model, adapter, weights, merge=dtype == "float32")
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise DataError(
            adapter or base, f"the model does not load ({error})", "build it again", delete_and_rerun=True
        ) from error
    return model.to(device).eval(), processor, share


def _plain(folder: str, precision: torch.dtype) -> Model:
    return AutoModelForImageTextToText.from_pretrained(folder, dtype=precision, use_safetensors=True)


def _trained(base: str, folder: str, precision: torch.dtype, weights: str) -> tuple[Model, float | None]:
    """Load the complete model in ``folder``. DataError if weights are missing, which transformers would fill in."""
    rounds = weights in ROUNDINGS
    loaded: Any = AutoModelForImageTextToText.from_pretrained(
        folder, dtype=torch.float32 if rounds else precision, use_safetensors=True, output_loading_info=True
    )
    model, info = loaded
    if wrong := len(info["missing_keys"]) + len(info["unexpected_keys"]):
        raise DataError(
            folder, f"{wrong} tensors do not fit its config.json", "train the cell again", delete_and_rerun=True
        )
    share = round_trained(model, _plain(base, torch.float32)) if rounds else None
    for parameter in model.parameters():  # parameters only: the tables of rotary frequencies stay float32
        parameter.data = parameter.data.to(precision)
    return model, share


def _adapted(model: Model, adapter: str, weights: str, merge: bool) -> tuple[Model, float | None]:
    """Put the adapter on ``model``. DataError if its tensors do not fit the layers, which PEFT would ignore."""
    model = PeftModel.from_pretrained(model, adapter)
    stored, used = load_file(Path(adapter) / "adapter_model.safetensors"), get_peft_model_state_dict(model)
    if set(stored) != set(used):
        raise DataError(
            adapter,
            f"{len(set(stored) ^ set(used))} tensors do not fit the base model",
            "train the cell again",
            delete_and_rerun=True,
        )
    if weights in ROUNDINGS:
        return merge_rounded(model, weights)
    return model.merge_and_unload() if merge else model, None


class CepoLocal(lmms):
    """Chat model on CPU or one GPU. After ``generate_until``, ``answers`` maps (task, row) to an :class:`Answer`."""

    is_simple = False

    def __init__(
        self,
        base: str,
        adapter: str | None = None,
        device: str = "cpu",
        dtype: str = "float32",
        batch_size: int = 128,
        seed: int | str = 0,
        progress: Callable[[int, int], None] | None = None,
        max_batch_size: int | None = None,
        weights: str = "adapter",
        kept: AnswerFolder | None = None,
        least_tokens: int = 1,
    ) -> None:
        """``kept``: where answers are written as they come, and those of a killed run are read; None: nowhere.

        ``least_tokens``: a task's own limit on the length of a response that is lower is raised to it.
        """
        super().__init__()
        self.model, self.processor, self.update_kept = load(base, adapter, dtype, device, weights)
        self.device, self.batch_size, self.seed, self.progress = device, int(batch_size), str(seed), progress
        self.least_tokens = least_tokens
        ends = self.model.generation_config.eos_token_id
        self.ends: list[int] = list(ends) if isinstance(ends, list) else [ends]
        self.barred = barred_tokens(self.processor.tokenizer, self.model.config.get_text_config().vocab_size, self.ends)
        self.answers: dict[tuple[str, int], Answer] = {}
        self.seconds = 0.0  # spent in generate_until, prompts and images included
        self.writer = None if kept is None else AnswerWriter(kept.folder)
        self.known = {} if kept is None else kept.read()

    def generate_until(self, requests: list[Request]) -> list[Any]:
        """Return responses in the order of ``requests``. A batch holds requests of similar length."""
        started = time.perf_counter()
        results = {i: self._recall(request) for i, request in enumerate(requests) if _key(request) in self.known}
        for settings, batch in self._batches(requests, [i for i in range(len(requests)) if i not in results]):
            for i, result in zip(batch, self._respond([requests[i] for i in batch], settings), strict=True):
                results[i] = result
            if self.progress is not None:
                self.progress(len(results), len(requests))
        self.seconds += time.perf_counter() - started
        return [results[i] for i in range(len(requests))]

    def _recall(self, request: Request) -> GenerationResult:
        """An answer that a killed run has given."""
        text, *fields = (
            self.known[_key(request)][name] for name in ("text", "prompt", "tokens", "truncated", "settings")
        )
        self.answers[request.args[4], request.args[3]] = Answer(*fields)
        return GenerationResult(text=text, token_counts=TokenCounts(output_tokens=fields[1]))

    def _batches(self, requests: list[Request], left: list[int]) -> Iterator[tuple[dict[str, OptionValue], list[int]]]:
        """Sampling settings and indices of each batch of those ``left``: equal settings, same task, similar length."""
        groups: dict[tuple, list[int]] = {}
        for i in left:
            settings = {name: requests[i].args[2].get(name, default) for name, default in _DEFAULTS.items()}
            settings["max_new_tokens"] = max(int(settings["max_new_tokens"]), self.least_tokens)
            groups.setdefault(tuple(settings.items()), []).append(i)
        for items, indices in groups.items():
            indices.sort(key=lambda i: (requests[i].args[4], len(requests[i].args[0])))
            for start in range(0, len(indices), self.batch_size):
                yield dict(items), indices[start : start + self.batch_size]

    def _prompt(self, request: Request) -> tuple[str, list[Image]]:
        """Render the prompt of a request and load its images, as lmms-eval's task words them."""
        _, doc_to_messages, _, row, task, split = request.args
        chat = ChatMessages(messages=doc_to_messages(self.task_dict[task][split][row]))
        messages = chat.to_hf_messages()
        text = self.processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return text, chat.extract_media()[0]

    def _respond(self, requests: list[Request], settings: dict[str, OptionValue]) -> list[GenerationResult]:
        prompts = [self._prompt(request) for request in requests]
        images = [image for _, some in prompts for image in some]
        texts = [text for text, _ in prompts]
        inputs = self.processor(text=texts, images=images or None, padding=True, return_tensors="pt").to(self.device)
        length, limit = inputs["input_ids"].shape[1], int(settings["max_new_tokens"])
        uniform = noise(self.seed, [_key(request) for request in requests], limit).to(self.device)
        pad = self.processor.tokenizer.pad_token_id
        output = decode(
            self.model,
            inputs,
            limit,
            self.ends,
            pad,
            lambda rows: sampler(settings, self.barred, uniform[rows], length),
        )
        return [
            self._record(request, prompt, tokens, settings)
            for request, prompt, tokens in zip(requests, texts, output.cpu(), strict=True)
        ]

    def _record(
        self, request: Request, prompt: str, tokens: torch.Tensor, settings: dict[str, OptionValue]
    ) -> GenerationResult:
        ended = torch.isin(tokens, torch.tensor(self.ends)).nonzero()
        count = int(ended[0]) + 1 if len(ended) else len(tokens)
        answer = self.answers[request.args[4], request.args[3]] = Answer(prompt, count, not len(ended), settings)
        text = self.processor.tokenizer.decode(tokens[:count], skip_special_tokens=True)
        if self.writer is not None:
            self.writer.write(_key(request), asdict(answer) | {"text": text})
        return GenerationResult(text=text, token_counts=TokenCounts(output_tokens=count))

    def loglikelihood(self, requests: list[Request]) -> list[tuple[float, bool]]:
        """None of the five tasks asks for it."""
        raise NotImplementedError("cepo_local generates only")

    def generate_until_multi_round(self, requests: list[Request]) -> list[str]:
        """None of the five tasks asks for it."""
        raise NotImplementedError("cepo_local generates only")


def _key(request: Request) -> str:
    """Task and row of a question: what its noise is drawn by, and what its answer is kept under."""
    return f"{request.args[4]}/{request.args[3]}"
