"""A captured trace under another code: the same counts, other spikes."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from simulator.errors import TraceError, did_you_mean
from simulator.trace.codes import CODES
from simulator.trace.encoding import Encoding
from simulator.trace.trace import Trace


def as_encoding(trace: Trace, code: str, levels: int | None = None) -> Trace:
    """``trace`` with every count sent under ``code``: streams, layers, ops and counts stay as they are.

    The work of the ops stays that of the encoder that made the counts; what follows the timesteps (reads of the spike
    buffer) follows those of the new code. A count of a ``binary`` trace keeps its zero point under a signed code.

    Parameters
    ----------
    trace
        What was captured.
    code
        One of `CODES`.
    levels
        Largest absolute count of the new encoding; by default that of the trace.

    Raises
    ------
    TraceError
        The code is unknown, or a count of the trace is none that it can hold.
    """
    known = next((c for c in CODES if c == code), None)
    if known is None:
        raise TraceError(f"encoding {code!r}, expected one of {', '.join(CODES)}{did_you_mean(code, CODES)}")
    try:
        encoding = Encoding(known, trace.encoding.levels if levels is None else levels)
    except ValueError as error:
        raise TraceError(str(error)) from None
    if encoding == trace.encoding:
        return trace
    _check_holds(trace, encoding)
    identity = f"{trace.content_hash} as {encoding.code} of {encoding.levels} levels"
    return replace(
        trace,
        name=f"{trace.name}-as-{code}",
        encoding=encoding,
        origin={**trace.origin, "captured_as": {"code": trace.encoding.code, "levels": trace.encoding.levels}},
        content_hash=hashlib.sha256(identity.encode()).hexdigest() if trace.content_hash else "",
    )


def _check_holds(trace: Trace, encoding: Encoding) -> None:
    """Refuse an encoding that some count of the trace does not fit; nothing is read where all must fit."""
    if (encoding.signed or not trace.encoding.signed) and encoding.levels >= trace.encoding.levels:
        return
    low = -encoding.levels if encoding.signed else 0
    for stream in trace.streams:
        counts = trace.spike_counts(stream.stream_id)
        least, most = (int(counts.min()), int(counts.max())) if counts.size else (0, 0)
        if least < low or most > encoding.levels:
            raise TraceError(
                f"{trace.path or trace.name}: stream {stream.stream_id} holds counts from {least} to {most}, which"
                f" {encoding.code} of {encoding.levels} levels cannot hold (expected {low} to {encoding.levels});"
                f" {'take more levels' if encoding.signed else 'take a signed code'}"
            )
