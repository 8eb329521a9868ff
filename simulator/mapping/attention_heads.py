"""KV heads of a stage with attention, read from its program: a trace says how large they are, not how many."""

from __future__ import annotations

from simulator.trace.trace import Trace
from simulator.trace.trace_program import Stage


def kv_heads(stage: Stage, trace: Trace) -> int:
    """KV heads of the attention of a stage; 0 where it has none, or where its program does not say how many.

    Softmax divides once per query head. The layers of kind ``q`` and ``k`` that the stage collects from have
    heads x head_dim and KV heads x head_dim outputs, so KV heads = heads x outputs of k / outputs of q.
    """
    kinds = {trace.layer_by_id[layer_id].kind: trace.layer_by_id[layer_id].n_out for layer_id in stage.sources}
    softmax = [op for op in (trace.op_by_id[i] for i in stage.ops) if op.kind == "softmax"]
    if not softmax or not {"q", "k"} <= kinds.keys():
        return 0
    per_token, per_position = softmax[0].work_per_token.get("vector.div", (0, 0))
    heads, rest = divmod((per_token + per_position) * kinds["k"], kinds["q"])
    return 0 if rest else heads
