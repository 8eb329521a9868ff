"""A small trace on file, and a hand to break it on purpose."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace_files import save_trace


@pytest.fixture
def trace_file(tmp_path: Path) -> Path:
    """Three tokens through layers of 5 -> 4 -> 3, Poisson counts, ternary with 7 levels."""
    path = tmp_path / "small.npz"
    save_trace(synthetic_trace("poisson", [5, 4, 3], tokens=3, mean_count=2.0), path)
    return path


def npy_bytes(array: np.ndarray, version: tuple[int, int] = (1, 0)) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version=version)
    return buffer.getvalue()


def canonical_hash(manifest: dict[str, Any]) -> str:
    """The content hash as traces/README.md defines it, written down a second time."""
    body = {key: value for key, value in manifest.items() if key != "content_hash"}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


class Breaker:
    """Rewrites a trace file with something changed; hashes are made to fit unless the test says otherwise."""

    def members(self, path: Path) -> dict[str, bytes]:
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def write(self, path: Path, members: dict[str, bytes]) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                archive.writestr(name, data)

    def manifest(self, path: Path, edit: Callable[[dict[str, Any]], Any], *, rehash: bool = True) -> None:
        members = self.members(path)
        manifest = json.loads(members["manifest.json"])
        edit(manifest)
        if rehash and "content_hash" in manifest:
            manifest["content_hash"] = canonical_hash(manifest)
        self.write(path, members | {"manifest.json": json.dumps(manifest).encode()})

    def member(self, path: Path, name: str, data: bytes, *, rehash: bool = True) -> None:
        """Exchange the bytes of one array; with ``rehash`` the manifest has the hashes of the new ones."""
        self.write(path, self.members(path) | {name: data})
        if rehash:
            sha256 = hashlib.sha256(data).hexdigest()
            self.manifest(path, lambda manifest: manifest["members"][name].update(sha256=sha256))

    npy = staticmethod(npy_bytes)


@pytest.fixture
def breaker() -> Breaker:
    return Breaker()
