"""Sweeps: many chips, one trace, every point kept as soon as it is done, and what lies on the Pareto front."""
