"""A folder of the program's own is the user's alone, however it was found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from simulator.private_folder import make_private

pytestmark = pytest.mark.skipif(os.name == "nt", reason="modes are those of POSIX")


def mode(folder: Path) -> int:
    return folder.stat().st_mode & 0o777


def test_a_new_one_and_the_folders_above_it(tmp_path):
    umask = os.umask(0)
    try:
        make_private(tmp_path / "a" / "b")
    finally:
        os.umask(umask)
    assert (mode(tmp_path / "a" / "b"), mode(tmp_path / "a")) == (0o700, 0o700)


def test_one_that_others_can_write_is_closed_to_them(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a").chmod(0o777)
    make_private(tmp_path / "a")
    assert mode(tmp_path / "a") == 0o700


def test_one_of_another_user_is_refused(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    with pytest.raises(PermissionError, match="belongs to another user"):
        make_private(tmp_path / "a")
