"""Links into the cache that still lead there after the folder was moved. No torch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from snakemake.caching.local import OutputFileCache


def link_to(target: Path, link: Path) -> None:
    """Make ``link`` lead to ``target``: by a relative path where both lie in the working directory."""
    here = Path.cwd().resolve()
    place = link.absolute().parent.resolve()
    inside = place.is_relative_to(here) and target.absolute().is_relative_to(here)
    link.symlink_to(os.path.relpath(target.absolute(), place) if inside else target.absolute())


def _symlink(_cache: OutputFileCache, path: Path, outputfile: Any, utime: bool = True) -> None:  # noqa: ANN401
    link_to(Path(path), Path(outputfile))
    if utime:
        os.utime(outputfile, follow_symlinks=False)


def use_relative_links() -> None:
    """Make Snakemake link results so, in this process."""
    OutputFileCache.symlink = _symlink  # pyright: ignore[reportAttributeAccessIssue] - its name of self is not ours
