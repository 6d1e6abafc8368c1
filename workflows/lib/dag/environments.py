"""Names of the environments of jobs as the rules need them if Snakemake makes one for each rule (``--sdm``)."""

from __future__ import annotations


def conda_file(role: str) -> str:
    """The environment of a role, for ``--sdm conda``: a file of envs/, named from workflows/rules."""
    return f"../../envs/{role}.yaml"


def image_file(role: str) -> str:
    """The container image of a role, for ``--sdm apptainer``; envs/Dockerfile says how it is made."""
    return f"envs/{role}.sif"
