"""Test only: the part of vLLM 0.11 that EasyR1 calls, on transformers' generate and one CPU thread.

Like vLLM it takes LoRA tensors as requests and rolls out the base model for a request without one, or takes all weights
of the model, honours one SamplingParams per prompt, numbers the seeds of a prompt's n samples upwards, expands image
placeholders itself and stops where prompt and response reach ``max_model_len``.
An untrained model is never right: half of a prompt's samples are the texts of CEPO_TEST_RESPONSES, where that is set.
"""

import json
import os
import re
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import torch
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor, GenerationConfig, LogitsProcessor
from transformers.models.qwen3_vl import modeling_qwen3_vl as qwen3_vl

__version__ = "0.11.0"
# EasyR1 replaces these two for the whole process when it packs; the model that rolls out keeps its own.
FORWARDS = {cls: cls.forward for cls in (qwen3_vl.Qwen3VLModel, qwen3_vl.Qwen3VLForConditionalGeneration)}


@dataclass
class SamplingParams:
    n: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = -1
    seed: int | None = None
    ignore_eos: bool = False
    max_tokens: int = 16
    detokenize: bool = True
    logit_bias: dict | None = None
    logprobs: int | None = None

    def clone(self):
        return replace(self)


@dataclass
class CompletionOutput:
    token_ids: tuple
    logprobs: list | None = None  # for each token a dict from its id to an object with its log-prob


@dataclass
class RequestOutput:
    outputs: list = field(default_factory=list)


class _Bias(LogitsProcessor):
    def __init__(self, bias):
        self.bias = bias

    def __call__(self, input_ids, scores):
        for token, value in self.bias.items():
            scores[:, int(token)] += max(-100.0, min(100.0, value))
        return scores


class LLM:
    def __init__(self, model, load_format="auto", enable_lora=False, max_model_len=None, **_):
        self.max_model_len = max_model_len
        self.processor = AutoProcessor.from_pretrained(model, use_fast=True)
        config = AutoConfig.from_pretrained(model)
        make = AutoModelForImageTextToText
        self.model = make.from_config(config) if load_format == "dummy" else make.from_pretrained(model)
        self.model = self.model.float().eval()
        self.model.generation_config = GenerationConfig.from_pretrained(model)
        for module in self.model.modules():
            if type(module) in FORWARDS:
                module.forward = FORWARDS[type(module)].__get__(module)
        self.loras, self.last_params = {}, None
        self.model.load_weights = self._load_weights
        self.given = json.loads(os.environ.get("CEPO_TEST_RESPONSES", "[]"))
        worker = SimpleNamespace(model_runner=SimpleNamespace(model=self.model, encoder_cache={}))
        executor = SimpleNamespace(driver_worker=SimpleNamespace(worker=worker))
        self.llm_engine = SimpleNamespace(
            model_executor=executor, list_loras=lambda: set(self.loras), add_lora=self._add_lora
        )

    @torch.no_grad()
    def _load_weights(self, weights):
        own = self.model.state_dict()
        for name, tensor in weights:
            own.pop(name).copy_(tensor)
        assert not own, f"not handed over: {sorted(own)}"

    def _add_lora(self, request):
        self.loras = {request.lora_int_id: request}  # max_loras is 1

    def sleep(self, level=1):
        pass

    def wake_up(self, tags=None):
        pass

    @torch.no_grad()
    def generate(self, prompts, sampling_params, lora_request=None, use_tqdm=False):
        count = len(prompts)
        self.last_params = sampling_params if isinstance(sampling_params, list) else [sampling_params] * count
        requests = lora_request if isinstance(lora_request, list) else [lora_request] * count
        outputs = []
        for prompt, params, request in zip(prompts, self.last_params, requests, strict=True):
            deltas = self._deltas(self.loras[request.lora_int_id]) if request is not None else {}
            self._add(deltas, 1.0)
            found = [self._sample(prompt, params, i) for i in range(params.n)]
            outputs.append(RequestOutput([CompletionOutput(ids, self._logprobs(prompt, params, ids)) for ids in found]))
            self._add(deltas, -1.0)
        return outputs

    def _sample(self, prompt, params, index):
        if self.given and index >= params.n / 2:
            ids = self.processor.tokenizer.encode(self.given[index % len(self.given)], add_special_tokens=False)
            return (*ids, self.model.generation_config.eos_token_id[0])[: params.max_tokens]
        inputs = self._inputs(prompt)
        length = inputs["input_ids"].shape[1]
        limit = params.max_tokens if self.max_model_len is None else self.max_model_len - length
        tokenizer, ends = self.processor.tokenizer, self.model.generation_config.eos_token_id
        with torch.random.fork_rng():
            torch.manual_seed(0 if params.seed is None else params.seed + index)
            out = self.model.generate(
                **inputs, do_sample=params.temperature > 0, temperature=params.temperature or 1.0, top_p=params.top_p,
                top_k=max(params.top_k, 0), max_new_tokens=min(params.max_tokens, limit), eos_token_id=ends,
                pad_token_id=tokenizer.pad_token_id, logits_processor=[_Bias(params.logit_bias or {})],
            )  # fmt: skip
        return tuple(out[0, length:].tolist())

    def _logprobs(self, prompt, params, ids):
        """At temperature 1 and without bias, as vLLM's default raw_logprobs."""
        if params.logprobs is None:
            return None
        inputs = self._inputs(prompt)
        first = inputs["input_ids"].shape[1] - 1
        inputs["input_ids"] = torch.cat([inputs["input_ids"], torch.tensor([ids])], dim=1)
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        logp = self.model(**inputs).logits[0, first:-1].log_softmax(-1)
        return [{token: SimpleNamespace(logprob=float(row[token]))} for token, row in zip(ids, logp, strict=True)]

    def _inputs(self, prompt):
        ids, images = list(prompt["prompt_token_ids"]), (prompt.get("multi_modal_data") or {}).get("image", [])
        extra = {}
        if images:
            extra = dict(self.processor.image_processor(images=images, return_tensors="pt"))
            merged = self.processor.image_processor.merge_size**2
            counts = iter((extra["image_grid_thw"].prod(-1) // merged).tolist())
            image = self.processor.image_token_id
            ids = [token for i in ids for token in ([i] * next(counts) if i == image else [i])]
        tokens = torch.tensor([ids])
        return {"input_ids": tokens, "attention_mask": torch.ones_like(tokens), **extra}

    def _deltas(self, request):
        """Weight name -> scale * B A of one LoRA request."""
        tensors, config = request.lora_tensors, request.peft_config
        pairs = {re.sub(r"\.lora_[AB]\.weight$", "", name) for name in tensors}
        scale = config["lora_alpha"] / config["r"]
        return {
            name.removeprefix("base_model.model."): scale
            * tensors[f"{name}.lora_B.weight"].float()
            @ tensors[f"{name}.lora_A.weight"].float()
            for name in pairs
        }

    def _add(self, deltas, sign):
        for name, delta in deltas.items():
            self.model.get_submodule(name).weight += sign * delta
