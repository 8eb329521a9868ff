"""Settings of every test: one BLAS thread, for two of them fight over the cores of a small machine."""

import os

import profiles  # noqa: F401  no deadline where a kernel compiles first

for _library in ("OPENBLAS", "OMP", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
