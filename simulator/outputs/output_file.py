"""Output files: each is there whole or not at all, and takes the place of nothing but an earlier one of its kind."""

from __future__ import annotations

import os
import re
import stat
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from simulator.errors import OutputError
from simulator.outputs.workspace import workspace

TAB = 9  # the smallest byte of a text
WINDOWS_PATH = re.compile(r"[A-Za-z]:[\\/]|.*\\")  # on other systems it would be the name of one file
LOOK_BYTES = 1 << 16  # at either end of a file, to see of what kind it is


@dataclass(frozen=True)
class FileKind:
    """A kind of file that the program writes.

    Attributes
    ----------
    name
        For error lines: ``a trace``.
    is_own
        Whether the first and the last bytes of a file are those of this kind.
    """

    name: str
    is_own: Callable[[bytes, bytes], bool]


def _begins(*starts: bytes) -> Callable[[bytes, bytes], bool]:
    return lambda head, tail: head.startswith(starts)


def _is_timeline(head: bytes, tail: bytes) -> bool:
    """Gzipped JSON that begins as a timeline of this program does."""
    if not head.startswith(b"\x1f\x8b"):
        return False
    with suppress(zlib.error):
        return zlib.decompressobj(wbits=31).decompress(head, 64).startswith(b'{"displayTimeUnit"')
    return False


def _zip_of(first: bytes, last: bytes = b"") -> Callable[[bytes, bytes], bool]:
    """A zip whose first member has a name that begins with ``first``, and which lists ``last`` at its end.

    The first bytes of a zip are the header of its first member: 30 bytes, then the name (APPNOTE.TXT, 4.3.7).
    """
    return lambda head, tail: head.startswith(b"PK\3\4") and head[30:].startswith(first) and last in tail


def page_kind(what: str) -> FileKind:
    """A page of the program with the words ``spikewatt WHAT`` above its title."""
    mark = f'<p class="kicker">spikewatt {what}</p>'.encode()
    return FileKind(f"a {what} page of this program", lambda head, tail: mark in head)


TRACE = FileKind("a trace", _zip_of(b"positions.npy", b"manifest.json"))
TIMELINE = FileKind("a timeline", _is_timeline)
PRESET = FileKind("a calibrated preset", _begins(b"# Calibrated"))
MOMENTS = FileKind("a moments file", _zip_of(b"channels/"))
JSON = FileKind("a JSON file", _begins(b"{", b"["))
TEXT = FileKind("a text file", lambda head, tail: min(head, default=TAB) >= TAB)
LATEX = FileKind("a LaTeX table", _begins(b"\\begin{tabular}"))
SQLITE = FileKind("an SQLite file", _begins(b"SQLite format 3\0"))
PARQUET = FileKind("a Parquet file", _begins(b"PAR1"))
FIGURES = {
    ".png": FileKind("a PNG figure", _begins(b"\x89PNG")),
    ".pdf": FileKind("a PDF figure", _begins(b"%PDF")),
    ".svg": FileKind("an SVG figure", lambda head, tail: b"<svg" in head),
}


def check_writable(path: Path) -> None:
    """Raise OutputError when nothing can be created at ``path``.

    Missing parents are no hindrance. What can be seen only by trying is tried: a file without a name, gone at once.
    """
    if os.name != "nt" and (found := WINDOWS_PATH.match(str(path))):
        raise OutputError(f"{_shown(path)}: found {found[0]!r} as in a path of Windows, expected '/' between folders")
    above = path.absolute().parent
    try:
        above = path.resolve().parent
        while not above.exists():
            above = above.parent
        if not above.is_dir():
            raise OutputError(f"{path}: cannot be written: {above} is a file, expected a folder")
        with tempfile.TemporaryFile(dir=above):
            pass
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise OutputError(f"{_shown(path)}: cannot be written in {above}: {_reason(error)}") from error


def check_writable_file(path: Path, kind: FileKind, inputs: Iterable[Path | None] = ()) -> None:
    """Raise OutputError when no file of ``kind`` may be written at ``path``, before the work that makes it.

    As `check_writable`; and when what stands there is no regular file, is read-only, is of another kind, or is one of
    the ``inputs`` of the same command. A symbolic link is followed.
    """
    check_writable(path)
    try:
        found = path.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {_reason(error)}") from error
    if not stat.S_ISREG(found.st_mode):
        raise OutputError(f"{path}: is {_what(found.st_mode)}, expected the path of a file; choose another path")
    if not found.st_mode & 0o222:
        raise OutputError(f"{path}: is read-only; choose another path, or make it writable")
    if any(other is not None and other.exists() and os.path.samefile(path, other) for other in inputs):
        raise OutputError(f"{path}: is an input of this command, expected another path for the output")
    if found.st_size and not kind.is_own(*_ends(path, found.st_size)):
        raise OutputError(
            f"{path}: exists and is not {kind.name}, expected a new path or {kind.name} to replace; choose another path"
        )


@contextmanager
def replaced_whole(path: Path, kind: FileKind) -> Iterator[Path]:
    """A new path to write to, whose file takes the place of ``path`` at the end; permissions are kept.

    The file is there whole or not at all, whenever the process ends; after a fault or Ctrl-C what stood at ``path`` is
    unchanged and nothing is left next to it.

    Raises
    ------
    OutputError
        What stands at ``path`` may not be replaced, see `check_writable_file`.
    OSError
        As the file system does.
    """
    check_writable_file(path, kind)
    place = path.resolve()
    with workspace(place) as folder:
        made = folder / "made"
        yield made
        with suppress(FileNotFoundError):
            made.chmod(stat.S_IMODE(place.stat().st_mode))
        os.replace(made, place)


def _ends(path: Path, size: int) -> tuple[bytes, bytes]:
    """First and last bytes of a file."""
    try:
        with path.open("rb") as file:
            head = file.read(LOOK_BYTES)
            file.seek(max(0, size - LOOK_BYTES))
            return head, file.read(LOOK_BYTES)
    except OSError as error:
        raise OutputError(f"{path}: cannot be read to see what it is: {_reason(error)}") from error


def _what(mode: int) -> str:
    """What a path is that is no regular file."""
    kinds = ((stat.S_ISDIR, "a directory"), (stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"))
    return next((name for test, name in kinds if test(mode)), "a device")


def _shown(path: Path) -> str:
    """A path for an error line; quoted where it holds what no line should."""
    return str(path) if str(path).isprintable() else repr(str(path))


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
