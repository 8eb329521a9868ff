"""A model of billions of parameters on as many chips as it takes: time, memory, packet-hops, events, energy per token.

    python benchmarks/llm_scale.py [--shape llama-2-7b] [--chip loihi-like] [--phase decode] [--chunk 64] [--json]

The counts are drawn like those of a captured trace: by default all of a block spikes (linear layers, queries and
probabilities) and the head is a layer; `--like shakespeare-ternary-T15` has dense attention and a dense head, work of
the vector unit. Both are ternary, T=15, with INT8 weights. In decode one token is simulated at
`--context`; in prefill one token of a chunk of `--chunk` tokens, the last of it. All weights are resident, spikes go by
multicast (`--unicast`: as the chip file says), the network is simulated flit by flit. `--set` changes the chip. On a
busy machine look at the CPU seconds, which the cores share. Compile time is reported apart.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from typing import Any

from simulator.config import load_chip
from simulator.config.chip import ChipConfig
from simulator.energy.ledger import build_ledger
from simulator.engine.engine import replay
from simulator.engine.warmup import warm_up
from simulator.mapping.place import map_trace
from simulator.model.statistical_trace import statistical_trace
from simulator.trace.trace import Trace
from simulator.trace.trace_files import load_trace

ALL_SPIKING = "shakespeare-attention-T15"


def make_trace(shape: str, like: str, phase: str, context: int, chunk: int, seed: int) -> Trace:
    """The one token that is simulated."""
    before = context + (chunk - 1 if phase == "prefill" else 0)
    captured = load_trace(like)
    return statistical_trace(shape, captured, 1, phase=phase, context=before, seed=seed)  # type: ignore[arg-type]


def measure(trace: Trace, chip: ChipConfig) -> dict[str, Any]:
    """Map, simulate and price one trace; wall and CPU seconds of each step, and what was found per token."""
    compile_s = warm_up(chip)
    wall, cpu = time.perf_counter(), time.process_time()
    for stream in trace.streams:
        trace.spike_counts(stream.stream_id)
    drawn = time.perf_counter()
    mapped = map_trace(trace, chip)
    placed = time.perf_counter()
    before = time.process_time()
    result = replay(mapped)
    simulate_cpu_s = time.process_time() - before
    simulated = time.perf_counter()
    ledger = build_ledger(result, chip)
    done = time.perf_counter()
    flit_hops = int(result.links["flits"].sum())
    return {
        "cores": len({block.core for block in mapped.placement.blocks}),
        "chips": mapped.placement.n_chips,
        "wall_s": done - wall,
        "cpu_s": time.process_time() - cpu,
        "trace_s": drawn - wall,
        "mapping_s": placed - drawn,
        "simulate_s": simulated - placed,
        "simulate_cpu_s": simulate_cpu_s,
        "ledger_s": done - simulated,
        "compile_s": compile_s,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "spikes": result.spikes,
        "packets": result.packets,
        "packet_hops": result.packet_hops,
        "flit_hops": flit_hops,
        "synaptic_events": result.synops,
        "flit_hops_per_cpu_s": flit_hops / simulate_cpu_s,
        "synaptic_events_per_cpu_s": result.synops / simulate_cpu_s,
        "energy_mj_per_token": ledger.total_pj * 1e-9 / trace.n_tokens,
        "time_ms_per_token": result.total_ps * 1e-9 / trace.n_tokens,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="llama-2-7b", help="shipped shape, or path of a config.json")
    parser.add_argument("--chip", default="loihi-like")
    parser.add_argument("--like", default=ALL_SPIKING, help="captured trace whose statistics the counts have")
    parser.add_argument("--phase", default="decode", choices=["decode", "prefill"])
    parser.add_argument("--context", type=int, default=512, help="tokens before the first of the chunk")
    parser.add_argument("--chunk", type=int, default=64, help="tokens of a prefill chunk")
    parser.add_argument("--unicast", action="store_true", help="as the chip file says, not multicast")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="change the chip")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    chip = load_chip(args.chip, [*args.set, *([] if args.unicast else ["noc.multicast=true"])])
    trace = make_trace(args.shape, args.like, args.phase, args.context, args.chunk, args.seed)
    found = {"shape": args.shape, "chip": args.chip, "phase": args.phase} | measure(trace, chip)
    if args.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{args.shape} on {args.chip}, one token of {args.phase}: {found['cores']} cores on {found['chips']} chips")
    for name, value in list(found.items())[5:]:
        print(f"{name:22s} {value:>18,.2f}" if isinstance(value, float) else f"{name:22s} {value:>18,}")


if __name__ == "__main__":
    main()
