"""Mapping: partition of layers into blocks, their placement on cores, and the fit of a trace on a chip."""
