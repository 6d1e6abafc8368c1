"""Check a SLURM cluster before a job is submitted to it."""

from __future__ import annotations

import subprocess

from contracts.errors import ConfigError

ASKED = "sacct"


def check_accounting(settings: object) -> None:
    """Raise ConfigError if Snakemake would ask a cluster without accounting for the state of jobs, and wait for ever.

    ``settings``: those of Snakemake's executor; executors other than SLURM's have no ``status_command``.
    """
    if getattr(settings, "status_command", None) != ASKED:
        return
    done = subprocess.run([ASKED, "--noheader", "-X"], capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        said = " ".join(done.stderr.split())[:200]
        cause = f"this cluster keeps no accounting ({ASKED}: {said}), so the end of a job would go unseen"
        way_out = "add to the profile: slurm-status-command: squeue (slurm.conf wants a MinJobAge of some minutes)"
        raise ConfigError("workflows/profiles/slurm/config.yaml", cause, way_out)
