"""Options that a user gave where they have no meaning."""

from __future__ import annotations

from collections.abc import Set

from simulator.errors import SpikewattError


def refuse_given(given: Set[str], when: str, *names: str) -> None:
    """Raise SpikewattError when one of these options was given, though it has no meaning here."""
    for name in names:
        if name in given:
            raise SpikewattError(f"{name} has no meaning {when}, leave it out")
