"""The program of one token: its stages in order, what each computes, encodes and drives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator.model.attention_rule import AttentionRule
from simulator.model.llama_config import LlamaConfig
from simulator.model.ops import stage_ops
from simulator.model.preset import Preset, as_preset
from simulator.trace.check import check_trace
from simulator.trace.encoding import Encoding
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Layer, Op, Stage, Stream

# Streams of a block in the order of execution, with the linear layers each of them drives.
DRIVEN: dict[str, tuple[str, ...]] = {
    "attn_in": ("q", "k", "v"),
    "attn_out": ("o",),
    "mlp_in": ("gate", "up"),
    "mlp_hidden": ("down",),
}

# A spiking head: its stream, and the layer that the stream drives.
HEAD_STREAM, HEAD_LAYER = "head_in", "lm_head"

# Stages that end with a new residual: it waits at their home cores and travels to the next stage that adds to it.
RESIDUAL = ("attn_in", "mlp_in")


@dataclass(frozen=True)
class Program:
    """Streams, layers, ops, stages and window of a Trace, which do not depend on the text."""

    streams: tuple[Stream, ...]
    layers: tuple[Layer, ...]
    ops: tuple[Op, ...]
    stages: tuple[Stage, ...]
    window: int | None = None

    def trace(
        self,
        name: str,
        encoding: Encoding,
        positions: NDArray[np.int64],
        phases: NDArray[np.uint8],
        origin: Mapping[str, object],
        load_counts: Callable[[str], NDArray[np.integer]],
    ) -> Trace:
        """The Trace of this program with these tokens and counts, checked; the fields are those of `Trace`."""
        trace = Trace(
            name=name,
            encoding=encoding,
            streams=self.streams,
            layers=self.layers,
            ops=self.ops,
            stages=self.stages,
            window=self.window,
            positions=positions,
            phases=phases,
            origin=origin,
            load_counts=load_counts,
        )
        check_trace(trace)
        return trace


def preset_origin(preset: Preset) -> dict[str, object]:
    """Encoders, weights and the preset as a whole, in JSON types, for the origin of a trace."""
    return {
        "encoder": {kind: str(preset.encoder_of(kind).rule) for kind in DRIVEN},
        "weights": preset.weights.in_words,
        # Of its files the names alone: no path of this machine.
        "preset": preset.with_files(lambda path: Path(path).name).model_dump(exclude_none=True),
    }


def driven_layers(stream_id: str) -> tuple[str, ...]:
    """Ids of the layers that a stream drives: ``blocks.0.attn_in`` -> ``blocks.0.q``, ``.k``, ``.v``."""
    if stream_id == HEAD_STREAM:
        return (HEAD_LAYER,)
    block, short = stream_id.rsplit(".", 1)
    return tuple(f"{block}.{kind}" for kind in DRIVEN[short])


def weight_of(layer_id: str) -> str:
    """Id of the weights of a layer in a `Checkpoint`."""
    return "head" if layer_id == HEAD_LAYER else layer_id


def stream_width(config: LlamaConfig, stream_id: str) -> int:
    """Activations per token of a stream."""
    widths = {"attn_out": config.q_width, "mlp_hidden": config.intermediate_size}
    return widths.get(stream_id.rsplit(".", 1)[1], config.hidden_size)


def layer_width(config: LlamaConfig, kind: str) -> int:
    """Outputs of a linear layer of this kind."""
    q, kv, f = config.q_width, config.kv_width, config.intermediate_size
    return {"q": q, "k": kv, "v": kv, "gate": f, "up": f}.get(kind, config.hidden_size)


def local_streams(b: str, config: LlamaConfig, rule: AttentionRule, longest: int) -> list[Stream]:
    """Streams of the attention of block ``b``, whose spikes add cached rows."""
    q, h = config.q_width, config.num_attention_heads
    longest = min(longest, config.sliding_window or longest)
    queries = [Stream(f"{b}.attn_q", q, (q, 0))] if rule.queries else []
    return queries + ([Stream(f"{b}.attn_p", h * longest, (0, h))] if rule.probabilities else [])


def build_program(
    config: LlamaConfig,
    choice: Encoding | Preset,
    stored_bits: Mapping[str, int],
    longest: int = 1,
) -> Program:
    """The program of a model of this config under this preset (or plain encoding).

    Parameters
    ----------
    config, choice
        Sizes of the model; encoders, rotation, weights, attention and head.
    stored_bits
        By weight id, the bits per stored weight of the dense tensors (`Checkpoint.stored_bits`).
    longest
        Longest context of the trace, for the width of the local streams of attention.
    """
    streams: list[Stream] = []
    layers: list[Layer] = []
    stages: list[Stage] = []
    preset = as_preset(choice)
    ops, rule = stage_ops(config, preset, stored_bits), preset.attention.rule()
    sources: tuple[str, ...] = ()
    residual: tuple[str, ...] = ()  # the stage at whose home cores the residual waits
    for i in range(config.num_hidden_layers):
        for short in DRIVEN:
            stream_id = f"blocks.{i}.{short}"
            width, driven = stream_width(config, stream_id), driven_layers(stream_id)
            op_ids = tuple(op.op_id for op in ops[stream_id])
            streams += local_streams(f"blocks.{i}", config, rule, longest) if short == "attn_out" else []
            streams.append(Stream(stream_id, width))
            carries = residual if short in RESIDUAL else ()
            stages.append(Stage(stream_id, width, op_ids, stream_id, driven, sources, carries))
            residual = (stream_id,) if short in RESIDUAL else residual
            for layer_id, kind in zip(driven, DRIVEN[short], strict=True):
                layers.append(Layer(layer_id, kind, width, layer_width(config, kind), preset.weights.bits, stream_id))
            sources = driven
    d, vocab, last = config.hidden_size, config.vocab_size, tuple(op.op_id for op in ops["head"])
    if preset.head == "dense":
        stages.append(Stage("head", d, last, None, (), sources, residual))
    else:
        streams.append(Stream(HEAD_STREAM, d))
        layers.append(Layer(HEAD_LAYER, "head", d, vocab, preset.weights.bits, HEAD_STREAM))
        op_ids = tuple(op.op_id for op in ops[HEAD_STREAM])
        stages.append(Stage(HEAD_STREAM, d, op_ids, HEAD_STREAM, (HEAD_LAYER,), sources, residual))
        stages.append(Stage("head", vocab, last, None, (), (HEAD_LAYER,)))
    every_op = tuple(op for stage in ops.values() for op in stage)
    return Program(tuple(streams), tuple(layers), every_op, tuple(stages), config.sliding_window)
