"""Whether an output can be written, asked before the work that makes it."""

from __future__ import annotations

import tempfile
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
            raise OutputError(f"{path}: cannot be written: {above} is a file, wanted a folder")
        with tempfile.TemporaryFile(dir=above):
            pass
    except OSError as error:
        raise OutputError(f"{path}: cannot be written in {above}: {error.strerror}") from error


def check_writable_file(path: Path) -> None:
    """Raise OutputError when no file can be written at ``path``: as `check_writable`, or a folder has the name."""
    check_writable(path)
    if path.is_dir():
        raise OutputError(f"{path}: is a directory, wanted the path of a file")
