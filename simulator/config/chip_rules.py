"""Rules of a chip file that tie distant places together: sources, prices contained in others, the link between chips.

They work on plain nested mappings, whatever else is wrong with the file, so that all its problems come out at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from simulator.actions import ACTIONS, is_power
from simulator.errors import did_you_mean

Path = tuple[str | int, ...]

# What an accumulator costs that lies in a memory.
ACCUMULATOR = ("accumulator_read", "accumulator_write")

STORED = ("kv_cache", "embedding", "head", "tables")  # what the mapping places in one memory or another


def broken_chip_rules(chip: Mapping[str, Any]) -> list[tuple[Path, str]]:
    """(path, ``found ..., expected ...``) of every rule between distant fields that ``chip`` breaks."""
    return [
        *_unknown_sources(chip),
        *_neither_or_both(chip),
        *_unpriced_targets(chip),
        *_static_power(chip),
        *_missing_chip_link(chip),
        *_missing_dram(chip),
        *_missing_accumulator_memory(chip),
        *_missing_memories(chip),
        *_tile_of_too_few_tokens(chip),
        *_sums_without_accumulators(chip),
        *_unsorted_barriers(chip),
        *_multicast_over_channels(chip),
        *_full_cores_behind_channels(chip),
        *_torus_of_channels(chip),
        *_full_cores_that_wait(chip),
    ]


def _unknown_sources(chip: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Every `source` that is no key of `sources`."""
    known = chip.get("sources")
    if not isinstance(known, Mapping):
        return
    for path, source in _texts(chip, "source"):
        if source not in known and path[0] != "sources":
            yield (
                path,
                f"found '{source}', expected a key of `sources` ({', '.join(known)}){did_you_mean(source, known)}",
            )


def _neither_or_both(chip: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Every price without a value and without an action that contains it, or with both."""
    for name, action in ACTIONS.items():
        path = action.path
        price = _at(chip, path)
        if isinstance(price, Mapping) and not is_power(name):
            given = [key for key in ("value", "included_in") if price.get(key) is not None]
            if not given:
                yield path, "found neither `value` nor `included_in`, expected one of them"
            elif len(given) == 2:
                yield (*path, "included_in"), "found both `value` and `included_in`, expected one of them"


def _unpriced_targets(chip: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Every `included_in` that does not lead to a value in one step."""
    for path, target in _texts(chip, "included_in"):
        where = ACTIONS[target].path if target in ACTIONS else None
        expected = "expected an action with a value of its own"
        if where is None:
            yield path, f"found '{target}', expected component.action{_nearest_action(target)}"
        elif where == path[:-1]:
            yield path, f"found '{target}', the action itself, expected another one"
        elif (price := _at(chip, where)) is None:
            yield path, f"found '{target}', which this chip does not have, {expected}"
        elif isinstance(price, Mapping) and price.get("included_in") is not None:
            yield path, f"found '{target}', itself included in '{price['included_in']}', {expected}"


def _static_power(chip: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Static power is one figure or has parts, and one figure does not say what the cores draw of it."""
    whole, parts = (isinstance(_at(chip, path), Mapping) for path in (("chip", "static_power"), ("static",)))
    if "chip" in chip and not whole and not parts:
        yield ("chip", "static_power"), "missing, expected one, or the parts of the static power in `static`"
    elif whole and parts:
        yield ("static",), "found static power by part and chip.static_power, expected one of them"
    elif whole and _at(chip, ("chip", "gating")) == "core":
        yield (
            ("chip", "gating"),
            "found core, expected none or chip: chip.static_power does not say what the cores draw; give its parts in"
            " `static`",
        )


def _missing_chip_link(chip: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Several chips need a link between them."""
    max_chips = _at(chip, ("chip", "max_chips"))
    noc = chip.get("noc")
    if isinstance(max_chips, int) and max_chips > 1 and isinstance(noc, Mapping) and noc.get("chip_link") is None:
        yield ("noc", "chip_link"), f"missing, expected one because chip.max_chips is {max_chips}"


def _missing_dram(chip: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """What the mapping puts off the chip lies somewhere, and a cache there is also written."""
    places = {name: _at(chip, ("mapping", name)) for name in ("weights", *STORED)}
    for name, place in places.items():
        if place in ("streamed", "dram") and chip.get("dram") is None:
            yield ("dram",), f"missing, expected one because mapping.{name} is {place}"
            return
    kv_cache, dram = places["kv_cache"], chip.get("dram")
    if kv_cache in ("dram", "auto") and isinstance(dram, Mapping) and dram.get("write") is None:
        yield ("dram", "write"), f"missing, expected one because mapping.kv_cache is {kv_cache}"


def _missing_memories(chip: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """A cache in the SRAM of a core is read and written by its vector unit; what goes where it fits needs a bound."""
    for access in ("read", "write") if _at(chip, ("mapping", "kv_cache")) == "sram" else ():
        if _at(chip, ("core", "sram", access)) is None:
            yield ("core", "sram", access), "missing, expected one because mapping.kv_cache is sram"
    for name in STORED:
        if _at(chip, ("mapping", name)) == "auto" and _at(chip, ("memory", "capacity")) is None:
            yield ("memory", "capacity"), f"missing, expected one because mapping.{name} is auto"
            return


def _missing_accumulator_memory(chip: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Accumulators in a memory have a price and a time."""
    dendrite = ("core", "dendrite")
    if _at(chip, (*dendrite, "accumulators")) == "sram":
        for action in ACCUMULATOR:
            if _at(chip, (*dendrite, action)) is None:
                yield (*dendrite, action), "missing, expected one because core.dendrite.accumulators is sram"


def _tile_of_too_few_tokens(chip: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """A row that is fetched once serves the tokens that are at its stage together."""
    path = ("core", "synapse", "tile")
    tile, schedule = _at(chip, path), _at(chip, ("schedule",))
    given = schedule if isinstance(schedule, Mapping) else {}
    numbers = {key: n for key in ("chunk", "batch") if isinstance(n := given.get(key), int)}
    kind = given.get("kind", "sequential" if numbers.get("chunk", 1) > 1 else "auto")
    together = max(numbers.get("chunk", 1), numbers.get("batch", 1) if kind == "sequential" else 1)
    if isinstance(tile, int) and tile > together:
        yield (
            path,
            f"found {tile}, expected at most the {together} token(s) that schedule.chunk, or schedule.batch under"
            " schedule.kind sequential, brings to a stage together; raise one of them or lower the tile",
        )


def _sums_without_accumulators(chip: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Each token of a tile has a sum of its own in every neuron, and with nested trains a running sum as well."""
    tile, neurons = _at(chip, ("core", "synapse", "tile")), _at(chip, ("core", "limits", "neurons"))
    path = ("core", "dendrite", "accumulators_per_core")
    given = _at(chip, path)
    if not isinstance(neurons, int):
        return
    each = 2 if _at(chip, ("core", "synapse", "reuse")) == "nested" else 1
    sums = neurons * each * (tile if isinstance(tile, int) else 1)
    there = given if isinstance(given, int) else neurons
    if sums > there:
        yield (
            path,
            f"found {there}, expected at least {sums}: core.limits.neurons {neurons} x core.synapse.tile {tile or 1}"
            f"{' x 2 of core.synapse.reuse nested' if each == 2 else ''};"
            " provide more accumulators, or lower one of the two",
        )


def _unsorted_barriers(chip: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Barrier points are given for more and more tiles."""
    path = ("sync", "barrier", "latency")
    points = _at(chip, path)
    tiles = [point.get("tiles") if isinstance(point, Mapping) else None for point in _items(points)]
    for i, (before, after) in enumerate(pairwise(tiles), start=1):
        if isinstance(before, int) and isinstance(after, int) and after <= before:
            yield (*path, i, "tiles"), f"found {after} after {before}, expected more and more tiles"


def _multicast_over_channels(chip: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Routers with virtual channels take no multicast."""
    if _at(chip, ("noc", "multicast")) is True and _at(chip, ("noc", "router")) == "V":
        yield ("noc", "multicast"), "found true with router V, expected false or a router of one channel (P, N, R)"


def _full_cores_behind_channels(chip: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Routers with virtual channels know no full cores."""
    path = ("core", "axon_in", "fifo_packets")
    if _at(chip, path) is not None and _at(chip, ("noc", "router")) == "V":
        yield path, "found a bound with noc.router V, expected none or a router of one channel (P, N, R)"


def _torus_of_channels(chip: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Routers with virtual channels have no rule that keeps rings from filling."""
    if _at(chip, ("noc", "topology")) == "torus" and _at(chip, ("noc", "router")) == "V":
        yield ("noc", "topology"), "found torus with router V, expected mesh or a router of one channel (P, N, R)"


def _full_cores_that_wait(chip: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """A core full of packets of its next timestep would never get the marker that ends the present one."""
    path = ("core", "axon_in", "fifo_packets")
    if _at(chip, path) is not None and _at(chip, ("sync", "kind")) == "handshake":
        yield (
            path,
            "found a bound with sync.kind handshake, expected none, or sync.kind barrier: the core could fill up",
        )


def _nearest_action(target: str) -> str:
    """A guess at the action meant, by its whole name or by its last part."""
    by_action = {name.split(".")[1]: name for name in ACTIONS}
    if target in by_action:
        return f" (did you mean '{by_action[target]}'?)"
    return did_you_mean(target, ACTIONS)


def _texts(record: object, key: str, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every text under ``key``, at any depth, with its path."""
    if isinstance(record, Mapping):
        for name, value in record.items():
            if name == key and isinstance(value, str):
                yield (*path, name), value
            else:
                yield from _texts(value, key, (*path, name))
    else:
        for i, value in enumerate(_items(record)):
            yield from _texts(value, key, (*path, i))


def _items(record: object) -> Sequence[Any]:
    """The items of a list; none of anything else."""
    return record if isinstance(record, (list, tuple)) else ()


def _at(record: object, path: Sequence[str | int]) -> object:
    """What stands at ``path``, or None."""
    for key in path:
        if not isinstance(record, Mapping):
            return None
        record = record.get(key)
    return record
