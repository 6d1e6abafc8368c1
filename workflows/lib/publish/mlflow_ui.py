"""``make ui``: MLflow's pages of a store, on loopback, after a look at the store and at the port."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from contracts.errors import ConfigError, UserError
from workflows.lib.publish.tracking import MlflowClient, usable

HOST = "127.0.0.1"
SQLITE = "sqlite:///"


def check_store(uri: str) -> None:
    """ConfigError unless MLflow can open the store ``uri``; makes none where there is none."""
    if uri.startswith(SQLITE) and not Path(uri.removeprefix(SQLITE)).is_file():
        raise ConfigError(uri, "no MLflow store here", "make reproduce makes one; STORE=sqlite:///<file> names another")
    with usable(uri):
        MlflowClient(uri).search_experiments(max_results=1)


def check_port(port: str) -> None:
    """ConfigError unless a server can listen on ``port`` of loopback."""
    try:
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((HOST, int(port)))
    except (OSError, ValueError, OverflowError) as error:
        cause = f"cannot be listened on ({error})"
        raise ConfigError(f"PORT={port}", cause, "give another: make ui PORT=5001") from error


def main(uri: str, port: str) -> None:
    """Check, then become MLflow's server."""
    check_store(uri)
    check_port(port)
    command = [sys.executable, "-m", "mlflow", "ui", "--host", HOST, "--port", port, "--backend-store-uri", uri]
    os.execv(sys.executable, command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    try:
        main(*sys.argv[1:3])
    except UserError as error:
        sys.exit(f"{type(error).__name__}: {error}")
