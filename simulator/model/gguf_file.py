"""The header of a GGUF file: its metadata and where each tensor lies (llama.cpp, ``gguf.md``, versions 2 and 3).

The reader of the library ``gguf`` keeps several arrays for each string of a vocabulary, of which there are some
400,000, and loops without end on a damaged length. So the header is read here, every length checked against the file.
The library decodes the block formats of the weights (`gguf_weights`).
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from simulator.errors import ModelError
from simulator.model.stored_tensor import MOST_TENSORS

PART = re.compile(
    r"(?P<name>.+)-\d{5}-of-(?P<count>\d{5})\.gguf"
)  # of a model in several files, as llama.cpp names them
MAGIC = b"GGUF"
VERSIONS = (2, 3)
DEFAULT_ALIGNMENT = 32
# Value types of the format, by number: struct codes of the scalars; strings and arrays are read by their own rules.
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
MOST_DIMENSIONS = 4
MOST_STRINGS = 2_000_000  # of all lists: tokens and merges, of which the largest vocabularies have 500,000 together
# Bytes of an entry with an empty name: lengths that are damaged are found before anything is read.
SMALLEST_TENSOR, SMALLEST_FIELD = 8 + 4 + 4 + 8, 8 + 4 + 1


@dataclass(frozen=True)
class GgufTensor:
    """A tensor as the header states it.

    Attributes
    ----------
    type_number
        Number of its block format (``GGMLQuantizationType`` of the library).
    shape
        Rows first, as numpy has it; the file states the fastest dimension first.
    offset
        Bytes from the start of the file.
    """

    type_number: int
    shape: tuple[int, ...]
    offset: int


@dataclass(frozen=True)
class GgufFile:
    """Metadata and tensors of a GGUF file; arrays of numbers are numpy arrays, arrays of strings are lists."""

    path: Path
    metadata: Mapping[str, Any]
    tensors: Mapping[str, GgufTensor]


def read_gguf(path: Path) -> GgufFile:
    """Read the header of a GGUF file; the last one is kept, for config, weights and tokenizer each ask for it.

    Raises
    ------
    ModelError
        The file cannot be read, is of another version or byte order, or is damaged or cut short.
    """
    try:
        state = path.stat()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from None
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=1)
def _read(path: Path, _changed: int, size: int) -> GgufFile:
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _Header(path, content, size).read()
    except (struct.error, UnicodeDecodeError, ValueError, OSError) as error:
        raise ModelError(f"{path}: damaged or cut short, expected a GGUF file: {error}") from None


class _Header:
    """A position in the header that moves on with each value read."""

    def __init__(self, path: Path, content: mmap.mmap, size: int) -> None:
        self._path, self._content, self._size = path, content, size
        self._at, self._strings_left = 0, MOST_STRINGS

    def read(self) -> GgufFile:
        if self._bytes(4) != MAGIC:
            raise ModelError(f"{self._path}: not a GGUF file, expected one that begins with GGUF")
        version = self._scalar("I")
        if version not in VERSIONS:
            kind = "big-endian" if version and version % 65536 == 0 else f"version {version}"
            raise ModelError(f"{self._path}: a {kind} GGUF file, expected little-endian version 2 or 3")
        n_tensors = self._count(SMALLEST_TENSOR, MOST_TENSORS)
        n_fields = self._count(SMALLEST_FIELD, MOST_TENSORS)
        metadata: dict[str, Any] = {}
        for _ in range(n_fields):
            key = self._string()
            if key in metadata:
                raise ValueError(f"key {key!r} appears twice")
            metadata[key] = self._value(self._scalar("I"), key)
        stated = [self._tensor() for _ in range(n_tensors)]
        tensors = dict(stated)
        if len(tensors) < n_tensors:
            raise ValueError("a tensor appears twice")
        return GgufFile(self._path, metadata, self._placed(tensors, metadata))

    def _placed(self, tensors: dict[str, GgufTensor], metadata: dict[str, Any]) -> dict[str, GgufTensor]:
        """The tensors with offsets from the start of the file."""
        alignment = metadata.get("general.alignment", DEFAULT_ALIGNMENT)
        if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
            raise ValueError(f"general.alignment is {alignment!r}, expected a power of two")
        start = -(-self._at // alignment) * alignment
        return {name: GgufTensor(t.type_number, t.shape, start + t.offset) for name, t in tensors.items()}

    def _tensor(self) -> tuple[str, GgufTensor]:
        name, n_dimensions = self._string(), self._scalar("I")
        if not 1 <= n_dimensions <= MOST_DIMENSIONS:
            raise ValueError(f"tensor {name!r} has {n_dimensions} dimensions")
        shape = tuple(self._scalar("Q") for _ in range(n_dimensions))[::-1]
        if 0 in shape:
            raise ValueError(f"tensor {name!r} has the shape {list(shape)}")
        return name, GgufTensor(self._scalar("I"), shape, self._scalar("Q"))

    def _value(self, kind: int, key: str) -> Any:
        if kind == STRING:
            return self._string()
        if kind in SCALARS:
            return self._scalar(SCALARS[kind])
        if kind != ARRAY:
            raise ValueError(f"{key} has the unknown value type {kind}")
        item = self._scalar("I")
        if item == STRING:
            n = self._count(8, self._strings_left)
            self._strings_left -= n
            return [self._string() for _ in range(n)]
        if item not in SCALARS:  # arrays of arrays: the format has them, no model does
            raise ValueError(f"{key} is an array of the value type {item}")
        dtype = np.dtype("<" + SCALARS[item])
        n = self._count(dtype.itemsize, self._size)
        return np.frombuffer(self._bytes(n * dtype.itemsize), dtype)

    def _count(self, smallest: int, most: int) -> int:
        """A number of items that follow, each of at least ``smallest`` bytes."""
        n = int(self._scalar("Q"))
        if most < n <= self._size // smallest:
            raise ModelError(f"{self._path}: found {n} items in a list of its header, expected at most {most}")
        if n * smallest > self._size - self._at:
            raise ValueError(f"{n} items do not fit into the file")
        return n

    def _string(self) -> str:
        return self._bytes(self._scalar("Q")).decode("utf-8")

    def _scalar(self, code: str) -> Any:
        (value,) = struct.unpack("<" + code, self._bytes(struct.calcsize("<" + code)))
        return value

    def _bytes(self, n: int) -> bytes:
        if n > self._size - self._at:
            raise ValueError(f"{n} bytes at {self._at} do not fit into the file of {self._size} bytes")
        self._at += n
        return self._content[self._at - n : self._at]
