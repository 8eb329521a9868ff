"""Inputs of the fuzz tests, and the counts that they print."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from surfaces import Seeds, make_seeds

COUNTS: dict[str, Counter[str]] = {}
OUTCOMES = ("tried", "refused", "accepted", "differs", "crashed", "hung")


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
    terminalreporter.section("fuzz")
    rows = [("inputs", *OUTCOMES)]
    rows += [(name, *(str(found[what]) for what in OUTCOMES)) for name, found in COUNTS.items()]
    total = sum(COUNTS.values(), Counter())
    rows.append(("all", *(str(total[what]) for what in OUTCOMES)))
    for row in rows:
        terminalreporter.write_line(f"{row[0]:14s}" + "".join(f"{cell:>10s}" for cell in row[1:]))
