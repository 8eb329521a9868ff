"""What ships with the program: chips, sweeps, traces and a small model, by name, wherever it is installed.

A wheel holds them as package data in ``simulator/data``; a checkout, in the top-level folders that the wheel takes them
from. Presets and shapes of models lie in ``simulator/model``, measurements and claims in ``simulator/energy`` in both.
"""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from typing import Literal

from simulator.errors import ConfigError, TraceError, did_you_mean

Folder = Literal["chip_configs", "traces"]
PACKAGE = Path(str(files("simulator")))


def shipped_folder(name: Folder) -> Path:
    """Where the shipped files of one kind are: package data, or the folder of a checkout."""
    installed = PACKAGE / "data" / name
    return installed if installed.is_dir() else PACKAGE.parent / name


def sample_model() -> Path:
    """Directory of the small LLaMA that ships with the program, in the form of Hugging Face.

    It holds a text of its own too, ``heldout_sample.txt``.
    """
    return shipped_folder("traces") / "model"


def shipped_traces() -> dict[str, Path]:
    """Name -> file of every shipped trace, sorted."""
    return _by_name(shipped_folder("traces"), "*.npz")


def shipped_sweeps() -> dict[str, Path]:
    """Name -> file of every shipped sweep, sorted."""
    return _by_name(shipped_folder("chip_configs") / "sweeps", "*.yaml")


def shipped_silicon() -> dict[str, Path]:
    """Name -> file of every measurement on silicon, sorted."""
    return _by_name(PACKAGE / "energy" / "silicon", "*.yaml")


def shipped_claims() -> dict[str, Path]:
    """Name -> file of every claim of a paper, sorted."""
    return _by_name(PACKAGE / "energy" / "paper_claims", "*.yaml")


def find_trace(name_or_path: str | Path) -> Path:
    """The file of a trace: a path as it is, or a shipped trace by its name.

    Raises
    ------
    TraceError
        For a name that no shipped trace has, with the nearest one; for a missing file, where a shipped trace has its
        name.
    """
    name, path, shipped = str(name_or_path), Path(name_or_path), shipped_traces()
    if path.is_file():  # a folder, e.g. a report, may have a trace's name
        return path
    if not _is_path(name):
        if name not in shipped:
            raise TraceError(_unknown(name, "trace", shipped))
        return shipped[name]
    if path.suffix == ".npz" and path.stem in shipped and not path.exists():
        raise TraceError(f"{path}: no such file, expected a trace (the shipped one is '{path.stem}', without a path)")
    return path


def find_sweep(name_or_path: str | Path) -> Path:
    """The file of a sweep: a path as it is, or a shipped sweep by its name.

    Raises
    ------
    ConfigError
        For a name that no shipped sweep has, with the nearest one.
    """
    name, path, shipped = str(name_or_path), Path(name_or_path), shipped_sweeps()
    if _is_path(name) or path.is_file():
        return path
    if name not in shipped:
        raise ConfigError([_unknown(name, "sweep", shipped)])
    return shipped[name]


def _by_name(folder: Path, pattern: str) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob(pattern))}


def _is_path(text: str) -> bool:
    """Whether a path is meant rather than a name: it has a suffix or a folder."""
    return bool(Path(text).suffix) or "/" in text or os.sep in text or text in (os.curdir, os.pardir)


def _unknown(name: str, kind: str, shipped: dict[str, Path]) -> str:
    expected = f"a file or one of {', '.join(shipped)}" if shipped else "a file"
    return f"{name}: no such {kind}, expected {expected}{did_you_mean(name, shipped)}"
