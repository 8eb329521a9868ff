"""Names of chips, traces, sweeps, presets and models, which become parts of paths."""

from __future__ import annotations

import re
from pathlib import Path

from simulator.errors import OutputError

LONGEST = 100
NAME = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9._-]{{0,{LONGEST - 1}}}")
DEVICE = re.compile(r"(CON|PRN|AUX|NUL|COM\d|LPT\d)(\..*)?", re.IGNORECASE)  # on Windows, whatever the ending
EXPECTED = f"letters, digits, '.', '_' and '-', at most {LONGEST} of them, the first one not '.' or '-'"


def name_fault(name: object) -> str | None:
    """``found ..., expected ...`` for what is no name; None for a name.

    A name holds no separator, no blank and no control character, so it can be a part of a path on any system. Windows
    opens devices by some names, and drops a '.' at the end of any.
    """
    if isinstance(name, str) and NAME.fullmatch(name):
        if DEVICE.fullmatch(name):
            return f"found {name!r}, a device of Windows, expected another name"
        return f"found {name!r}, expected a name that does not end with '.'" if name.endswith(".") else None
    shown = repr(name) if len(repr(name)) <= LONGEST else repr(name)[:LONGEST] + "..."
    return f"found {shown}, expected {EXPECTED}"


def title_fault(title: str) -> str | None:
    """``found ..., expected ...`` for what cannot be the title of an older file; None for a title.

    A title may hold blanks and letters of any alphabet, but nothing that could lead out of a folder or deceive a
    terminal. A path is made only of names (`path_below`).
    """
    if 0 < len(title) <= LONGEST and title.isprintable() and title[0] not in ".-" and not set(title) & set("/\\:"):
        return name_fault(title) if DEVICE.fullmatch(title) else None
    return name_fault(title)


def as_name(text: str) -> str:
    """The nearest name: other characters become '-', and what is too long is cut."""
    cleaned = re.sub(r"[^A-Za-z0-9._-]+", "-", text).lstrip(".-")[:LONGEST].rstrip(".")
    return f"_{cleaned}"[:LONGEST] if DEVICE.fullmatch(cleaned) else cleaned or "unnamed"


def path_below(root: Path, *names: str) -> Path:
    """The path of ``names`` below ``root``.

    Raises
    ------
    OutputError
        A part is no name, or the path leaves ``root``, as through a symbolic link.
    """
    for name in names:
        if fault := name_fault(name):
            raise OutputError(
                f"{root}: a part of the output path is not a valid name: {fault}; choose a path with --out"
            )
    path = root.joinpath(*names)
    if not path.resolve().is_relative_to(root.resolve()):
        raise OutputError(f"{path}: leads out of {root} to {path.resolve()}; choose a path with --out")
    return path
