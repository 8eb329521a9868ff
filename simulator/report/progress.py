"""Progress of a long call: a bar on a terminal, a plain line for each tenth elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

TENTHS = 10
A_MINUTE = 60.0


class ProgressLine:
    """Call it with (what, done, total); use it as a context manager.

    Everything goes to stderr, so that stdout holds results only.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr),
            transient=True,
        )
        self._on_terminal = sys.stderr.isatty()
        self._tasks: dict[str, TaskID] = {}
        self._tenth: dict[str, int] = {}
        self._since: dict[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Take the bar off the terminal, and its thread with it."""
        if self._on_terminal and not self._quiet:
            self._bar.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` steps of ``what`` are done."""
        if self._quiet:
            return
        self._since.setdefault(what, time.monotonic())
        if self._on_terminal:
            self._bar.start()  # not before: its thread keeps a process from being copied (`side_by_side`)
            task = self._tasks.setdefault(what, TaskID(-1))
            if task == -1:
                task = self._tasks[what] = self._bar.add_task(what, total=total)
            self._bar.update(task, completed=done)
        elif done * TENTHS // total > self._tenth.get(what, 0):
            self._tenth[what] = done * TENTHS // total
            print(f"{what}: {100 * done // total} %{self._left(what, done, total)}", file=sys.stderr, flush=True)

    def _left(self, what: str, done: int, total: int) -> str:
        """Time left of what takes more than a minute, in words."""
        elapsed = time.monotonic() - self._since.setdefault(what, time.monotonic())
        left = elapsed * (total - done) / done
        return f", about {left:.0f} s left" if elapsed + left > A_MINUTE and done < total else ""

    def say(self, message: str) -> None:
        """One line of what is going on."""
        if not self._quiet:
            print(message, file=sys.stderr, flush=True)
