"""The safetensors files of a model: one, or shards under an index; opened for one tensor and closed again.

A mapped file counts as resident memory as far as its pages were touched, for as long as it is open. Opening it anew for
every tensor keeps that to the tensor in hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401  registers bfloat16 with numpy, which safetensors needs by name
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from simulator.errors import ModelError
from simulator.model.json_file import read_json_object
from simulator.model.model_location import INDEX_FILE, WEIGHTS_FILE, missing_weights, refuse_lfs_pointer
from simulator.model.stored_tensor import MOST_TENSORS, StoredTensor, hash_of

LONGEST_NAME = 255  # bytes, of every file system in use
LONGEST_HEADER = 8 << 20  # bytes, of a file: 50,000 tensors
STORED_BITS = {"F32": 32, "F16": 16, "BF16": 16}


@dataclass(frozen=True)
class SafetensorsFiles:
    """Where each tensor of a model lies (`stored_tensor.TensorFiles`).

    Attributes
    ----------
    listing
        The file that says which tensors there are: the weights, or the index of the shards.
    path_of
        Name of a tensor -> its file.
    tensors
        Name of a tensor -> its type and shape.
    """

    listing: Path
    path_of: Mapping[str, Path]
    tensors: Mapping[str, StoredTensor]

    def read(self, name: str, rows: slice | None = None) -> NDArray[np.float32]:
        """A tensor, or some rows of it, in float32; raises ModelError when the file is damaged."""
        with _opened(self.path_of[name]) as file:
            stored = file.get_tensor(name) if rows is None else file.get_slice(name)[rows]
            return np.ascontiguousarray(stored, dtype=np.float32)

    def sha256(self) -> str:
        """Hash of the files, one after another in the order of their names: that of the file where there is one."""
        return hash_of(sorted(set(self.path_of.values())))

    @property
    def bits(self) -> Mapping[str, int]:
        """Number types that are read -> bits per weight."""
        return STORED_BITS


def safetensors_files(folder: Path) -> SafetensorsFiles:
    """Find the weights of a model directory and read the headers of its files.

    Raises
    ------
    ModelError
        A file is missing or damaged, or the index does not say what the shards hold.
    """
    single, index = folder / WEIGHTS_FILE, folder / INDEX_FILE
    if single.is_file():
        tensors = _header(single)
        return SafetensorsFiles(single, dict.fromkeys(tensors, single), tensors)
    if not index.is_file():
        raise missing_weights(folder)
    return _sharded(index)


def _sharded(index: Path) -> SafetensorsFiles:
    listed = _weight_map(index)
    of_shard: dict[str, list[str]] = {}
    for name, shard in listed.items():
        of_shard.setdefault(shard, []).append(name)
    path_of: dict[str, Path] = {}
    tensors: dict[str, StoredTensor] = {}
    problems = []
    for shard, names in sorted(of_shard.items()):
        path = index.with_name(shard)
        if not path.is_file():
            problems.append(f"{index}: shard {shard}: no such file, expected {len(names)} tensors in it")
            continue
        for name, stored in _header(path).items():
            # A tensor that the index leaves out is read like one of a single file: known, spare, or refused.
            if listed.get(name, shard) != shard or name in path_of:
                problems.append(f"{path}: tensor {name}: the index has it in {listed.get(name, path_of.get(name))}")
            path_of[name], tensors[name] = path, stored
        gone = [name for name in names if name not in tensors]
        problems += [f"{path}: tensor {name}: missing, the index has it here" for name in gone]
    if problems:
        raise ModelError(problems)
    return SafetensorsFiles(index, path_of, tensors)


def _weight_map(index: Path) -> dict[str, str]:
    """Name of a tensor -> name of its shard, a file in the folder of the index."""
    listed = read_json_object(index).get("weight_map")
    if not isinstance(listed, dict) or not listed:
        raise ModelError(f"{index}: weight_map: {str(listed)[:80]}, expected tensors and their shards")
    if len(listed) > MOST_TENSORS:
        raise ModelError(f"{index}: weight_map: found {len(listed)} tensors, expected at most {MOST_TENSORS}")
    for name, shard in listed.items():
        if not isinstance(shard, str) or not _is_file_name(shard):
            raise ModelError(
                f"{index}: weight_map.{name}: {str(shard)[:80]!r}, expected the name of a file in this folder"
            )
    return listed


def _is_file_name(name: str) -> bool:
    """Whether a name is that of a file in one folder: not empty, without a folder, no longer than a name can be."""
    return (
        name not in (".", "..")
        and 0 < len(name.encode(errors="replace")) <= LONGEST_NAME
        and Path(name).name == name
        and "\0" not in name
    )


def _header(path: Path) -> dict[str, StoredTensor]:
    refuse_lfs_pointer(path)
    _check_length(path)
    with _opened(path) as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  not a mapping
        return {name: StoredTensor(part.get_dtype(), tuple(part.get_shape())) for name, part in slices.items()}


def _check_length(path: Path) -> None:
    """Refuse a header that would take long to read; its length is the first eight bytes of the file."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
    if LONGEST_HEADER < length <= path.stat().st_size:
        raise ModelError(f"{path}: found a header of {length} bytes, expected at most {LONGEST_HEADER}")


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The opened safetensors file, its faults raised as ModelError."""
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: damaged or cut short: {error}") from None
