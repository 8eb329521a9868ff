"""Faults of the input: what the user can fix. The command line prints them as they are and exits with code 2."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

MOST_PROBLEMS = 100  # of one input: no more are looked for, or shown
LONGEST_WORD, MOST_WORDS = 255, 500  # that are compared: 0.1 ms for a pair that is alike


class SpikewattError(Exception):
    """A fault of the input, reported in lines a user can act on: place, found, expected, help.

    Parameters
    ----------
    problem
        One line, or several problems of one line each.
    """

    def __init__(self, problem: str | Iterable[str] = "") -> None:
        self.problems = (problem,) if isinstance(problem, str) else tuple(problem)
        super().__init__(self.problems)  # so that another process gets them one by one as well

    def __str__(self) -> str:
        return "\n".join(self.problems)


class FieldValueError(ValueError):
    """A value that a field cannot take, in parts: code that knows the place of the value can state ``found`` again.

    Parameters
    ----------
    found
        The value as a user would write it.
    expected
        What the field takes, with a hint at its end where one is near.
    lack
        What ``found`` lacks, such as ``without a unit``; empty where it lacks nothing.
    """

    def __init__(self, found: str, expected: str, lack: str = "") -> None:
        self.found, self.expected, self.lack = found, expected, lack
        super().__init__(found, expected, lack)  # so that another process gets the parts

    def __str__(self) -> str:
        return self.text(self.found)

    def text(self, found: str) -> str:
        """``found ..., expected ...``, with the value in the words of the caller."""
        return f"found {found}{self.lack and ' '}{self.lack}, expected {self.expected}"


class ConfigError(SpikewattError):
    """Every problem of one configuration file: lines of the form ``file:line:col: path: found, expected (help)``."""

    def __init__(self, problems: Iterable[str]) -> None:
        super().__init__(list(problems))


class TraceError(SpikewattError):
    """A trace file that is missing, damaged, of another schema, or whose layers do not chain."""


class ModelError(SpikewattError):
    """A model directory that cannot be read, or whose configuration is not supported."""


class CapacityError(SpikewattError):
    """A limit of the chip that the mapping cannot meet: demand, bound, gap, and what would help."""


class OutputError(SpikewattError):
    """An output that cannot be written."""


class UncostedError(SpikewattError):
    """Work that was counted and has no price (DESIGN rule 3)."""


class ConservationError(SpikewattError):
    """Sums that must be equal and are not (DESIGN rule 2): a fault of this program, never of the input."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`` (did you mean 'x'?)`` for the nearest known word, or nothing when none is near."""
    words = list(islice(known, MOST_WORDS + 1))
    if len(word) > LONGEST_WORD or len(words) > MOST_WORDS:
        return ""
    near = get_close_matches(word, words, n=1, cutoff=0.6)
    return f" (did you mean '{near[0]}'?)" if near else ""
