"""``manifest.json``: the inputs of a report, so that it can be made again and recognized."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from simulator.actions import is_power
from simulator.config.chip import ChipConfig
from simulator.energy.prices import chip_prices
from simulator.report.report_folder import SCHEMA
from simulator.report.run import Run

SCHEMA_VERSION = 1
PACKAGES = ("spikewatt", "numpy", "scipy", "numba", "pandas", "pydantic", "matplotlib")
ABSENT = "not installed"


def manifest_dict(run: Run, files: list[str]) -> dict[str, Any]:
    """What ``run`` was made from, and the names of the other ``files`` of its report; no clock time, no file hashes.

    The same inputs and the same program make the same manifest.
    """
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "command": run.command,
        "chip": {"name": run.chip.name, "sha256": chip_sha256(run.chip)},
        "trace": {"name": run.trace.name, "content_hash": run.trace.content_hash},
        "mapping": "chip" if run.mapping is None else run.mapping.fields(),
        "made_prices": _made_prices(run.chip),
        "dense_twin": None if run.dense is None else run.dense.name,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "git": git_commit(Path(__file__).resolve().parents[2]),
        "warnings": list(run.all_warnings),
        "files": files,
    }


def _made_prices(chip: ChipConfig) -> dict[str, dict[str, Any]]:
    """Path of every price that the chip file describes -> the description, and the number it became."""
    prices = {price.path: price for price in chip_prices(chip).values() if price.model is not None}
    units = {path: "value_w" if is_power(price.name) else "value_pj" for path, price in prices.items()}
    return {path: {"model": price.model, units[path]: price.pj_per_count} for path, price in prices.items()}


def chip_sha256(chip: ChipConfig) -> str:
    """Hash of a chip file's content as resolved: units converted, defaults filled in, free of layout and comments."""
    content = json.dumps(chip.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(content.encode()).hexdigest()


def git_commit(root: Path) -> dict[str, Any] | None:
    """Commit of the program's own checkout at ``root`` and whether tracked files differ; None outside a checkout."""
    if not (root / ".git").exists():  # an installed package may sit inside a repository that is not its own
        return None
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    changes = _git(root, "status", "--porcelain", "--untracked-files=no")
    if commit is None or changes is None:
        return None
    return {"commit": commit, "modified": bool(changes)}


def _git(root: Path, *arguments: str) -> str | None:
    """Output of a git command that writes nothing; None when it fails, hangs or git is absent."""
    command = ["git", "--no-optional-locks", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version(name: str) -> str:
    """Version of an installed distribution."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ABSENT
