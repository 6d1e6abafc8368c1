"""Where the status of a run is shown: one block that is redrawn on a terminal, one line at a time elsewhere."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

REDRAWN_EVERY = 2.0  # seconds, on a terminal
RECENT = 3  # jobs that ended last, in the block


@dataclass(frozen=True)
class StatusBlock:
    """The status of one moment."""

    clock: str  # since the run began
    summary: str
    ended: list[str]  # since the last block
    failed: list[str]  # since the last block
    running: list[str]

    @property
    def lines(self) -> list[str]:
        """All of it, a line each."""
        return [f"{self.clock} | {line}" for line in [self.summary, *self.failed, *self.ended, *self.running]]

    @property
    def line(self) -> str:
        """In one line: what failed and what runs, not what ended well."""
        running = [job.removeprefix("running: ") for job in self.running]
        parts = [self.summary, *self.failed, *([f"running: {'; '.join(running)}"] if running else [])]
        return f"{self.clock} | {'; '.join(parts)}"


class StatusDisplay(Protocol):
    """Shows one status after the other."""

    def show(self, block: StatusBlock) -> None:
        """Show this status."""
        ...

    def close(self) -> None:
        """Show no more."""
        ...


@dataclass(frozen=True)
class LineDisplay:
    """A line for each status: for logs and pipes."""

    stream: TextIO

    def show(self, block: StatusBlock) -> None:
        """Write one line."""
        print(block.line, file=self.stream, flush=True)

    def close(self) -> None:
        """Nothing is left to do."""


class RedrawnDisplay:
    """One block at the bottom of a terminal; what failed stays above it."""

    def __init__(self, stream: TextIO) -> None:
        console = Console(file=stream, highlight=False)
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="ellipsis", redirect_stdout=False)
        self._recent: deque[str] = deque(maxlen=RECENT)
        self._live.start()

    def show(self, block: StatusBlock) -> None:
        """Draw the block in the place of the last one."""
        for line in block.failed:
            self._live.console.print(Text(f"{block.clock} | {line}", "red"))
        self._recent.extend(block.ended)
        lines = [Text(f"{block.clock} | {block.summary}", "bold")]
        lines += [Text(f"  {line}", "dim") for line in self._recent]
        lines += [Text(f"  {line}") for line in block.running]
        for line in lines:
            line.truncate(self._live.console.width, overflow="ellipsis")
        self._live.update(Text("\n").join(lines), refresh=True)

    def close(self) -> None:
        """Leave the last block where it is."""
        self._live.stop()


def display_for(stream: TextIO) -> StatusDisplay:
    """The display that suits ``stream``."""
    return RedrawnDisplay(stream) if stream.isatty() else LineDisplay(stream)
