"""Questions put to vLLM engines, with the sampling parameters that each engine really took."""

# pyright: reportMissingImports=false
from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from contracts.errors import EvalError
from evals.answer_folder import AnswerWriter
from evals.vllm.reply import Output, Params, Reply, reply_of
from methods.shared.lifetimes import end_with_parent

Engine = Any  # vllm.LLM
Lora = Any  # vllm's LoRARequest, or None
Told = Callable[[Reply], None]


@contextmanager
def watching(engine: Engine, told: Told) -> Iterator[dict[str, Reply]]:
    """Replies of ``engine`` by its number of the request, each there and told of as soon as it is finished.

    The core gets a copy of the parameters that a caller gave, completed by vLLM: a reply holds that copy.
    """
    inner, core = engine.llm_engine, engine.llm_engine.engine_core
    held: dict[str, Params] = {}
    replies: dict[str, Reply] = {}
    pass_on, step_on = core.add_request, inner.step

    def add_request(request: Any) -> None:  # noqa: ANN401 - vllm's EngineCoreRequest
        held[request.external_req_id] = request.sampling_params
        pass_on(request)

    def step() -> list[Output]:
        outputs = step_on()
        for output in outputs:
            if output.finished:
                reply = replies[output.request_id] = reply_of(output, held[output.request_id])
                told(reply)
        return outputs

    core.add_request, inner.step = add_request, step
    try:
        yield replies
    finally:
        del core.add_request, inner.step  # uncovers the methods of the classes again


def ask(
    engine: Engine, messages: list[Any], params: list[Params], template: str | None, lora: Lora, told: Told
) -> list[Reply]:
    """Replies of one engine, in the order of ``messages`` (OpenAI's form); ``told`` hears of each when it is there."""
    if not messages:
        return []
    with watching(engine, told) as replies:
        outputs = engine.chat(
            messages=messages, sampling_params=params, chat_template=template, lora_request=lora, use_tqdm=False
        )
    if len(replies) != len(messages):
        raise EvalError("vllm", f"{len(replies)} replies came from the engine, {len(messages)} questions were asked")
    return [replies[output.request_id] for output in outputs]


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
    def start(options: dict[str, Any], environment: dict[str, str], answers: Path) -> Replica:
        """Start the process; it loads the model while this one goes on, and writes its replies to ``answers``."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, options, environment, answers))
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


def _write(writer: AnswerWriter, reply: Reply) -> None:
    writer.write(str(reply.seed), asdict(reply))


def _serve(pipe: Any, options: dict[str, Any], environment: dict[str, str], answers: Path) -> None:  # noqa: ANN401
    """What a replica's process runs: report that the model is loaded, then answer until the pipe closes.

    It ends with the process that started it, so that no model stays on a GPU. A failure is sent as a text.
    """
    end_with_parent()
    os.environ.update(environment)
    writer = AnswerWriter(answers)
    try:
        from vllm import LLM  # pyright: ignore[reportAttributeAccessIssue]

        engine = LLM(**options)
        pipe.send(None)  # the model is loaded: CepoVllm waits for this message before it asks
        while True:
            messages, params, template, lora = pipe.recv()
            told = partial(_write, writer)
            pipe.send(ask(engine, messages, params, template, lora, told))
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
        answers: Path,
        told: Callable[[], None],
    ) -> None:
        """``told`` is called when replies have come."""
        self.first, self.replicas, self.lora, self.told = first, replicas, lora, told
        self.writer = AnswerWriter(answers)
        self.replies: dict[str, Reply] = {}  # by seed, over all calls

    def chat(self, messages: list[Any], sampling_params: list[Params], chat_template: str | None) -> list[Any]:
        """One output per conversation, in order. Question i goes to engine i modulo their number."""
        count = 1 + len(self.replicas)
        shares = [(messages[i::count], sampling_params[i::count], chat_template, self.lora) for i in range(count)]
        for replica, share in zip(self.replicas, shares[1:], strict=True):
            replica.send(share)
        found = [ask(self.first, *shares[0], self._keep)]
        found += [replica.receive() for replica in self.replicas]
        replies = [found[i % count][i // count] for i in range(len(messages))]
        self.replies |= {str(reply.seed): reply for reply in replies}
        self.told()
        return [SimpleNamespace(outputs=[reply]) for reply in replies]  # upstream reads .outputs[0].text

    def _keep(self, reply: Reply) -> None:
        self.writer.write(str(reply.seed), asdict(reply))
        self.told()

    def close(self) -> None:
        """End the processes of the replicas; the first engine ends with this process."""
        for replica in self.replicas:
            replica.close()
