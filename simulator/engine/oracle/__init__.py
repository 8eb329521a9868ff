"""The specification of the engine in plain Python, one module per part of the chip."""
