"""Arrays of a file of others: as numpy reads them, and everything that is damaged or too large in words."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from simulator.npz_file import read_npz

MOST = 1 << 20


@given(arrays(st.sampled_from(["<f4", ">f8", "|i1", "<u2", "|b1"]), array_shapes(min_side=0)), st.booleans())
def test_arrays_come_back(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, columns_first: bool) -> None:
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    np.savez_compressed(path, x=np.asfortranarray(array) if columns_first else array)
    found = read_npz(path, MOST)["x"]
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def header(shape: str) -> bytes:
    """A .npy file that names a shape and holds four bytes."""
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text + bytes(4)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (header("(1000000000000,)"), "damaged"),
        (header("(-1, 1)"), "damaged"),
        (header("('a',)"), "damaged"),
        (header("(" * 300), "damaged"),
        (b"\x93NUMPY\3\0" + bytes(100), "version"),
        (b"not an array", "damaged"),
        (b"", "damaged"),
    ],
)
def test_a_header_takes_no_memory(tmp_path: Path, data: bytes, words: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", data)
    tracemalloc.start()
    with pytest.raises(ValueError, match=words):
        read_npz(tmp_path / "a.npz", MOST)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MOST


def test_a_small_file_of_many_bytes_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("x.npy", "y.npy"):
            archive.writestr(name, bytes(MOST // 2 + 1))
    with pytest.raises(ValueError, match=r"found 1,048,578 bytes of arrays, expected at most 1,048,576"):
        read_npz(tmp_path / "a.npz", MOST)


@pytest.mark.parametrize("cut", [0, 1, 50, -1, -30])
def test_a_cut_file_is_refused(tmp_path: Path, cut: int) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, x=np.arange(100))
    (tmp_path / "a.npz").write_bytes(buffer.getvalue()[:cut])
    with pytest.raises(ValueError, match=r"found a damaged file, expected an \.npz file"):
        read_npz(tmp_path / "a.npz", MOST)


def test_what_is_no_number_and_what_is_no_file_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([None]))
    with pytest.raises(ValueError, match="object, which is no number"):
        read_npz(tmp_path / "a.npz", MOST)
    (tmp_path / "b.npz").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ValueError, match="a Git LFS pointer"):
        read_npz(tmp_path / "b.npz", MOST)
    with pytest.raises(FileNotFoundError):
        read_npz(tmp_path / "c.npz", MOST)
