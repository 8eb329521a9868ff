"""Compare the speed of this tree with an earlier commit in one run; fail where a figure dropped by more than 10 %.

    python benchmarks/check.py [--base REV] [--repeats 9] [--limit 0.10] [--json]

REV is the last tag by default. Both trees run the same workloads in turn, each in a process of its own, after their
kernels are compiled. The figure is the ratio of the medians of the CPU seconds. The workloads are those behind the
ratios of README: a simulation, the network under multicast, and a capture.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")}
# Name -> (warm-up, work), statements for a tree of any commit since 3cfd1bd: public names alone.
WORKLOADS = {
    "simulate": (
        "import simulator as sw\nchip = sw.load_chip('loihi-like')\n"
        "trace = sw.load_trace('traces/shakespeare-ternary-T15.npz')\nsw.simulate(chip, trace)",
        "sw.simulate(chip, trace)",
    ),
    "multicast": (
        "import simulator as sw\nchip = sw.load_chip('loihi-like', ['noc.multicast=true'])\n"
        "trace = sw.load_trace('traces/shakespeare-ternary-T15.npz')\nsw.simulate(chip, trace)",
        "sw.simulate(chip, trace)",
    ),
    "capture": (
        "import simulator as sw\nfrom pathlib import Path\nmodel = Path('traces/model')\n"
        "text = (model / 'heldout_sample.txt').read_text()[:2000]\n"
        "sw.capture(model, text, preset='sdllm')",
        "sw.capture(model, text, preset='sdllm')",
    ),
}
TIMED = "import time\n{warm_up}\nbefore = time.process_time()\n{work}\nprint('seconds', time.process_time() - before)\n"


def cpu_seconds(tree: Path, workload: str) -> float:
    """CPU seconds of one workload in a tree, in a process of its own."""
    warm_up, work = WORKLOADS[workload]
    environment = os.environ | ONE_THREAD | {"PYTHONPATH": str(tree)}
    command = [sys.executable, "-c", TIMED.format(warm_up=warm_up, work=work)]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout.rsplit("seconds", 1)[1])


def last_tag() -> str:
    """The newest tag behind the commit that is checked out."""
    command = ["git", "describe", "--tags", "--abbrev=0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit("no tag to compare with: name a commit with --base")
    return done.stdout.strip()


def measured(base: Path, repeats: int) -> dict[str, dict[str, float]]:
    """Workload -> median CPU seconds of both trees, taken in turn, and the change of speed."""
    found = {}
    for workload in WORKLOADS:
        turns = [(cpu_seconds(base, workload), cpu_seconds(ROOT, workload)) for _ in range(repeats)]
        before, now = (statistics.median(side) for side in zip(*turns, strict=True))
        found[workload] = {"before_s": before, "now_s": now, "speed": before / now - 1}
    return found


def main() -> None:
    """Measure, print, and exit with 1 where something is slower than the limit allows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", help="commit to compare with; default: the last tag")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--limit", type=float, default=0.10, help="largest drop of speed that passes")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    base = options.base or last_tag()
    with tempfile.TemporaryDirectory(prefix="bench-check-") as folder:
        tree = Path(folder) / "base"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", tree, base], cwd=ROOT, check=True)
        try:
            found = measured(tree, options.repeats)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT, check=True)
    slower = [name for name, figures in found.items() if figures["speed"] < -options.limit]
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        for name, figures in found.items():
            print(f"{name:10} {figures['before_s']:.3f} s -> {figures['now_s']:.3f} s ({figures['speed']:+.1%} speed)")
    if slower:
        sys.exit(f"slower than {base} by more than {options.limit:.0%}: {', '.join(slower)}")


if __name__ == "__main__":
    main()
