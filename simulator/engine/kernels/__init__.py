"""Compiled code of the engine: arrays and scalars in, no objects."""
