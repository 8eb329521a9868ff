"""The command line: every command is a call of the library, and what it found on stdout."""

from __future__ import annotations

import io
import os
import signal
import sys
from typing import NoReturn

from simulator.cli.app import app
from simulator.cli.output import print_error
from simulator.errors import SpikewattError

# Each module adds its commands to the program, in this order.
# isort: off
import simulator.cli.simulate
import simulator.cli.model
import simulator.cli.mapping
import simulator.cli.sweeps
import simulator.cli.energy_commands
import simulator.cli.check_commands  # noqa: F401
# isort: on

INTERRUPTED, TERMINATED = 130, 143  # 128 and the number of the signal


def main() -> NoReturn:
    """Run the program: a fault of the input is one clear line on stderr and exit code 2."""
    # Before numpy loads: two BLAS threads fight over the cores of a small machine and made numpy 20 times slower there.
    for library in ("OPENBLAS", "OMP", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without a letter must not stop a result
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app(standalone_mode=True)
    except SpikewattError as error:
        print_error(error)
        sys.exit(2)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:  # what typer makes of Ctrl-C
            print("interrupted; no partial output was kept", file=sys.stderr)
        raise
    sys.exit(0)


def _terminate(signum: int, frame: object) -> NoReturn:
    """End as after Ctrl-C: what is half-written is removed on the way out."""
    print("terminated; no partial output was kept", file=sys.stderr)
    sys.exit(TERMINATED)
