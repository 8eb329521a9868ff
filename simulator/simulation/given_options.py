"""Options that a user gave where they have no meaning."""

from __future__ import annotations

from collections.abc import Iterable, Set

from simulator.errors import SpikewattError


def require_option(given: Set[str], required: str, names: Iterable[str]) -> None:
    """Raise SpikewattError when one of ``names`` was given although the option ``required`` was not."""
    for name in names:
        if name in given:
            option = name.replace("_", "-")
            raise SpikewattError(f"--{option} requires --{required}; add it, or remove --{option}")


def refuse_together(given: Set[str], other: str, names: Iterable[str]) -> None:
    """Raise SpikewattError when one of ``names`` was given together with the option ``other``."""
    for name in names:
        if name in given:
            option = name.replace("_", "-")
            raise SpikewattError(f"--{option} cannot be used with --{other}; remove one of them")
