"""Make the cache of finished results, and repair links into a cache that was deleted or moved. No torch."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from contracts.errors import ConfigError
from workflows.lib.cache.links import link_to

CACHE = "SNAKEMAKE_OUTPUT_CACHE"  # the variable that names the cache
TIMESTAMP = ".snakemake_timestamp"  # Snakemake's own, in every folder that is a result


def make_cache(cache: Path) -> None:
    """Make the folder ``cache``; ConfigError if that cannot be done, or if nothing can be written there."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            pass
    except OSError as error:
        cause = f"the cache of finished results cannot be made or written in {cache} ({error.strerror})"
        raise ConfigError(CACHE, cause, "set this variable to another folder") from None


def mend_links(results: Path, cache: Path) -> tuple[int, int]:
    """Repair or remove links below ``results`` into a cache that is gone; returns how many of each.

    Snakemake ends with an error when it finds a link to nothing. A link is repaired if ``cache`` holds the file, which
    is so after the checkout was moved. Otherwise the file is lost, and its link is removed. So is a folder that held
    nothing else, because it would count as a result. Links to folders that are not named as ``cache`` are not touched.
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
    """Let ``link`` point to the same file of ``cache``, if it exists. It keeps its time, which Snakemake compares."""
    parts = link.readlink().parts
    target = cache.absolute().joinpath(*parts[parts.index(cache.name) + 1 :])
    if not target.exists():
        return False
    times = link.lstat()
    link.unlink()
    link_to(target, link)
    os.utime(link, ns=(times.st_atime_ns, times.st_mtime_ns), follow_symlinks=False)
    return True


def _links(folder: Path | str) -> Iterator[Path]:
    with os.scandir(folder) as entries:  # scandir knows what is a link without opening each of many thousand files
        for entry in entries:
            if entry.is_symlink():
                yield Path(entry.path)
            elif entry.is_dir():
                yield from _links(entry.path)
