"""Configuration: strict YAML with line marks into frozen records of chips and sweeps."""

from simulator.config.chip import ChipConfig
from simulator.config.chip_files import list_chips, load_chip
from simulator.config.schema import chip_schema, write_chip_schema
from simulator.config.sweep import SweepConfig, load_sweep

__all__ = [
    "ChipConfig",
    "SweepConfig",
    "chip_schema",
    "list_chips",
    "load_chip",
    "load_sweep",
    "write_chip_schema",
]
