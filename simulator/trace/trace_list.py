"""The shipped traces."""

from __future__ import annotations

from simulator.shipped import shipped_traces
from simulator.trace.trace_files import load_trace


def list_traces() -> list[tuple[str, str]]:
    """(name, what it holds) of every shipped trace, by name."""
    return [(name, str(load_trace(path)).partition(": ")[2]) for name, path in shipped_traces().items()]
