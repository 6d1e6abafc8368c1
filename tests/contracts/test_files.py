"""Files and folders are there as a whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from contracts.files import remove_folder


def test_a_folder_whose_removal_is_cut_short_is_not_taken_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "state"

    def killed(path: Path, **_: object) -> None:
        if path.exists():
            raise KeyboardInterrupt

    folder.mkdir()
    (folder / "step_00004").touch()
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            remove_folder(folder)
    assert not folder.exists()
    folder.mkdir()
    remove_folder(folder)
    assert list(tmp_path.iterdir()) == []
    remove_folder(folder)  # nothing to do
