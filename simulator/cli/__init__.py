"""The command line: every command is a call of the library, and what it found on stdout."""

from __future__ import annotations

import gc
import io
import logging
import os
import signal
import sys
import warnings
from contextlib import suppress
from typing import NoReturn

from simulator.cli.app import app
from simulator.cli.crash import CLOSED_PIPE, INPUT_FAULT, explain_crash, is_expected
from simulator.cli.output import print_error, print_warning

# Each module adds its commands to the program, in this order.
# isort: off
import simulator.cli.simulate
import simulator.cli.model
import simulator.cli.nir_import
import simulator.cli.paper
import simulator.cli.drift_check
import simulator.cli.mapping
import simulator.cli.sweeps
import simulator.cli.energy_commands
import simulator.cli.check_commands  # noqa: F401
# isort: on

# New objects before Python looks for dead cycles among them (700 by default). A command makes millions that live to its
# end, and reading them again and again took a tenth of its time.
GARBAGE_AFTER = 100_000
INTERRUPTED, TERMINATED = 130, 143  # 128 and the number of the signal


def main() -> NoReturn:
    """Run the program: a fault of the input is one clear line on stderr and exit code 2.

    Any other error is one line with the path of a crash log, and exit code 70 (`explain_crash`).
    """
    # Before numpy loads: two BLAS threads fight over the cores of a small machine and made numpy 20 times slower there.
    for library in ("OPENBLAS", "OMP", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    gc.set_threshold(GARBAGE_AFTER)
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it warns where it cannot store its settings
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without a letter must not stop a result
    signal.signal(signal.SIGTERM, _terminate)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: print_warning(str(message))
            app(standalone_mode=True)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:  # what typer makes of Ctrl-C
            print("interrupted; no partial output was kept", file=sys.stderr)
        _flush()
        raise
    except Exception as error:
        sys.exit(_failed(error))
    sys.exit(0)


def _failed(error: Exception) -> int:
    """Print what went wrong; returns the exit code."""
    if is_expected(error):
        with suppress(OSError):  # stderr is full or closed; the exit code is all that can be said
            print_error(error)
        return INPUT_FAULT
    line, code = explain_crash(error)
    with suppress(OSError):
        print(f"error: {line}", file=sys.stderr)
    return code


def _flush() -> None:
    """Write what is still buffered, while a fault of it can be reported."""
    try:
        sys.stdout.flush()
    except OSError as error:
        with suppress(OSError, ValueError):  # or the interpreter would try again and print a traceback of its own
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            sys.exit(CLOSED_PIPE)
        print(f"error: standard output: {error.strerror}", file=sys.stderr)
        sys.exit(INPUT_FAULT)


def _terminate(signum: int, frame: object) -> NoReturn:
    """End as after Ctrl-C: partial output is removed first."""
    print("terminated; no partial output was kept", file=sys.stderr)
    sys.exit(TERMINATED)
