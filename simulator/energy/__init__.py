"""Counts x prices: the energy ledger, and the 45 nm op count of the papers."""
