"""Questions put to vLLM engines, with the sampling parameters that each engine really took."""

# pyright: reportMissingImports=false
from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from contracts.errors import EvalError

Engine = Any  # vllm.LLM
Output = Any  # vllm.RequestOutput
Params = Any  # vllm.SamplingParams
Lora = Any  # vllm's LoRARequest, or None
Reply = tuple[Output, Params]  # what came back, and the parameters at the door of the engine's core


@contextmanager
def watching(engine: Engine) -> Iterator[list[Params]]:
    """A list that grows by the parameters of every request that reaches the core of ``engine`` within the block.

    The core gets a copy of what a caller gave, completed by vLLM: this is the copy.
    """
    core, held = engine.llm_engine.engine_core, []
    pass_on = core.add_request

    def add_request(request: Any) -> None:  # noqa: ANN401 - vllm's EngineCoreRequest
        held.append(request.sampling_params)
        pass_on(request)

    core.add_request = add_request
    try:
        yield held
    finally:
        del core.add_request  # uncovers the method of the class again


def ask(engine: Engine, messages: list[Any], params: list[Params], template: str | None, lora: Lora) -> list[Reply]:
    """Replies of one engine, in the order of ``messages`` (OpenAI's form)."""
    if not messages:
        return []
    with watching(engine) as held:
        outputs = engine.chat(
            messages=messages, sampling_params=params, chat_template=template, lora_request=lora, use_tqdm=False
        )
    if len(held) != len(messages):
        raise EvalError("vllm", f"{len(held)} requests reached the engine, {len(messages)} were made")
    return list(zip(outputs, held, strict=True))


def moves(engine: Engine, lora: Lora) -> bool:
    """Whether the adapter changes any log-prob of a few tokens: vLLM leaves out weights it cannot place."""
    from vllm import SamplingParams  # pyright: ignore[reportAttributeAccessIssue]

    params = SamplingParams(temperature=0.0, max_tokens=1, prompt_logprobs=0)
    prompt = {"prompt_token_ids": list(range(1, 9))}
    with_it, without = (
        [{token: found.logprob for token, found in (place or {}).items()} for place in output.prompt_logprobs]
        for adapter in (lora, None)
        for output in engine.generate([prompt], params, lora_request=adapter, use_tqdm=False)
    )
    return with_it != without


@dataclass(frozen=True)
class Replica:
    """A further engine in a process of its own, on devices of its own."""

    process: Any  # multiprocessing's Process
    pipe: Any  # multiprocessing's Connection

    @staticmethod
    def start(options: dict[str, Any], environment: dict[str, str]) -> Replica:
        """Start the process; it loads the model while this one goes on."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, options, environment))
        process.start()
        theirs.close()
        return Replica(process, ours)

    def receive(self) -> Any:  # noqa: ANN401 - what the process sent
        """Wait for the next message of the process; EvalError if the process failed or ended."""
        try:
            message = self.pipe.recv()
        except (EOFError, OSError):
            raise self._ended() from None
        if isinstance(message, str):
            raise EvalError("vllm", f"a replica failed: {message}", "see the log")
        return message

    def send(self, message: object) -> None:
        """Send the process a message; EvalError if it ended."""
        try:
            self.pipe.send(message)
        except OSError:
            raise self._ended() from None

    def _ended(self) -> EvalError:
        self.process.join()
        return EvalError("vllm", f"a replica ended (exit code {self.process.exitcode})", "see the log")

    def close(self) -> None:
        """Close the pipe, at which the process ends, and wait for that."""
        self.pipe.close()
        self.process.join()


def _serve(pipe: Any, options: dict[str, Any], environment: dict[str, str]) -> None:  # noqa: ANN401 - a Connection
    """What a replica's process runs: report that the model is loaded, then answer until the pipe closes.

    A failure is sent as a text.
    """
    os.environ.update(environment)
    try:
        from vllm import LLM  # pyright: ignore[reportAttributeAccessIssue]

        engine = LLM(**options)
        pipe.send(None)  # the model is loaded: CepoVllm waits for this message before it asks
        while True:
            pipe.send(ask(engine, *pipe.recv()))
    except EOFError:
        return
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}")
        raise


class Engines:
    """The engine of this process and its replicas as one; stands where lmms-eval's model keeps its ``vllm.LLM``."""

    def __init__(
        self,
        first: Engine,
        replicas: Sequence[Replica],
        lora: Lora,
        told: Callable[[int], None],
    ) -> None:
        self.first, self.replicas, self.lora, self.told = first, replicas, lora, told
        self.replies: list[Reply] = []  # in the order of the questions, over all calls

    def chat(self, messages: list[Any], sampling_params: list[Params], chat_template: str | None) -> list[Output]:
        """One output per conversation, in order. Question i goes to engine i modulo their number."""
        count = 1 + len(self.replicas)
        shares = [(messages[i::count], sampling_params[i::count], chat_template, self.lora) for i in range(count)]
        for replica, share in zip(self.replicas, shares[1:], strict=True):
            replica.send(share)
        found = [ask(self.first, *shares[0])]
        found += [replica.receive() for replica in self.replicas]
        replies = [found[i % count][i // count] for i in range(len(messages))]
        self.replies += replies
        self.told(len(self.replies))
        return [output for output, _ in replies]

    def close(self) -> None:
        """End the processes of the replicas; the first engine ends with this process."""
        for replica in self.replicas:
            replica.close()
