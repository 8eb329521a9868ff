"""What nobody foresaw: one short line for the user, and the traceback in a private file."""

from __future__ import annotations

import errno
import os
import platform
import sys
import tempfile
import traceback
from pathlib import Path

from simulator import __version__
from simulator.errors import ConservationError, SpikewattError
from simulator.outputs.shown_text import one_line
from simulator.private_folder import make_private

INPUT_FAULT, CLOSED_PIPE, PROGRAM_FAULT = 2, 1, 70  # 70: EX_SOFTWARE of sysexits.h
LONGEST = 300  # characters of an unexpected error on the terminal; the log has all
# Refusals of the system that its own words explain: no traceback says more.
EXPLAINED = {
    errno.ENAMETOOLONG: "expected a shorter name",
    errno.ELOOP: "expected links that end at a file",
    errno.ENOTDIR: "expected a folder before each '/'",
    errno.EACCES: "expected files and folders that you may use",
    errno.EPERM: "expected files and folders that you may use",
    errno.EROFS: "expected a place that can be written",
    errno.ENOSPC: "expected room to write",
    errno.EDQUOT: "expected room to write",
    errno.EFBIG: "expected a larger limit on the size of files",
}


def is_expected(error: BaseException) -> bool:
    """Whether ``error`` is a fault of the input, worded for the user."""
    return isinstance(error, SpikewattError) and not isinstance(error, ConservationError)


def explain_crash(error: BaseException) -> tuple[str, int]:
    """The line to print for an error that no reader foresaw, and the exit code.

    The traceback is written to a log file (`write_crash_log`), whose path the line gives, unless it is one of the
    refusals of the system in `EXPLAINED`. All of these end with code 2, as other faults of the surroundings do. All
    else ends with code 70.
    """
    if isinstance(error, OSError) and error.errno in EXPLAINED:
        return one_line(f"{_place(error)}: {error.strerror}, {EXPLAINED[error.errno]}"), INPUT_FAULT
    log = write_crash_log(error)
    where = "the traceback could not be saved" if log is None else f"the traceback is in {log}"
    if isinstance(error, OSError):
        return one_line(f"{_place(error)}: {error.strerror or error} ({where})"), INPUT_FAULT
    if isinstance(error, MemoryError):
        what = "not enough memory for this command, try fewer tokens, a smaller chip or a smaller model"
        return one_line(f"{what} ({where})"), PROGRAM_FAULT
    words = str(error)[:LONGEST]
    return one_line(f"unexpected {type(error).__name__}: {words} ({where}); please report it"), PROGRAM_FAULT


def write_crash_log(error: BaseException) -> Path | None:
    """Write the traceback of ``error`` to a new file that only the user can read; None where no folder allows it.

    The folder is ``XDG_STATE_HOME/spikewatt`` (``~/.local/state/spikewatt``), else a new folder for temporary files.
    """
    lines = [f"spikewatt {__version__}, Python {platform.python_version()}, {platform.platform()}\n"]
    lines += [f"arguments: {sys.argv[1:]!r}\n\n", *traceback.format_exception(error)]
    data = "".join(lines).encode("utf-8", "backslashreplace")
    for folder in (_state_folder, _temporary_folder):
        try:
            descriptor, name = tempfile.mkstemp(suffix=".log", prefix="crash-", dir=folder())  # mode 0600
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            return Path(name)
        except (OSError, RuntimeError):  # RuntimeError: a user without a home folder
            continue
    return None


def _state_folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    folder = Path(base).expanduser() / "spikewatt"
    make_private(folder)
    return folder


def _temporary_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="spikewatt-"))  # mode 0700


def _place(error: OSError) -> str:
    """The file that the system refused, or what it may be where the error names none."""
    return str(error.filename)[:LONGEST] if error.filename is not None else "the output"
