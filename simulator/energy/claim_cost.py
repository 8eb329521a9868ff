"""What a paper's count leaves out, on a chip: one block of the shape, spiking and on its twin of equal precision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from simulator.actions import ACTIONS, COMPONENTS
from simulator.config import load_chip
from simulator.config.chip import ChipConfig
from simulator.config.dense_twin import twin_from
from simulator.energy.claim_file import ClaimFile
from simulator.energy.claim_verdict import implied_spikes_per_mac
from simulator.energy.ledger import EnergyLedger, build_ledger
from simulator.energy.silicon_case import Events
from simulator.energy.silicon_trace import events_trace
from simulator.engine.engine import replay
from simulator.errors import SpikewattError
from simulator.mapping.place import map_trace
from simulator.trace.trace import Trace

TWO_CHIPS = ("sdllm-asic-45nm", "loihi-like")
PARTS = ("operations", "weight fetch", "neurons and sums", "network", "links between chips", "static")
SETTINGS = ("noc.model=ideal", "chip.max_chips=4096", "chip.static_fixed=true")
MOST_TIMESTEPS = 64


class ChipCost(NamedTuple):
    """Energy of a token on one chip in J, all blocks of the shape, by part; and that of the dense twin of the chip.

    ``parts`` are the energies of `PARTS`. The twin takes weights of the same width, every activation once.
    """

    chip: str
    parts: dict[str, float]
    twin_parts: dict[str, float]

    @property
    def total_j(self) -> float:
        """Of the spiking chip."""
        return math.fsum(self.parts.values())

    @property
    def twin_j(self) -> float:
        """Of its twin."""
        return math.fsum(self.twin_parts.values())

    @property
    def over_twin(self) -> float:
        """Energy of the spiking chip over that of its twin."""
        return self.total_j / self.twin_j


def can_be_replayed(claim: ClaimFile) -> bool:
    """Whether a claim has what `claim_costs` asks for."""
    return claim.model is not None and implied_spikes_per_mac(claim) is not None


def claim_costs(claim: ClaimFile, chips: Sequence[str] = TWO_CHIPS) -> tuple[ChipCost, ...]:
    """The linear layers of one token on each chip, and on its twin.

    One block is replayed with as many spikes per activation as the claim has, drawn at random, in timesteps of a
    ternary train, without contention on the network. The model is as many blocks, each at work on a token of its own.
    Attention products, norms and the head are left out on both sides.

    Raises
    ------
    SpikewattError
        When the claim has no shape or no spikes per multiply-accumulate, stated or implied.
    """
    shape, spikes = claim.model, implied_spikes_per_mac(claim)
    if shape is None or spikes is None:
        missing = "shape" if shape is None else "spikes_per_mac"
        raise SpikewattError(f"{claim.name}: found no {missing}, expected it for the energy on a chip")
    return tuple(_cost(claim, name, shape.n_blocks, _block(claim, spikes)) for name in chips)


def _block(claim: ClaimFile, spikes: float) -> Trace:
    """One token of one block: projections of one vector stand next to each other."""
    shape = claim.model
    assert shape is not None
    d, kv, ffn = shape.d_model, shape.d_kv, shape.d_ffn
    return events_trace(
        Events(
            pattern="poisson",
            layers=((d, d + 2 * kv), (d, d), (d, 2 * ffn), (ffn, d)),
            code="ternary",
            levels=min(MOST_TIMESTEPS, max(claim.timesteps or 1, math.ceil(4 * spikes))),
            mean_count=spikes,
            weight_bits=claim.weight_bits,
        )
    )


def _cost(claim: ClaimFile, name: str, n_blocks: int, block: Trace) -> ChipCost:
    chip = load_chip(name, SETTINGS)
    return ChipCost(
        name,
        *({part: energy * n_blocks for part, energy in _parts(block, c).items()} for c in (chip, twin_from(chip))),
    )


def _parts(block: Trace, chip: ChipConfig) -> dict[str, float]:
    """Energy in J of one block by part."""
    return by_part(build_ledger(replay(map_trace(block, chip)), chip))


def by_part(ledger: EnergyLedger) -> dict[str, float]:
    """Energy in J of a ledger by `PARTS`; accumulate and synop are the operations that papers count."""
    sums = dict.fromkeys(PARTS, 0.0)
    rows = ledger.rows
    for component, action, energy in zip(rows["component"], rows["action"], rows["energy_pj"], strict=True):
        sums[_part(component, action)] += energy * 1e-12
    return sums


def _part(component: str, action: str) -> str:
    if action in ("accumulate", "multiply_accumulate", "synop"):
        return "operations"
    known = ACTIONS.get(f"{component}.{action}")
    step = (known.step if known is not None else None) or COMPONENTS[component].step
    named = {
        "weight_fetch": "weight fetch",
        "routing": "network",
        "links": "links between chips",
        "static": "static",
    }
    return named.get(step, "neurons and sums")
