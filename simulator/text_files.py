"""Text files of any origin: byte order marks taken off, and the place of what is not text."""

from __future__ import annotations

import codecs
from pathlib import Path

from simulator.errors import SpikewattError

BOM = "\ufeff"
LFS_POINTER = b"version https://git-lfs"  # first bytes of what git-lfs leaves in place of a file
# Marks by which Unicode names its own encoding (Unicode 16.0, section 23.8). UTF-32 first: its mark begins as UTF-16's.
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class NotTextError(ValueError):
    """Bytes that are no text.

    Attributes
    ----------
    line, column
        Of the first wrong byte, from 1; the column counts characters.
    offset
        Of that byte, from 0.
    found, expected
        What it is, and the encoding it does not fit.
    """

    def __init__(self, before: str, offset: int, found: str, expected: str) -> None:
        super().__init__(f"{found} is not {expected}")
        self.line, self.column = before.count("\n") + 1, len(before) - before.rfind("\n")
        self.offset, self.found, self.expected = offset, found, expected


def decode_text(data: bytes) -> str:
    """The text of ``data``: UTF-8, or UTF-16 or UTF-32 with a byte order mark; the mark itself is no part of it.

    Raises
    ------
    NotTextError
        At the first byte that the encoding does not allow, or for a Git LFS pointer, which is text but not this one.
    """
    if data.startswith(LFS_POINTER):
        raise NotTextError("", 0, "a Git LFS pointer (run: git lfs pull)", "the file's own")
    mark, encoding = next(((m, e) for m, e in MARKS if data.startswith(m)), (b"", "utf-8"))
    body = data[len(mark) :]
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        wrong = " ".join(f"0x{byte:02x}" for byte in body[error.start : error.end])
        before = body[: error.start].decode(encoding)
        raise NotTextError(before, len(mark) + error.start, f"byte {wrong}", encoding[:6].upper()) from None
    return text.lstrip(BOM) if mark else text


def read_text(path: Path) -> str:
    """Content of a text file (`decode_text`); line ends become one line feed each.

    Raises
    ------
    SpikewattError
        When the file cannot be read, or is not UTF-8, UTF-16 or UTF-32; line, column and byte offset say where.
    """
    try:
        text = decode_text(path.read_bytes())
        _refuse_nul(text)
    except OSError as error:
        raise SpikewattError(f"{path}: cannot read the text: {error.strerror}") from error
    except NotTextError as error:
        place = f"{path}:{error.line}:{error.column}"
        raise SpikewattError(f"{place}: cannot read the text: {error} (byte offset {error.offset})") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _refuse_nul(text: str) -> None:
    """Refuse a NUL: UTF-16 without a mark reads as UTF-8 with NULs."""
    if "\0" in text:
        before = text[: text.index("\0")]
        raise NotTextError(before, len(before.encode()), "a NUL character", "text; save the file as UTF-8")
