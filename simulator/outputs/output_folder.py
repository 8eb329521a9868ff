"""Output folders: a folder is replaced only where the program made it, and then only the files that it wrote."""

from __future__ import annotations

import ctypes
import json
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from simulator.errors import OutputError
from simulator.outputs.output_file import check_writable
from simulator.outputs.workspace import workspace

MARKER_BYTES = 32 << 20  # a larger file is no marker
LISTED = 5  # names that an error line shows
RENAME_EXCHANGE = 2
AT_FDCWD = -100


@dataclass(frozen=True)
class FolderKind:
    """A kind of folder that the program writes.

    Attributes
    ----------
    name
        For error lines: ``report``.
    marker
        File in the folder that says what it is: a JSON object with ``schema`` and ``files``.
    schema
        Value of its key ``schema``.
    """

    name: str
    marker: str
    schema: str

    def own_files(self, folder: Path) -> frozenset[str] | None:
        """Files that the program wrote into ``folder``, as relative paths; None when it is no folder of this kind."""
        about = _marker(folder / self.marker)
        if about is None or about.get("schema") != self.schema:
            return None
        files = about.get("files", [])
        if not isinstance(files, list) or not all(isinstance(name, str) and _is_inside(name) for name in files):
            return None
        return frozenset((self.marker, *files))


def check_folder(path: Path, kind: FolderKind, force: bool = False, inputs: Iterable[Path | None] = ()) -> None:
    """Raise OutputError when ``path`` cannot be the folder of a ``kind``, before the work that makes it.

    As `check_writable`; when a file has the name; when the folder is neither empty nor an earlier one of the kind,
    unless ``force`` allows to remove what it holds; and when one of the ``inputs`` of the same command would go.
    """
    check_writable(path)
    if not path.resolve().name:
        raise OutputError(f"{path}: is the root of the file system, expected a folder for the {kind.name}")
    try:
        if not path.exists():
            return
        if not path.is_dir():
            raise OutputError(f"{path}: is a file, expected a folder for the {kind.name}")
        if not os.access(path, os.W_OK):
            raise OutputError(f"{path}: is read-only; choose another folder for the {kind.name}, or make it writable")
        held = sorted(os.listdir(path))
    except OSError as error:
        raise OutputError(f"{path}: cannot be read: {error.strerror}") from error
    own = kind.own_files(path)
    for given in inputs:
        relative = None if given is None else _below(given, path)
        if relative is not None and (force or relative in (own or ())):
            raise OutputError(
                f"{path}: holds {given}, an input of this command; choose another folder for the {kind.name}"
            )
    if not held or force or own is not None:
        return
    shown = ", ".join(held[:LISTED]) + (f" and {len(held) - LISTED} more" if len(held) > LISTED else "")
    raise OutputError(
        f"{path}: is not empty and holds no {kind.name} ({kind.marker}), expected a new or empty folder;"
        f" --force removes what it holds: {shown}"
    )


@contextmanager
def replaced_folder(path: Path, kind: FolderKind, force: bool = False) -> Iterator[Path]:
    """A new folder to write to, which takes the place of ``path`` at the end in one step.

    Of an earlier folder of the kind only the files that its marker lists are removed. What a user put there stays, with
    ``force`` it goes. A fault, Ctrl-C or a kill in between leaves the earlier folder as it was.

    Raises
    ------
    OutputError
        See `check_folder`.
    OSError
        As the file system does.
    """
    check_folder(path, kind, force)
    place = path.resolve()
    place.parent.mkdir(parents=True, exist_ok=True)
    with workspace(place, lambda left: _heal(left, place, kind)) as folder:
        made = folder / "made"
        made.mkdir()
        yield made
        if not place.exists():
            os.rename(made, place)
            return
        made.chmod(stat.S_IMODE(place.stat().st_mode))
        _exchange(made, place, folder / "old")
        for earlier in (made, folder / "old"):
            if earlier.exists() and not force:
                _keep_others(earlier, place, kind)


def _heal(left: Path, place: Path, kind: FolderKind) -> None:
    """Put back what a killed process left in its workspace: an earlier folder, or files of the user's in it."""
    old, made = left / "old", left / "made"
    if old.is_dir() and not place.exists():
        os.rename(old, place)
    for earlier in (old, made):
        if earlier.is_dir() and place.is_dir():
            _keep_others(earlier, place, kind)


def _keep_others(earlier: Path, place: Path, kind: FolderKind) -> None:
    """Move what the program did not write from an earlier folder to ``place``; without a marker it wrote all."""
    own = kind.own_files(earlier)
    if own is None:
        return
    for above, _, names in os.walk(earlier):
        for name in names:
            file = Path(above) / name
            relative = file.relative_to(earlier).as_posix()
            if relative in own:
                continue
            target = place / relative
            while os.path.lexists(target):
                target = target.with_name(f"{target.name}.kept")
            target.parent.mkdir(parents=True, exist_ok=True)
            os.rename(file, target)
    own_folders = {above.as_posix() for name in own for above in PurePosixPath(name).parents}
    for above, folders, _ in os.walk(earlier):
        for left in (Path(above) / name for name in folders):
            target = place / left.relative_to(earlier)
            with suppress(OSError):  # a file of the new report has that name
                if left.is_symlink():  # walk does not enter it; it is a link of the user's
                    os.rename(left, target)
                elif left.relative_to(earlier).as_posix() not in own_folders:
                    target.mkdir(exist_ok=True)


def _exchange(made: Path, place: Path, aside: Path) -> None:
    """Put ``made`` in the place of ``place`` and the reverse; where the system cannot, through ``aside``."""
    if _exchanged(made, place):
        return
    os.rename(place, aside)
    try:
        os.rename(made, place)
    finally:  # also after Ctrl-C between the two
        if not place.exists():
            os.rename(aside, place)


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two names in one step (renameat2 of Linux); False where the system or the file system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    with suppress(OSError, AttributeError):
        rename = ctypes.CDLL(None, use_errno=True).renameat2
        done: int = rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE)
        return done == 0
    return False


def _below(file: Path, folder: Path) -> str | None:
    """The path of a file that is there, relative to a folder that holds it; None elsewhere."""
    with suppress(OSError, ValueError, RuntimeError):
        return file.resolve(strict=True).relative_to(folder.resolve()).as_posix()
    return None


def _marker(path: Path) -> dict[str, object] | None:
    """The JSON object of a marker; None for anything else."""
    with suppress(OSError, ValueError, RecursionError):
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MARKER_BYTES:
            return None
        about = json.loads(path.read_text(encoding="utf-8"))
        return about if isinstance(about, dict) else None
    return None


def _is_inside(name: str) -> bool:
    """Whether a relative path stays in its folder."""
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts and "\0" not in name
