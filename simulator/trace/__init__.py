"""Traces: what a spike-driven forward pass did, on file, in numbers, and made up for tests."""
