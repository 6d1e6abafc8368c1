"""A Hugging Face hub on loopback: repositories are folders, revisions are fixed, files of 64 bytes and more are LFS."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

LFS = 64  # bytes


def commit(repo: str) -> str:
    """The only revision of a repository."""
    return hashlib.sha1(repo.encode()).hexdigest()  # noqa: S324 - a name, not a secret


@dataclass
class Hub:
    """``<root>/models/<owner>/<name>`` and ``<root>/datasets/...`` served at ``url``."""

    root: Path
    url: str = ""
    asked: list[str] = field(default_factory=list)  # files that were downloaded
    broken: set[str] = field(default_factory=set)  # files that are served with other bytes than stated
    cut: set[str] = field(default_factory=set)  # files whose transfer breaks off half way, once

    def describe(self, repo: str) -> bytes:
        """What the hub's API says of a repository."""
        return json.dumps({"id": repo, "sha": commit(repo), "siblings": [], "tags": []}).encode()

    def tree(self, kind: str, repo: str) -> bytes:
        """What the hub's API says of the files of a repository."""
        folder = self.root / kind / repo
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        return json.dumps([_entry(path.read_bytes(), path.relative_to(folder).as_posix()) for path in files]).encode()


def _entry(data: bytes, name: str) -> dict:
    lfs = {"lfs": {"oid": etag(data), "size": len(data), "pointerSize": 130}} if len(data) >= LFS else {}
    blob = "0" * 40 if lfs else etag(data)
    return {"type": "file", "path": name, "size": len(data), "oid": blob} | lfs


def etag(data: bytes) -> str:
    """sha256 of an LFS file, the git blob's SHA-1 of a small one."""
    if len(data) >= LFS:
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()  # noqa: S324


class Handler(BaseHTTPRequestHandler):
    """Answers as the hub does; ``hub`` is set on a subclass of its own per server."""

    hub: Hub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        if parts[0] == "api":
            return self._api(parts[1], "/".join(parts[2:4]), *parts[4:6])
        kind, rest = ("datasets", parts[1:]) if parts[0] == "datasets" else ("models", parts)
        repo, path = "/".join(rest[:2]), self.hub.root / kind / "/".join(rest[:2]) / "/".join(rest[4:])
        return self._file(repo, path, body)

    def _api(self, kind: str, repo: str, what: str = "revision", revision: str = "main") -> None:
        if not (self.hub.root / kind / repo).is_dir():
            return self._refuse("RepoNotFound")
        if revision not in ("main", commit(repo)):
            return self._refuse("RevisionNotFound")
        found = self.hub.tree(kind, repo) if what == "tree" else self.hub.describe(repo)
        return self._send(200, found, {"Content-Type": "application/json"}, body=True)

    def _file(self, repo: str, path: Path, body: bool) -> None:
        if not path.is_file():
            return self._refuse("EntryNotFound")
        data = path.read_bytes()
        headers = {"ETag": f'"{etag(data)}"', "X-Repo-Commit": commit(repo), "Accept-Ranges": "bytes"}
        if path.name in self.hub.broken:
            data = bytes(byte ^ 1 for byte in data)
        first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        if body:
            self.hub.asked.append(f"{path.name}@{first}")
        if first:
            headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
        return self._send(206 if first else 200, data[first:], headers, body, cut=path.name in self.hub.cut)

    def _send(self, status: int, data: bytes, headers: dict[str, str], body: bool, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(data))}).items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data[: len(data) // 2] if cut else data)

    def _refuse(self, code: str) -> None:
        self._send(404, b"{}", {"X-Error-Code": code}, body=True)

    def log_message(self, *_: object) -> None:
        """Nothing: the tests look at ``Hub.asked``."""


@contextmanager
def serve(root: Path) -> Iterator[Hub]:
    """The hub of a folder, on a free port of this machine."""
    hub = Hub(root)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("HubHandler", (Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
