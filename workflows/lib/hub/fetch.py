"""Download what a config names on the hub. Only this and the checkout of EasyR1 use the network.

A download that was stopped continues where it was. Every file is checked against the size and digest that the hub
states, and what was fetched is written to the lock beside the config, so that another machine gets the same bytes.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from contracts.errors import DataError
from contracts.files import write_text
from workflows.lib.hub.needs import (
    FETCH,
    LOCK,
    Locked,
    LockedFile,
    Need,
    cache,
    lacking,
    read_lock,
    revision,
    snapshot,
)

SPARE = 1e9  # bytes left on the disk
Say = Callable[[str], None]


def fetch(needs: Sequence[Need], lock_path: Path, say: Say) -> None:
    """Download every repository of ``needs`` into the hub's cache and record it in the lock.

    Raises DataError for a repository or file that cannot be had, is not what the hub says, or does not fit the disk;
    what was fetched before is kept and recorded.
    """
    for need in needs:
        lock = read_lock(lock_path)
        if lacking(need, lock) is None:
            say(f"{need.repo}: here already, {lock[need.key].revision}")
            continue
        locked = _fetch(need, revision(need, lock), say)
        text = LOCK.dump_json(dict(sorted((lock | {need.key: locked}).items())), indent=1).decode()
        write_text(lock_path, text + "\n")


def _fetch(need: Need, commit: str | None, say: Say) -> Locked:
    from huggingface_hub import HfApi, snapshot_download

    place, hub = f"{need.repo}@{commit or 'main'} ({need.place})", HfApi()
    sha = commit or _ask(place, lambda: hub.repo_info(need.repo, repo_type=need.kind).sha)
    asked = {"repo_type": need.kind, "revision": sha}
    files = _wanted(need, place, _ask(place, lambda: list(hub.list_repo_tree(need.repo, recursive=True, **asked))))
    missing = {name: file for name, file in files.items() if not (snapshot(need, sha) / name).is_file()}
    _check_disk(place, sum(file.size for file in missing.values()))
    say(f"{need.repo}: {len(files)} files, {sum(file.size for file in files.values()) / 1e9:.2f} GB, {sha}")
    folder = Path(_ask(place, lambda: snapshot_download(need.repo, allow_patterns=sorted(files), **asked)))
    for name, file in files.items():
        _verify(folder / name, file)
    return Locked(revision=sha, files=files)


def _ask(place: str, request: Callable[[], Any]) -> Any:  # noqa: ANN401
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    try:
        return request()
    except RevisionNotFoundError:
        raise DataError(place, "the hub has no such commit", "correct 'revision' in the config") from None
    except RepositoryNotFoundError:
        cause = "the hub has no such repository, or none that is open to you"
        raise DataError(place, cause, "correct its name, or run: .venv/bin/hf auth login") from None
    except Exception as error:  # of the hub, of the HTTP library that its client happens to use, of the disk
        way_out = "check the network (HF_ENDPOINT names a mirror) and the disk; make fetch goes on from here"
        raise DataError(place, f"cannot be fetched ({type(error).__name__}: {str(error)[:200]})", way_out) from error


def _wanted(need: Need, place: str, tree: Sequence[Any]) -> dict[str, LockedFile]:
    """The files that the config needs, as the hub describes them."""
    from huggingface_hub import RepoFile
    from huggingface_hub.utils import filter_repo_objects

    described = {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}
    names = sorted(filter_repo_objects(described, allow_patterns=list(need.patterns)))
    wanted = {name: LockedFile(size=described[name].size, digest=_stated(described[name])) for name in names}
    kinds = ("*.safetensors",) if need.kind == "model" else need.patterns
    if not list(filter_repo_objects(wanted, allow_patterns=list(kinds))):
        cause = f"has no file named {' or '.join(kinds)}; it has {', '.join(sorted(described)[:8])}"
        raise DataError(place, cause, "choose another repository or revision")
    return wanted


def _stated(file: Any) -> str:  # noqa: ANN401
    return f"sha256:{file.lfs.sha256}" if file.lfs else f"git:{file.blob_id}"


def _verify(path: Path, file: LockedFile) -> None:
    """Delete the file and raise DataError unless size and digest are those that the hub states."""
    size = path.stat().st_size
    if size == file.size and digest(path, file.digest.partition(":")[0]) == file.digest:
        return
    path.resolve().unlink()
    path.unlink(missing_ok=True)
    cause = f"is not what the hub says it is ({size} bytes, expected {file.size})"
    raise DataError(str(path), cause, f"it was removed; {FETCH}")


def digest(path: Path, kind: str) -> str:
    """``sha256:`` of the content, or ``git:``, the SHA-1 by which git names the blob."""
    header = b"" if kind == "sha256" else f"blob {path.stat().st_size}\0".encode()
    computed = hashlib.new("sha256" if kind == "sha256" else "sha1", header, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            computed.update(block)
    return f"{kind}:{computed.hexdigest()}"


def _check_disk(place: str, wanted: float) -> None:
    folder = next(parent for parent in (cache(), *cache().parents) if parent.exists())
    free = shutil.disk_usage(folder).free
    if free < wanted + SPARE:
        cause = f"needs {wanted / 1e9:.1f} GB, only {free / 1e9:.1f} GB free on the disk of {cache()}"
        raise DataError(place, cause, "free some, or set HF_HOME to another disk")
