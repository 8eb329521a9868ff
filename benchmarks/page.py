"""Write docs/benchmarks.md: what the benchmarks print, with the commit and the machine they ran on.

    python benchmarks/page.py [--only NAME ...] [--out docs/benchmarks.md]

Runs the benchmarks one after another, each in a process of its own, and keeps what they print. A benchmark that lacks
its model or its peer prints why, and the page shows that. The page must not be edited by hand.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Script and arguments -> what it measures, in the order of the page.
BENCHMARKS = {
    "simulate.py": "A simulation against the plain-Python oracle",
    "noc_reference.py": "The network against BookSim2",
    "noc_speed.py": "Speed of the network",
    "capture_speed.py": "Capture against PyTorch's float pass",
    "capture_speed.py --preset sdllm": "Capture under `sdllm`",
    "perplexity_speed.py": "Perplexity of a real LLM against PyTorch",
    "real_llm.py": "Energy and time of a real LLM",
    "pipeline_speed.py": "A pipeline against one token at a time",
    "mapper_speed.py": "The mapper",
    "llm_scale.py": "LLaMA-2-7B, one token",
    "llm_scale.py --shape llama-2-70b --set chip.max_chips=100000": "LLaMA-2-70B, one token",
    "sweep.py": "Sweeps",
    "scaling.py": "Cost against size",
    "peer_sanafe.py": "Against SANA-FE",
}
HEAD = """# Benchmarks

`python benchmarks/page.py` wrote this page on {day} at commit `{commit}`, with Python {python} on {cores} cores of an
{cpu} and {memory} GiB of memory. Each section is what the benchmark prints. Absolute times depend on the
machine and on what else runs there; the ratios are measured in one run.
"""


def cpu_name() -> str:
    """The processor, as Linux calls it."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def head() -> str:
    """Where and when the benchmarks ran."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return HEAD.format(
        day=datetime.now(UTC).date(),
        commit=commit.stdout.strip(),
        cores=os.cpu_count(),
        cpu=cpu_name(),
        memory=f"{memory:.0f}",
        python=platform.python_version(),
    )


def section(command: str, title: str) -> str:
    """What one benchmark prints."""
    before = time.monotonic()
    done = subprocess.run(
        [sys.executable, *f"benchmarks/{command}".split()], cwd=ROOT, capture_output=True, text=True, check=False
    )
    printed = done.stdout.rstrip() or done.stderr.rstrip().rpartition("\n")[2]
    took = time.monotonic() - before
    print(f"{command}: {took:.0f} s, exit {done.returncode}", file=sys.stderr)
    return f"## {title}\n\n`python benchmarks/{command}`, {took:.0f} s\n\n```text\n{printed}\n```\n"


def main() -> None:
    """Run them and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", help="scripts to run, without .py")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks.md")
    asked = parser.parse_args()
    chosen = {c: t for c, t in BENCHMARKS.items() if not asked.only or c.split(".")[0] in asked.only}
    page = "\n".join([head(), *(section(command, title) for command, title in chosen.items())])
    asked.out.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
