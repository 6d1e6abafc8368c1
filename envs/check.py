"""Install each lock for GPUs into an environment of its own and import what runs in it: ``make test-envs``.

The wheels with CUDA are installed as well: torch of the package index does not import without them. No GPU is needed.
Left out is flash-attention, which no package index has; EasyR1's modules import without it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from workflows.lib.machine.role_environments import import_findings
from workflows.lib.machine.role_imports import ROLES, modules_of, try_imports

FOLDER = Path(__file__).parent


def install(role: str, uv: str, place: Path) -> str:
    """Python of a fresh environment with the packages of a role's lock."""
    made, python = place / role, str(place / role / "bin" / "python")
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", ROLES[role].python, str(made)], check=True)  # noqa: S603
    options = ["--quiet", "--python", python, "--no-deps", "--require-hashes"]
    lock = str(FOLDER / f"{role}.txt")
    subprocess.run([uv, "pip", "install", *options, "--requirement", lock], check=True)  # noqa: S603
    return python


def check(role: str, python: str, checkout: Path | None) -> bool:
    """Whether all that the role runs can be imported; prints a line for each thing looked at."""
    report = try_imports(python, modules_of(role, checkout, flash_attention=False), checkout)
    wanted = ROLES[role].python
    print(f"{role}: Python {report.python}, the lock is for {wanted}", flush=True)
    findings = list(import_findings(role, python, report))
    for finding in findings:
        print(f"{role}: {finding.line}", flush=True)
    for module, why in report.failed.items():
        print(f"{role}: {module}: {why}", flush=True)
    return report.python == wanted and not any(finding.way_out for finding in findings)


def main() -> int:
    """Check the roles that are named; 1 if anything is missing in one of them."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("roles", nargs="*", default=["easyr1", "eval"], choices=[*ROLES])
    arguments.add_argument("--uv", default="uv", help="the program uv")
    arguments.add_argument("--place", type=Path, required=True, help="folder for the environments")
    arguments.add_argument("--checkout", type=Path, help="checkout of EasyR1: its modules are imported too")
    given = arguments.parse_args()
    checkout = given.checkout.absolute() if given.checkout else None
    good = [check(role, install(role, given.uv, given.place), checkout) for role in given.roles]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
