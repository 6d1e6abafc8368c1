"""Answers of an evaluation that is under way, written as they come, so that a killed one goes on where it was.

Every process writes a file of its own, a JSON line for each answer, so that no two write into one file and only the
last line of a file can be torn. The folder belongs to one evaluation: another model or other settings empty it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from contracts.files import write_text

IDENTITY = "evaluation.txt"
PART = ".jsonl"


class AnswerFolder:
    """The answers so far, by the key of the question; ``identity`` says in one text which evaluation they belong to."""

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder = folder
        written = folder / IDENTITY
        if folder.exists() and not (written.exists() and written.read_text(encoding="utf-8") == identity):
            shutil.rmtree(folder)
        write_text(written, identity)

    def read(self) -> dict[str, dict[str, Any]]:
        """Every answer that was written whole."""
        lines = [line for part in sorted(self.folder.glob(f"*{PART}")) for line in _whole_lines(part)]
        return {found.pop("key"): found for found in map(json.loads, lines)}

    def count(self) -> int:
        """How many answers were written, by all processes."""
        return sum(part.read_bytes().count(b"\n") for part in self.folder.glob(f"*{PART}"))

    def remove(self) -> None:
        """Remove the folder: the answers are kept elsewhere now."""
        shutil.rmtree(self.folder)


class AnswerWriter:
    """Writes the answers of this process into ``folder``, each at once, so that a kill loses none that was given."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{time.time_ns()}-{os.getpid()}{PART}"

    def write(self, key: str, fields: dict[str, Any]) -> None:
        """Append one answer."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key} | fields, ensure_ascii=False) + "\n")


def identity(depends: Sequence[str], folders: Iterable[Path | None]) -> str:
    """sha256 hex of what answers depend on: some texts, and every byte of the weights in ``folders``."""
    digest = hashlib.sha256(json.dumps(depends).encode())
    for folder in folders:
        for file in sorted(folder.glob("*.safetensors")) if folder is not None else []:
            with file.open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
        digest.update(b"/")
    return digest.hexdigest()


def _whole_lines(part: Path) -> list[str]:
    """Lines of a file; a last one that a kill has cut is left out."""
    return part.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
