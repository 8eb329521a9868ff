"""Hash of the code that a result depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def code_hash(rooms: Iterable[str]) -> str:
    """Hash of the Python files of some rooms of the package."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(file for room in rooms for file in (package / room).rglob("*.py")):
        digest.update(str(path.relative_to(package)).encode() + path.read_bytes())
    return digest.hexdigest()
