"""A process in vLLM's environment that samples responses for the local engine: ``python -m ... <socket>``.

Messages over the local socket are pickled dicts of plain numbers and NumPy arrays, because the two environments have
different versions of torch. The first message holds the arguments of ``vllm.LLM``. Each later one is a question for
:func:`sample` and gets one answer.
"""

# pyright: reportMissingImports=false
from __future__ import annotations

import os
import sys
from multiprocessing.connection import Client
from typing import Any

import numpy as np

from methods.shared.lifetimes import end_children_with_this, end_with_parent
from methods.shared.vllm import BIAS

KEY = "CEPO_ROLLOUT_KEY"  # hex; each side of the socket proves with it that it is the expected process


def serve(address: str) -> None:
    """Answer until the other side closes the connection. A failure is sent as text, and raised here for the log."""
    from vllm import LLM  # pyright: ignore[reportAttributeAccessIssue]

    with Client(address, authkey=bytes.fromhex(os.environ[KEY])) as pipe:
        try:
            engine = LLM(**pipe.recv())
            pipe.send("ready")
            while True:
                pipe.send(sample(engine, pipe.recv()))
        except EOFError:
            return
        except Exception as error:
            pipe.send(RuntimeError(f"{type(error).__name__}: {error}"))
            raise


def sample(engine: Any, asked: dict[str, Any]) -> list[tuple[list[int], list[float]]]:  # noqa: ANN401 - vllm.LLM
    """Token ids and their log-probs (nats, temperature 1, nothing barred) of one response per request, in order.

    ``asked``: ``adapter``, its number and folder, or None; ``barred`` and ``ends``, token ids; ``temperature``;
    ``prompts``, each with ``ids`` (one placeholder an image), ``features`` (tokens, hidden x (1 + DeepStack layers)) or
    None, and ``grid`` (images, 3) in patches; ``requests``, each (row of the prompt, seed, limit of tokens).
    """
    from vllm import SamplingParams  # pyright: ignore[reportAttributeAccessIssue]
    from vllm.lora.request import LoRARequest

    lora = asked["adapter"] and LoRARequest(f"step{asked['adapter'][0]}", *asked["adapter"])
    bias = dict.fromkeys(asked["barred"], BIAS)
    prompts = [_prompt(prompt) for prompt in asked["prompts"]]
    params = [
        SamplingParams(
            temperature=asked["temperature"], top_p=1.0, top_k=0, seed=seed, max_tokens=limit, logprobs=0,
            logit_bias=bias, stop_token_ids=asked["ends"], detokenize=False,
        )
        for _, seed, limit in asked["requests"]
    ]  # fmt: skip
    rows = [prompts[row] for row, _, _ in asked["requests"]]
    replies = engine.generate(rows, params, lora_request=lora, use_tqdm=False)
    return [_tokens(reply.outputs[0]) for reply in replies]


def _prompt(prompt: dict[str, Any]) -> dict[str, Any]:
    import torch

    if prompt["features"] is None:
        return {"prompt_token_ids": prompt["ids"]}
    image = {
        "image_embeds": torch.from_numpy(np.asarray(prompt["features"])),
        "image_grid_thw": torch.tensor(prompt["grid"]),
    }
    return {"prompt_token_ids": prompt["ids"], "multi_modal_data": {"image": image}}


def _tokens(completion: Any) -> tuple[list[int], list[float]]:  # noqa: ANN401 - vllm.CompletionOutput
    ids = list(completion.token_ids)
    return ids, [place[token].logprob for token, place in zip(ids, completion.logprobs, strict=True)]


if __name__ == "__main__":
    end_with_parent()
    end_children_with_this()
    serve(sys.argv[1])
