"""Outputs: whether one can be written, asked before the work that makes it, and files that are whole or not there."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from simulator.errors import OutputError


def check_writable(path: Path) -> None:
    """Raise OutputError when nothing can be created at ``path``.

    Missing parents are no hindrance. What can be seen only by trying is tried: a file without a name, gone at once.
    """
    above = path.absolute().parent
    try:
        above = path.resolve().parent
        while not above.exists():
            above = above.parent
        if not above.is_dir():
            raise OutputError(f"{path}: cannot be written: {above} is a file, expected a folder")
        with tempfile.TemporaryFile(dir=above):
            pass
    except OSError as error:
        raise OutputError(f"{path}: cannot be written in {above}: {error.strerror}") from error


def check_folder(path: Path, what: str, marker: str) -> None:
    """Raise OutputError when ``path`` cannot be the folder of a ``what``: as `check_writable`, a file, or not its own.

    A folder that holds ``marker`` is an earlier ``what``; any other must be empty.
    """
    check_writable(path)
    if not path.exists():
        return
    if not path.is_dir():
        raise OutputError(f"{path}: is a file, expected a folder for the {what}")
    if any(path.iterdir()) and not (path / marker).is_file():
        raise OutputError(f"{path}: is not empty and holds no {what} ({marker}), expected a new or empty folder")


@contextmanager
def replaced_whole(path: Path) -> Iterator[Path]:
    """A new path beside ``path`` to write to, which takes its place at the end.

    The file is there whole or not at all, whenever the process ends; after a fault or Ctrl-C what stood at ``path`` is
    unchanged and nothing is left beside it. Raises OSError as the file system does.
    """
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield beside
        os.replace(beside, path)
    finally:  # after the rename there is nothing left to remove; what cannot be reached was never written
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def check_writable_file(path: Path) -> None:
    """Raise OutputError when no file can be written at ``path``: as `check_writable`, or a folder has the name."""
    check_writable(path)
    if path.is_dir():
        raise OutputError(f"{path}: is a directory, expected the path of a file")
