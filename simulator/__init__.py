"""spikewatt: replay the spikes of a spike-driven LLM on a chip model and see where the energy and the time go.

The public names load their module when first used, so that importing the package is instant.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.config.chip_files import list_chips, load_chip
    from simulator.config.dense_twin import twin_from
    from simulator.config.sweep import list_sweeps, load_sweep
    from simulator.engine.network.packets import simulate_packets
    from simulator.engine.network.shape import Mesh, Router
    from simulator.errors import ConfigError, SpikewattError
    from simulator.mapping.fit import fit
    from simulator.model.capture import capture
    from simulator.model.model_options import ModelOptions
    from simulator.model.nir_trace import trace_from_nir
    from simulator.model.perplexity import perplexity
    from simulator.model.preset import list_presets, load_preset
    from simulator.model.statistical_trace import list_shapes, statistical_trace
    from simulator.model.torch_capture import capture_torch
    from simulator.report.compare import read_reports
    from simulator.report.export import save_figure, save_table
    from simulator.shipped import sample_model
    from simulator.simulation.simulation import simulate
    from simulator.sweep.runner import run_sweep
    from simulator.trace.recode import as_encoding
    from simulator.trace.synthetic import synthetic_trace
    from simulator.trace.trace_files import load_trace, save_trace
    from simulator.trace.trace_list import list_traces

__version__ = "0.2.0"

_HOME = {
    "ConfigError": "simulator.errors",
    "Mesh": "simulator.engine.network.shape",
    "ModelOptions": "simulator.model.model_options",
    "Router": "simulator.engine.network.shape",
    "SpikewattError": "simulator.errors",
    "as_encoding": "simulator.trace.recode",
    "capture": "simulator.model.capture",
    "capture_torch": "simulator.model.torch_capture",
    "fit": "simulator.mapping.fit",
    "list_chips": "simulator.config.chip_files",
    "list_presets": "simulator.model.preset",
    "list_shapes": "simulator.model.statistical_trace",
    "list_sweeps": "simulator.config.sweep",
    "list_traces": "simulator.trace.trace_list",
    "load_chip": "simulator.config.chip_files",
    "load_preset": "simulator.model.preset",
    "load_sweep": "simulator.config.sweep",
    "load_trace": "simulator.trace.trace_files",
    "perplexity": "simulator.model.perplexity",
    "read_reports": "simulator.report.compare",
    "run_sweep": "simulator.sweep.runner",
    "sample_model": "simulator.shipped",
    "save_figure": "simulator.report.export",
    "save_table": "simulator.report.export",
    "save_trace": "simulator.trace.trace_files",
    "simulate": "simulator.simulation.simulation",
    "simulate_packets": "simulator.engine.network.packets",
    "statistical_trace": "simulator.model.statistical_trace",
    "synthetic_trace": "simulator.trace.synthetic",
    "trace_from_nir": "simulator.model.nir_trace",
    "twin_from": "simulator.config.dense_twin",
}

__all__ = [
    "ConfigError",
    "Mesh",
    "ModelOptions",
    "Router",
    "SpikewattError",
    "as_encoding",
    "capture",
    "capture_torch",
    "fit",
    "list_chips",
    "list_presets",
    "list_shapes",
    "list_sweeps",
    "list_traces",
    "load_chip",
    "load_preset",
    "load_sweep",
    "load_trace",
    "perplexity",
    "read_reports",
    "run_sweep",
    "sample_model",
    "save_figure",
    "save_table",
    "save_trace",
    "simulate",
    "simulate_packets",
    "statistical_trace",
    "synthetic_trace",
    "trace_from_nir",
    "twin_from",
]


def __getattr__(name: str) -> object:
    """A public name, from its module."""
    if name not in _HOME:
        raise AttributeError(f"module 'simulator' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """The public names, for completion; loads nothing."""
    return [*__all__, "__version__"]
