"""Counts under way: how often each action was performed for each owner (layer, op, stage or chip)."""

from __future__ import annotations

import numpy as np

from simulator.arrays import Ints
from simulator.engine.network.links import Crossings
from simulator.engine.result import CountRow


class Tally:
    """Adds up counts per (owner, component, action); a joule belongs to the owner of the block that did the work."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str], int] = {}

    def add(self, owner: str, component: str, action: str, count: int | np.integer) -> None:
        """Count an action ``count`` more times; zero makes no row."""
        count = int(count)
        if count < 0:
            raise ArithmeticError(f"{owner}: {component}.{action}: count {count} below zero")
        if count:
            key = (owner, component, action)
            self._counts[key] = self._counts.get(key, 0) + count

    def add_all(self, other: Tally) -> None:
        """Add the counts of another tally; its new home cores come after those already here."""
        for key, count in other._counts.items():
            self.add(*key, count)

    def add_traffic(self, sender: str, packets: Ints, flits: Ints, links: Crossings, entries: Ints | int = 1) -> None:
        """Count packets that ``sender`` sends on several paths, and all their ``flits`` on links and into tiles.

        ``packets``, ``flits``, ``links`` (the crossings of one packet) and ``entries`` (tiles that one packet enters)
        are int64 of one shape; links belong to the sender.
        """
        self.add(sender, "axon_out", "packet", packets.sum())
        for action, crossed in (("hop_x", links.hop_x), ("hop_y", links.hop_y), ("chip_hop", links.chip_hop)):
            self.add(sender, "noc", action, (flits * crossed).sum())
        self.add(sender, "noc", "local", (flits * entries).sum())

    def total(self, component: str, *actions: str) -> int:
        """Sum over all owners of the named actions of a component."""
        return sum(n for (_, c, a), n in self._counts.items() if c == component and a in actions)

    def rows(self) -> tuple[CountRow, ...]:
        """All counts in the order in which their home cores first appeared."""
        owners = dict.fromkeys(owner for owner, _, _ in self._counts)
        rank = {owner: i for i, owner in enumerate(owners)}
        rows = (CountRow(*key, count) for key, count in self._counts.items())
        return tuple(sorted(rows, key=lambda row: rank[row.owner]))
