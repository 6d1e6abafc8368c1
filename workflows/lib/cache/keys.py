"""The key under which a finished job's files are kept in ``.cache``: a digest of its rule and its ``params``. No torch.

``params`` hold digests of all that decides a file (recipes.py), inputs included. Snakemake's own key also hashes the
jobs before this one. A job that a scheduler started does not know those jobs and hashes its input files instead, which
gives another key than on one machine, and no key if an input is a folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snakemake import caching
from snakemake.caching.hash import ProvenanceHashMap

from workflows.lib.cache.digest import value_digest

if TYPE_CHECKING:
    from snakemake.jobs import Job


class Keys(ProvenanceHashMap):
    """Keys that are the same wherever a job runs."""

    async def get_provenance_hash(self, job: Job) -> str:
        """The key of a job of a rule with ``cache: True``."""
        assert job.params is not None, "rules with cache: True have params"  # noqa: S101
        return value_digest([job.rule.name, dict(job.params.items())])


def use_keys() -> None:
    """Make Snakemake keep files under these keys, in this process."""
    caching.ProvenanceHashMap = Keys
