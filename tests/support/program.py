"""The command line in this process, so that the kernels compile once for all tests."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest.mock import patch

from simulator.cli import main


@dataclass(frozen=True)
class Done:
    """Exit code and what was printed."""

    code: int
    out: str
    err: str


def run_program(*arguments: object) -> Done:
    """Call ``main`` as the console script does, with streams that are no terminal."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2)]
    with (
        redirect_stdout(streams[0]),
        redirect_stderr(streams[1]),
        patch("sys.argv", ["spikewatt", *map(str, arguments)]),
    ):
        try:
            main()
        except SystemExit as stop:
            code = stop.code
    out, err = (_text(stream) for stream in streams)
    assert isinstance(code, int)
    return Done(code, out, err)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode()  # type: ignore[attr-defined]
