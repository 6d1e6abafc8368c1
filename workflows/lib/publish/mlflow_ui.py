"""``make ui``: MLflow's pages of a store, on loopback, after a look at the store and at the port."""

from __future__ import annotations

import os
import socket
import sys

from contracts.errors import ConfigError, one_line_errors
from workflows.lib.mlflow_store import database_of
from workflows.lib.publish.experiment_page import KIND, address
from workflows.lib.publish.tracking import MlflowClient, usable

HOST = "127.0.0.1"


def check_store(uri: str) -> str:
    """Id of the newest experiment of this project in the store ``uri``, "0" if it has none.

    ConfigError unless MLflow can open it; makes none where there is none.
    """
    database = database_of(uri)
    if database is not None and not database.is_file():
        raise ConfigError(uri, "no MLflow store here", "make reproduce makes one; STORE=sqlite:///<file> names another")
    ((key, value),) = KIND.items()
    with usable(uri):
        found = MlflowClient(uri).search_experiments(
            filter_string=f"tags.`{key}` = '{value}'", order_by=["last_update_time DESC"], max_results=1
        )
    return found[0].experiment_id if found else "0"


def check_port(port: str) -> None:
    """ConfigError unless a server can listen on ``port`` of loopback."""
    try:
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((HOST, int(port)))
    except (OSError, ValueError, OverflowError) as error:
        cause = f"cannot be listened on ({error})"
        raise ConfigError(f"PORT={port}", cause, "give another: make ui PORT=5001") from error


def command(uri: str, port: str) -> list[str]:
    """MLflow's server: one worker for one reader; artifacts of a store that is a file lie beside it."""
    database, served = database_of(uri), []
    if database is not None:
        served = ["--artifacts-destination", str(database.absolute().parent / "mlflow")]
    start = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", port, "--workers", "1"]
    return [*start, "--backend-store-uri", uri, *served]


def main(uri: str, port: str) -> None:
    """Check, say where the runs are, then become MLflow's server."""
    experiment = check_store(uri)
    check_port(port)
    print(f"Runs: {address(HOST, port, experiment)}", flush=True)
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # else seven processes wait for jobs that nobody gives
    os.execv(sys.executable, command(uri, port))  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    with one_line_errors():
        main(*sys.argv[1:3])
