"""The cache of finished results, and links into one that was deleted or moved with the whole checkout. No torch."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from contracts.errors import ConfigError

CACHE = "SNAKEMAKE_OUTPUT_CACHE"  # the variable that names the cache
TIMESTAMP = ".snakemake_timestamp"  # Snakemake's own, in every folder that is a result


def make_cache(cache: Path) -> None:
    """Make the folder ``cache``; ConfigError if that cannot be done."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        cause = f"the cache of finished results cannot be made in {cache} ({error.strerror})"
        raise ConfigError(CACHE, cause, "set this variable to another folder") from None


def mend_links(results: Path, cache: Path) -> tuple[int, int]:
    """Links below ``results`` that lead nowhere, where they led into a folder named as ``cache``: mended, dropped.

    Snakemake ends with an error when it meets one. A link is mended if ``cache`` holds the file: the checkout was moved
    with it. Otherwise the file is lost and its link goes, and a folder that held nothing else, or it would pass for a
    result. Links that lead anywhere else are left alone.
    """
    if not results.is_dir():
        return 0, 0
    broken = [link for link in _links(results) if not link.exists() and cache.name in link.readlink().parts]
    lost = [link for link in broken if not _mended(link, cache)]
    for link in lost:
        link.unlink()
    for folder in {link.parent for link in lost}:
        if all(path.name == TIMESTAMP for path in folder.iterdir()):
            shutil.rmtree(folder)
    return len(broken) - len(lost), len(lost)


def _mended(link: Path, cache: Path) -> bool:
    """Point ``link`` at the same file of ``cache``, if it is there. Keeps the link's time: it says what is newer."""
    parts = link.readlink().parts
    target = cache.absolute().joinpath(*parts[parts.index(cache.name) + 1 :])
    if not target.exists():
        return False
    times = link.lstat()
    link.unlink()
    link.symlink_to(target)
    os.utime(link, ns=(times.st_atime_ns, times.st_mtime_ns), follow_symlinks=False)
    return True


def _links(folder: Path | str) -> Iterator[Path]:
    with os.scandir(folder) as entries:  # told from the folder itself: no look at each of many thousand files
        for entry in entries:
            if entry.is_symlink():
                yield Path(entry.path)
            elif entry.is_dir():
                yield from _links(entry.path)
