"""One token of a large language model on as many chips as hold its weights: time, memory and what was simulated.

    python benchmarks/llm_scale.py [--shape llama-2-7b] [--chip loihi-like] [--phase decode|prefill] [--chunk 64]
                                   [--json]

The trace is statistical (`spikewatt synthesize`): its counts are drawn like those of a captured trace of the same
encoding. Weights are resident, the network is cycle-accurate, one multicast packet is sent per spike. A decoded token
has a context of 512 tokens; a token of prefill stands in the middle of a chunk. Kernels are compiled beforehand and
their time is told apart. Peak memory is that of the whole process.
"""

from __future__ import annotations

import argparse
import json
import resource
import time

import simulator as sw
from simulator.cli import DEFAULT_TRACE, find_trace
from simulator.energy.ledger import build_ledger
from simulator.engine.engine import simulate
from simulator.engine.warmup import warm_up
from simulator.mapping.place import map_trace
from simulator.model.statistical import statistical_trace

DECODE_CONTEXT = 512
ON_MANY_CHIPS = ("noc.multicast=true", "chip.max_chips=65536")


def measure(shape: str, chip_name: str, like: str, context: int, phase: str) -> dict[str, object]:
    """Draw, map, simulate and price one token; seconds of each step and the findings per token."""
    chip = sw.load_chip(chip_name, ON_MANY_CHIPS)
    compile_s = warm_up()
    clock = [time.perf_counter()]
    cpu_s = time.process_time()
    trace = statistical_trace(shape, sw.load_trace(find_trace(like)), 1, phase=phase, context=context)
    clock.append(time.perf_counter())
    placement = map_trace(trace, chip)
    clock.append(time.perf_counter())
    result = simulate(trace, chip, placement)
    clock.append(time.perf_counter())
    ledger = build_ledger(result, chip)
    clock.append(time.perf_counter())
    cpu_s = time.process_time() - cpu_s
    simulate_s = clock[3] - clock[2]
    return {
        "shape": shape,
        "chip": chip_name,
        "phase": phase,
        "context": context + 1,
        "encoding": f"{trace.encoding.code} T={trace.encoding.n_timesteps}",
        "cores": len(placement.blocks),
        "chips": placement.n_chips,
        "mesh": f"{placement.mesh_x} x {placement.mesh_y}",
        "compile_s": compile_s,
        "trace_s": clock[1] - clock[0],
        "map_s": clock[2] - clock[1],
        "simulate_s": simulate_s,
        "price_s": clock[4] - clock[3],
        "total_s": clock[4] - clock[0],
        "cpu_s": cpu_s,
        "peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
        "spikes": result.spikes,
        "packets": result.packets,
        "packet_hops": result.packet_hops,
        "synaptic_events": result.synops,
        "packet_hops_per_s": result.packet_hops / simulate_s,
        "synaptic_events_per_s": result.synops / simulate_s,
        "energy_per_token_j": ledger.total_pj * 1e-12,
        "time_per_token_s": result.total_ps * 1e-12,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="llama-2-7b", help="name of a shape, or path of a config.json")
    parser.add_argument("--chip", default="loihi-like")
    parser.add_argument("--like", default=DEFAULT_TRACE, help="captured trace whose statistics are taken")
    parser.add_argument("--phase", choices=("decode", "prefill"), default="decode")
    parser.add_argument("--chunk", type=int, default=64, help="tokens of a prefill chunk")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    context = DECODE_CONTEXT if args.phase == "decode" else args.chunk // 2
    found = measure(args.shape, args.chip, args.like, context, args.phase)
    if args.json:
        print(json.dumps(found, indent=2))
        return
    for name, value in found.items():
        print(f"{name:22} {value:,.4g}" if isinstance(value, float) else f"{name:22} {value}")


if __name__ == "__main__":
    main()
