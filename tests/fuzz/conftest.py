"""Inputs of the fuzz tests, and the counts that they print."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from surfaces import Seeds, make_seeds

COUNTS: dict[str, Counter[str]] = {}
OUTCOMES = ("inputs", "refused", "accepted", "differs", "crashed", "hung", "lost", "leftovers", "kills")
# The same inputs in each `make test`, others in each chunk of `make soak`.
SEED = int(os.environ.get("SPIKEWATT_SEED") or (secrets.randbits(32) if "SPIKEWATT_FUZZ" in os.environ else 0))


@pytest.fixture(scope="session")
def fuzz_seed() -> int:
    """Seed of all inputs of this run."""
    return SEED


@pytest.fixture(scope="session")
def counts() -> dict[str, Counter[str]]:
    return COUNTS


@pytest.fixture(scope="session")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Seeds:
    return make_seeds(tmp_path_factory.mktemp("seeds"))


@pytest.fixture(scope="session")
def fuzz_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """A table of what the fuzz tests tried and found."""
    if not COUNTS:
        return
    terminalreporter.section(f"fuzz, SPIKEWATT_SEED={SEED}")
    total = sum(COUNTS.values(), Counter())
    rows = [(name, *(found[what] for what in OUTCOMES)) for name, found in COUNTS.items()]
    for row in [("", *OUTCOMES), *rows, ("all", *(total[what] for what in OUTCOMES))]:
        terminalreporter.write_line(f"{row[0]:14s}" + "".join(f"{cell!s:>10s}" for cell in row[1:]))
