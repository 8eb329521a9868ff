"""One simulation with its report in this process: prints the memory it was said to take, and what it took, in bytes.

Usage: python peak_memory.py OPTIONS, which are those of ``spikewatt simulate``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import simulator.engine.limits as limits
from simulator.cli.app import app

said: list[int] = []


def peak_bytes(*sizes: object) -> int:
    """The estimate, kept."""
    said.append(estimate(*sizes))  # type: ignore[arg-type]
    return said[-1]


if __name__ == "__main__":
    import simulator.cli  # noqa: F401, the commands

    estimate, limits.peak_bytes = limits.peak_bytes, peak_bytes
    app(["simulate", *sys.argv[1:]], standalone_mode=False)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(max(said), int(status["VmHWM"].split()[0]) << 10)  # getrusage counts what the process before exec had
