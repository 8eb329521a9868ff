"""Folders of the program's own that no other user may read or write: caches of compiled code, crash logs."""

from __future__ import annotations

import os
from pathlib import Path

OTHERS = 0o077


def make_private(folder: Path) -> None:
    """Make ``folder`` with mode 0700, or take that of others from one that is there.

    Compiled code in a folder runs as the user who loads it, so one of another user is refused.

    Raises
    ------
    OSError
        The folder cannot be made, or belongs to another user.
    """
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if os.name == "nt":  # a folder in the profile of a user is private there
        return
    found = folder.stat()
    if found.st_uid != os.geteuid():
        raise PermissionError(f"{folder} belongs to another user")
    if found.st_mode & OTHERS:
        folder.chmod(found.st_mode & ~OTHERS & 0o777)
