"""A cache of kernels that is damaged or full costs time, never a result."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KERNEL = """
import os, sys
from simulator.compiled import jit
from simulator.engine.kernels.cache_removal import clean_cache

@jit
def twice(x):
    return 2 * x

if "full" in sys.argv:
    def no_space(*arguments):
        raise OSError(28, "No space left on device")
    twice._cache._cache_file.save = no_space
print(twice(21))
if "clean" in sys.argv:
    print(clean_cache())
"""


def run(folder: Path, *words: str) -> tuple[str, str]:
    script = folder / "kernel.py"
    script.write_text(KERNEL)
    env = os.environ | {"XDG_CACHE_HOME": str(folder / "cache"), "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": ""}
    command = [sys.executable, str(script), *words]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, done.stderr


@pytest.mark.parametrize("kind", ["*.nbi", "*.nbc"])
def test_a_damaged_cache_is_compiled_again_once(tmp_path: Path, kind: str) -> None:
    assert run(tmp_path) == ("42\n", "")
    files = list((tmp_path / "cache").rglob(kind))
    assert files
    for file in files:
        file.write_bytes(file.read_bytes()[:20])
    out, err = run(tmp_path)
    assert out == "42\n"
    assert "kernels are compiled again" in err
    assert "spikewatt warmup --clean" in err
    assert run(tmp_path) == ("42\n", "")  # and so it is whole again


def test_a_full_cache_is_a_warning(tmp_path: Path) -> None:
    out, err = run(tmp_path, "full")
    assert out == "42\n"
    assert "No space left on device" in err
    assert "Traceback" not in err


def test_the_cache_is_private_and_can_be_removed(tmp_path: Path) -> None:
    assert run(tmp_path, "clean") == ("42\n1\n", "")
    root = tmp_path / "cache/spikewatt"
    (folder,) = root.iterdir()
    assert not list(folder.rglob("*.nbi"))
    assert {stat.S_IMODE(path.stat().st_mode) for path in (root, folder)} == {0o700}
