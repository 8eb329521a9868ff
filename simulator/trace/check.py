"""Whether a Trace holds together: its positions and phases, and its program.

Every fault is a TraceError of one line that begins with the trace's file or name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from simulator.actions import op_actions
from simulator.errors import TraceError, did_you_mean
from simulator.trace.trace import Trace
from simulator.trace.trace_program import ClosedForm, Op, Stage, Stream

# Sizes of the program are int32 in the compiled engine; a larger one is a damaged file, not a model.
MAX_SIZE = 2**31 - 1
MAX_BITS = 64
# A stream's id is the name of its file inside the trace.
LONGEST_ID = 255
STREAM_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")


def check_trace(trace: Trace) -> None:
    """Check that the program of a trace holds together; `Trace.spike_counts` checks the counts when they are read.

    Raises
    ------
    TraceError
        No tokens or streams, a size out of range, an action without a name in the chip files, an id that
        is unknown, repeated or in no stage, or layers that do not chain.
    """
    _check_tokens(trace)
    _check_texts(trace)
    _check_sizes(trace)
    for op in trace.ops:
        _check_op(trace, op)
    _check_ids(trace)
    driven: set[str] = set()
    done: set[str] = set()
    for stage in trace.stages:
        _check_stage(trace, stage)
        _check_order(trace, stage, "sources", stage.sources, driven)
        _check_order(trace, stage, "carries", stage.carries, done)
        driven.update(stage.layers)
        done.add(stage.stage_id)


def _check_tokens(trace: Trace) -> None:
    positions, phases = trace.positions, trace.phases
    if positions.ndim != 1 or positions.dtype != np.int64:
        raise TraceError(f"{trace.where}: positions {positions.dtype} {positions.shape}, expected int64 (tokens,)")
    if not len(positions):
        raise TraceError(f"{trace.where}: no tokens, expected at least one")
    if not 0 <= int(positions.min()) <= int(positions.max()) < MAX_SIZE:
        raise TraceError(
            f"{trace.where}: positions from {positions.min()} to {positions.max()}, expected 0 to {MAX_SIZE - 1}"
        )
    if phases.shape != positions.shape or phases.dtype != np.uint8:
        raise TraceError(f"{trace.where}: phases {phases.dtype} {phases.shape}, expected uint8 {positions.shape}")
    if int(phases.max()) > 1:
        raise TraceError(f"{trace.where}: phase {phases.max()}, expected 0 (prefill) or 1 (decode)")


def _check_texts(trace: Trace) -> None:
    """Ids and kinds stand in tables, figures and pages of any reader, so each is a text that can be seen."""
    texts = [("stream", s.stream_id) for s in trace.streams]
    texts += [("layer", text) for x in trace.layers for text in (x.layer_id, x.kind)]
    texts += [("op", text) for o in trace.ops for text in (o.op_id, o.kind)]
    texts += [("stage", s.stage_id) for s in trace.stages]
    for what, text in texts:
        if not text.isprintable() or not 0 < len(text) <= LONGEST_ID:
            shown = repr(text if len(text) <= LONGEST_ID else text[:LONGEST_ID] + "...")
            raise TraceError(f"{trace.where}: {what} {shown}: expected 1 to {LONGEST_ID} printable characters")


def _check_sizes(trace: Trace) -> None:
    if not trace.streams:
        raise TraceError(f"{trace.where}: no streams, expected at least one")
    for stream in trace.streams:
        if not STREAM_ID.fullmatch(stream.stream_id):
            raise TraceError(f"{trace.where}: stream {stream.stream_id!r}: expected letters, digits, '.', '_' and '-'")
    sizes = [(f"stream {s.stream_id}: n", s.n, 1, MAX_SIZE) for s in trace.streams]
    sizes += [(f"layer {x.layer_id}: n_in", x.n_in, 1, MAX_SIZE) for x in trace.layers]
    sizes += [(f"layer {x.layer_id}: n_out", x.n_out, 1, MAX_SIZE) for x in trace.layers]
    sizes += [(f"layer {x.layer_id}: weight_bits", x.weight_bits, 1, MAX_BITS) for x in trace.layers]
    sizes += [(f"stage {s.stage_id}: width", s.width, 1, MAX_SIZE) for s in trace.stages]
    sizes += [(f"op {o.op_id}: operand_bits", o.operand_bits, 0, MAX_BITS) for o in trace.ops]
    sizes += [] if trace.window is None else [("window", trace.window, 1, MAX_SIZE)]
    for what, size, least, most in sizes:
        if not least <= size <= most:
            raise TraceError(f"{trace.where}: {what} {size}, expected {least} to {most}")
    for stream in trace.streams:
        _check_live(trace, stream)


def _check_live(trace: Trace, stream: Stream) -> None:
    """A local stream has activations for every context of the trace, and no more than it stores."""
    if stream.live is None:
        return
    (a, b), longest = stream.live, int(trace.contexts.max())
    if b < 0 or a + b < 0 or a + b * longest > stream.n:
        raise TraceError(
            f"{trace.where}: stream {stream.stream_id}: live [{a}, {b}] makes {a + b * longest} activations at a"
            f" context of {longest}, expected b >= 0 and 0 to n, {stream.n}"
        )


def _check_op(trace: Trace, op: Op) -> None:
    where = f"{trace.where}: op {op.op_id}"
    events = 0
    if op.stream is not None:
        if op.stream not in trace.stream_by_id:
            raise TraceError(
                f"{where}: stream {op.stream!r} is missing from the stream table, expected one of"
                f" it{did_you_mean(op.stream, trace.stream_by_id)}"
            )
        events = trace.stream_by_id[op.stream].n * trace.encoding.n_timesteps
        if trace.stream_by_id[op.stream].live is None:
            raise TraceError(f"{where}: stream {op.stream!r} is not local, expected one that says which of it is live")
    elif op.per_spike:
        raise TraceError(f"{where}: found work per spike without a stream, expected both or neither")
    _check_work(where, op.work_per_token, 1, trace)
    _check_work(f"{where}: per timestep", op.per_timestep, trace.encoding.n_timesteps, trace)
    _check_work(f"{where}: per spike", op.per_spike, events, trace)


def _check_work(where: str, table: Mapping[str, ClosedForm], times: int, trace: Trace) -> None:
    """Actions have names in the chip files, and ``times`` their counts are not negative and fit 64 bits."""
    for action, (a, b) in table.items():
        if action not in op_actions():
            near = did_you_mean(action, op_actions())
            raise TraceError(f"{where}: unknown action {action!r}, expected one of {', '.join(op_actions())}{near}")
        # A context is at least 1, so a may be negative (c - 1 additions sum c terms) as long as the count is not.
        if b < 0 or a + b < 0:
            raise TraceError(f"{where}: {action} [{a}, {b}] is negative for some context, expected a + b*c >= 0")
        if (a + b * int(trace.contexts.max())) * times * trace.n_tokens >= 2**63:
            raise TraceError(
                f"{where}: {action} [{a}, {b}] is too large, expected a sum of 64 bits over {trace.n_tokens} tokens"
            )


def _check_ids(trace: Trace) -> None:
    """Ids are unique; each layer and op is in exactly one stage, each stream in one stage or, if local, in one op.

    Stages, layers, ops and the chip share one column of the energy ledger, so their ids differ from each other too;
    a stream is billed under its stage and may have the same id.
    """
    local = [s.stream_id for s in trace.streams if s.live is not None]
    tables: dict[str, tuple[Iterable[str], Iterable[str], str]] = {
        "stream": (
            [s.stream_id for s in trace.streams if s.live is None],
            [s.stream for s in trace.stages if s.stream is not None],
            "stages",
        ),
        "local stream": (local, [o.stream for o in trace.ops if o.stream is not None], "ops"),
        "layer": ([x.layer_id for x in trace.layers], [i for s in trace.stages for i in s.layers], "stages"),
        "op": ([o.op_id for o in trace.ops], [i for s in trace.stages for i in s.ops], "stages"),
    }
    _check_unique(trace, ((s.stream_id, "stream") for s in trace.streams))
    billed = [("chip", "chip")] + [(s.stage_id, "stage") for s in trace.stages]
    billed += [(i, kind) for kind in ("layer", "op") for i in tables[kind][0]]
    _check_unique(trace, billed)
    for kind, (ids, used, where) in tables.items():
        times = Counter(used)
        for i in ids:
            if times[i] != 1:
                raise TraceError(f"{trace.where}: {kind} {i!r} is in {times[i]} {where}, expected exactly one")


def _check_unique(trace: Trace, ids: Iterable[tuple[str, str]]) -> None:
    seen: dict[str, str] = {}
    for i, kind in ids:
        if i in seen:
            raise TraceError(f"{trace.where}: {kind} id {i!r} is that of a {seen[i]} already, expected each id once")
        seen[i] = kind


def _check_stage(trace: Trace, stage: Stage) -> None:
    where = f"{trace.where}: stage {stage.stage_id}"
    for kind, ids, known in (
        ("op", stage.ops, trace.op_by_id),
        ("layer", stage.layers, trace.layer_by_id),
        ("stream", () if stage.stream is None else (stage.stream,), trace.stream_by_id),
    ):
        for i in ids:
            if i not in known:
                raise TraceError(
                    f"{where}: {kind} {i!r} is missing from the {kind} table, expected one of"
                    f" it{did_you_mean(i, known)}"
                )
    if stage.stream is None:
        if stage.layers:
            raise TraceError(f"{where}: found layers without a stream, expected both or neither")
        return
    if trace.stream_by_id[stage.stream].live is not None:
        raise TraceError(f"{where}: stream {stage.stream!r} is local, expected one that drives layers")
    n = trace.stream_by_id[stage.stream].n
    if n != stage.width:
        raise TraceError(f"{where}: width {stage.width}, expected {n}, the activations of its stream")
    for layer_id in stage.layers:
        layer = trace.layer_by_id[layer_id]
        if layer.stream != stage.stream or layer.n_in != n:
            raise TraceError(
                f"{where}: layer {layer_id} takes {layer.n_in} inputs from {layer.stream!r},"
                f" expected {n} from {stage.stream!r}"
            )


def _check_order(trace: Trace, stage: Stage, what: str, ids: tuple[str, ...], ready: set[str]) -> None:
    """What travels to a stage comes from an earlier one, once."""
    where = f"{trace.where}: stage {stage.stage_id}: {what}"
    if len(ids) != len(set(ids)):
        raise TraceError(f"{where} {list(ids)}, expected each id once")
    for i in ids:
        if i not in ready:
            raise TraceError(f"{where}: {i!r} is not ready, expected one of an earlier stage{did_you_mean(i, ready)}")
