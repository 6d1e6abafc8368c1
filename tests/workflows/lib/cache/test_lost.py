"""Links into a cache that is gone are dropped, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from snakemake.caching.local import OutputFileCache

from contracts.errors import ConfigError
from workflows.lib.cache.links import link_to, use_relative_links
from workflows.lib.cache.lost_links import make_cache, mend_links


def linked(results: Path, name: str, target: Path) -> Path:
    """A link below ``results`` to a file, which is made."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.touch()
    link = results / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)
    return link


def test_links_into_a_lost_cache_go_with_the_folders_they_filled(tmp_path: Path):
    results, cache = tmp_path / "results", tmp_path / "old" / ".cache"
    gone = linked(results, "cells/a/cell.json", cache / "1_cell.json")
    folder = linked(results, "cells/a/adapter/weights", cache / "1_adapter" / "weights").parent
    (folder / ".snakemake_timestamp").touch()
    own = linked(results, "cells/a/train.log", tmp_path / "logs" / "train.log")
    other = linked(results, "models/x/model/weights", tmp_path / "my" / "weights")
    shutil.rmtree(tmp_path / "old")
    shutil.rmtree(tmp_path / "my")
    assert mend_links(results, tmp_path / "new" / ".cache") == (0, 2)
    assert not gone.is_symlink()
    assert not folder.exists()
    assert own.exists()
    assert other.is_symlink()  # a model that the user moved: not ours to touch
    assert mend_links(results, tmp_path / "new" / ".cache") == (0, 0)


def test_links_follow_a_cache_that_moved(tmp_path: Path):
    results, cache = tmp_path / "results", tmp_path / "old" / ".cache"
    record = linked(results, "cells/a/cell.json", cache / "1_cell.json")
    weights = linked(results, "cells/a/adapter/weights", cache / "1_adapter" / "weights")
    before = record.lstat().st_mtime_ns
    (tmp_path / "old").rename(tmp_path / "new")
    assert mend_links(results, tmp_path / "new" / ".cache") == (2, 0)
    assert record.readlink() == tmp_path / "new" / ".cache" / "1_cell.json"
    assert record.lstat().st_mtime_ns == before
    assert weights.exists()


def test_links_inside_the_folder_are_relative_and_survive_a_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    here = tmp_path / "here"
    (here / ".cache").mkdir(parents=True)
    (here / ".cache" / "1_cell.json").write_text("kept")
    link = here / "results" / "cells" / "a" / "cell.json"
    link.parent.mkdir(parents=True)
    monkeypatch.chdir(here)
    link_to(here / ".cache" / "1_cell.json", Path("results/cells/a/cell.json"))
    assert link.readlink() == Path("../../../.cache/1_cell.json")
    moved = here.rename(tmp_path / "moved")
    assert (moved / "results/cells/a/cell.json").read_text() == "kept"


def test_snakemake_links_so_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(OutputFileCache, "symlink", OutputFileCache.symlink)  # put back afterwards
    use_relative_links()
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "results").mkdir()
    OutputFileCache.symlink(None, tmp_path / "kept", "results/link")  # pyright: ignore[reportArgumentType]
    assert (tmp_path / "results/link").readlink() == Path("../kept")


def test_links_that_lead_somewhere_stay(tmp_path: Path):
    link = linked(tmp_path / "results", "cell.json", tmp_path / ".cache" / "1")
    assert mend_links(tmp_path / "results", tmp_path / ".cache") == (0, 0)
    assert link.exists()
    assert mend_links(tmp_path / "nothing", tmp_path / ".cache") == (0, 0)


@pytest.mark.parametrize("folder", ["/proc/x", "/proc", "/dev/null"])
def test_a_cache_that_cannot_be_made_or_written_is_one_line(folder: str):
    with pytest.raises(
        ConfigError, match=rf"^SNAKEMAKE_OUTPUT_CACHE: the cache of .* {folder} \(.*; set this variable"
    ):
        make_cache(Path(folder))
