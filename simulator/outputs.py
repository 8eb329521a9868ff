"""Whether an output can be written, asked before the work that makes it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from simulator.errors import OutputError


def check_writable(path: Path) -> None:
    """Raise OutputError when nothing can be created at ``path``.

    Missing parents are no hindrance. What can be seen only by trying is tried: a file without a name, gone at once.
    """
    above = path.resolve().parent
    while not above.exists():
        above = above.parent
    if not above.is_dir():
        raise OutputError(f"{path}: cannot be written: {above} is a file, wanted a folder")
    try:
        with tempfile.TemporaryFile(dir=above):
            pass
    except OSError as error:
        raise OutputError(f"{path}: cannot be written in {above}: {error.strerror}") from error
