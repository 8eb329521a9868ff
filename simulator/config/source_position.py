"""Where something stands in a configuration, and what is wrong with it there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Place:
    """A line and column of a file, both from 1; or an override of the command line, whose line is 0."""

    where: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.where}:{self.line}:{self.column}" if self.line else self.where


@dataclass(frozen=True)
class Problem:
    """One thing to fix: ``text`` is ``found ..., expected ... (help)``."""

    place: Place
    path: tuple[str | int, ...]
    text: str

    def __str__(self) -> str:
        path = path_text(self.path)
        # An override starts with its path already: `--set core.sram.word=64: found 64 without ...`
        starts = (f"--set {path}=", f"--set {path.removesuffix('.value')}=")
        named = not self.place.line and self.place.where.startswith(starts)
        return f"{self.place}: {self.text}" if named or not path else f"{self.place}: {path}: {self.text}"


def path_text(path: Iterable[str | int]) -> str:
    """``core.sram.word``, ``sync.barrier.latency[1].tiles``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def in_order(problems: Iterable[Problem]) -> list[str]:
    """The lines of all problems, by file and line, each once."""
    return list(dict.fromkeys(str(p) for p in sorted(problems, key=lambda p: p.place)))
