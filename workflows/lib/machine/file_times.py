"""Times of files decide nothing in this workflow, so a clock that goes back stops no run.

What runs again is decided by digests in ``params`` (``rerun-triggers`` of the profiles). Snakemake still compares times
when a job has ended: if the clock was set back since its input was made, the output looks older, and Snakemake throws
the finished work away, again in each following run.
"""

from __future__ import annotations

from typing import Any


def use_no_file_times() -> None:
    """Let Snakemake compare no times of files when a job has ended, in this process."""
    from snakemake.dag import DAG  # cannot be imported before snakemake.workflow, whose modules import each other

    DAG.check_output_mtime = _compare_nothing  # pyright: ignore[reportAttributeAccessIssue]


async def _compare_nothing(_dag: Any, _job: Any, _outputs: Any) -> None:  # noqa: ANN401
    return
