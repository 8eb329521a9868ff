"""The oracle of a pipeline without barriers (``sync.kind: handshake``): a stage starts when its inputs are there.

Every stage takes the tokens one after another, in the order in which they enter a pipeline in rounds. It starts a token
when

1. it has ended the token before,
2. the stage before it has ended this token, and for the first stage of a generated token, the token that it follows has
   left the last stage,
3. its output is free: the next stage that works on the token before has started it, and so takes its values.

A stage takes for a token what it takes alone on the chip: stages do not wait for each other on links or in DRAM.
"""

from __future__ import annotations

from simulator.engine.oracle.reference_schedule import decoded, follows, pipelined, works
from simulator.trace.trace import Trace

Spans = dict[tuple[str, int], tuple[int, int]]  # (stage, token) -> (start, end)


def flow(trace: Trace, tokens: list[int], taken: dict[tuple[str, int], int]) -> Spans:
    """When each stage works on each of ``tokens``; ``taken`` is for how long."""
    spans: Spans = {}
    left: dict[int, int] = {}  # token -> when it has left its last stage
    at: dict[str, int] = {}  # stage -> the token that it has had last
    for token in entering(trace, tokens):
        ready = left.get(token - 1, 0) if decoded(trace, token) and follows(trace, token) else 0
        for stage in [stage for stage in trace.stages if works(trace, stage, token)]:
            start = ready
            if stage.stage_id in at:
                before = at[stage.stage_id]
                start = max(start, spans[stage.stage_id, before][1])
                later = trace.stages[trace.stages.index(stage) + 1 :]
                takers = [following for following in later if works(trace, following, before)]
                if takers:
                    start = max(start, spans[takers[0].stage_id, before][0])
            ready = left[token] = start + taken[stage.stage_id, token]
            spans[stage.stage_id, token] = start, ready
            at[stage.stage_id] = token
    return spans


def entering(trace: Trace, tokens: list[int]) -> list[int]:
    """The tokens in the order in which they enter a pipeline in rounds."""
    return list(dict.fromkeys(token for active in pipelined(trace, tokens) for _, token in reversed(active)))
