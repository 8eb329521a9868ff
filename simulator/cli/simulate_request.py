"""The request that the options of ``spikewatt simulate`` stand for, also of a command that a report remembers."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer.main import get_command

from simulator.cli.usage import USAGE_ERROR
from simulator.errors import SpikewattError

if TYPE_CHECKING:
    from simulator.simulation.request import SimulateRequest

# Option -> path of the chip file that it overrides.
OVERRIDING = {
    "noc": "noc.model",
    "schedule": "schedule.kind",
    "chunk": "schedule.chunk",
    "batch": "schedule.batch",
    "logits": "schedule.logits",
    "sync": "sync.kind",
}


def request_of(options: Mapping[str, Any], command: str) -> SimulateRequest:
    """The request of these options of ``spikewatt simulate``, by the names of its parameters."""
    from simulator.simulation.request import SimulateRequest, parse_memory_limit, parse_sample_tokens

    given = {path: options[name] for name, path in OVERRIDING.items() if options[name] is not None}
    return SimulateRequest(
        chip=options["chip"],
        trace=options["trace"],
        overrides=(*(options["set_"] or []), *(f"{path}={value}" for path, value in given.items())),
        encoding=options["encoding"],
        dense_twin="none" if options["no_dense_twin"] else options["dense_twin"],
        breakeven=options["breakeven"],
        sample_tokens=parse_sample_tokens(options["sample_tokens"]),
        mapping=options["mapping"],
        precision=options["op_count"],
        allow_uncosted=options["allow_uncosted"],
        memory_limit_bytes=parse_memory_limit(options["memory_limit"]),
        folder=_path(options["out"]),
        force=options["force"],
        figures=tuple(options["figures"] or ()),
        latex=options["latex"],
        timeline=_path(options["timeline"]),
        verify=_path(options["verify"]),
        command=command,
    )


def remembered_request(command: str, where: str, program: Any) -> SimulateRequest:
    """The request of a command line as a report holds it; ``where`` says which report, for errors.

    Raises
    ------
    SpikewattError
        It is no command line of ``spikewatt simulate``.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise SpikewattError(f"{where}: command: found {command!r}: {error}") from error
    if words[:2] != ["spikewatt", "simulate"]:
        raise SpikewattError(
            f"{where}: command: found {command!r}, expected one of `spikewatt simulate`;"
            " give a finished report with --report"
        )
    group: Any = get_command(program)
    simulate = group.commands["simulate"]
    try:
        with simulate.make_context("simulate", words[2:]) as context:
            return request_of(context.params, command)
    except USAGE_ERROR as error:
        raise SpikewattError(f"{where}: command {command!r}: {error}") from error


def _path(found: str | Path | None) -> Path | None:
    return None if found is None else Path(found)
