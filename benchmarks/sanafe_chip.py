"""SANA-FE's Loihi description as chip files of this project, for `peer_sanafe.py`: facts of its YAML, none of its code.

Its cores hold two kinds of neurons, inputs (free) and leaky integrate-and-fire; a chip file has one. So one core of the
peer is described by three chips that differ in their soma alone: `receiver` (the inputs send, the synapses work),
`update` and `access` (the two costs of a neuron). What they count and price adds up to the peer's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from simulator.config.chip import ChipConfig

SOURCE = "sanafe"
NONE = {"value": "0 pJ", "source": SOURCE, "grade": "published-model"}
AT_ONCE = {"value": "0 ps", "source": SOURCE, "grade": "published-model"}
NOTHING = {"energy": NONE, "latency": AT_ONCE}


def read_architecture(path: Path) -> dict[str, Any]:
    """Grid, prices and times of a file shaped like SANA-FE's ``loihi.yaml``: one kind of tile and core."""
    chip = yaml.safe_load(path.read_text())["architecture"]
    tile = chip["tile"][0]
    core = tile["core"][0]
    return {
        "width": chip["attributes"]["width"],
        "height": chip["attributes"]["height"],
        "buffer": chip["attributes"]["link_buffer_size"],
        "sync": chip["attributes"]["latency_sync"],
        "cores_per_tile": _copies(core["name"]),
        "hop": tile["attributes"],
        **{unit: core[unit][0]["attributes"] for unit in ("axon_in", "synapse", "dendrite", "soma", "axon_out")},
    }


def _copies(name: str) -> int:
    """How many units ``name[a..b]`` stands for."""
    if "[" not in name:
        return 1
    first, last = name.split("[")[1].rstrip("]").split("..")
    return int(last) - int(first) + 1


def chips(arch: dict[str, Any]) -> dict[str, ChipConfig]:
    """The three chips: ``receiver``, ``update`` and ``access``."""
    soma = arch["soma"]
    update = _action(soma["energy_update_neuron"], soma["latency_update_neuron"])
    access = _action(soma["energy_access_neuron"], soma["latency_access_neuron"])
    fire = _action(soma["energy_spike_out"], soma["latency_spike_out"])
    somas = {
        "receiver": {"update": NOTHING, "update_idle": NOTHING, "fire": NOTHING},
        "update": {"update": update, "update_idle": NOTHING, "fire": NOTHING},
        "access": {"update": access, "update_idle": access, "fire": fire},
    }
    return {name: ChipConfig.model_validate(_fields(name, arch, actions)) for name, actions in somas.items()}


def _fields(name: str, arch: dict[str, Any], soma: dict[str, Any]) -> dict[str, Any]:
    hop, synapse = arch["hop"], arch["synapse"]
    east, north = hop["latency_east_hop"] * 1e12, hop["latency_north_hop"] * 1e12
    cycle = round(east / 3)  # a hop is three cycles of the router
    message_in, message_out = arch["axon_in"], arch["axon_out"]
    spike_ps = synapse["latency_process_spike"] + arch["dendrite"]["latency_update"]
    return {
        "name": f"sanafe-loihi-{name}",
        "summary": f"SANA-FE's Loihi, {name}",
        "sources": {SOURCE: "J. A. Boyle et al., SANA-FE, IEEE TCAD 44:3165-3178, 2025: its loihi.yaml"},
        "technology": {"node_nm": 14},
        "chip": {
            "tiles_x": arch["width"],
            "tiles_y": arch["height"],
            "cores_per_tile": arch["cores_per_tile"],
            "static_power": {"value": "0 W", "source": SOURCE, "grade": "published-model"},
        },
        "noc": {
            "buffer_flits": arch["buffer"],
            "flit_bits": "32 bit",
            "cycle": _delay(cycle / 1e12),
            "extra_cycles_y": max(0, round(north / cycle) - 3),
            "hop_x": _price(hop["energy_east_hop"]),
            "hop_y": _price(hop["energy_north_hop"]),
            "local": NONE,
        },
        "core": {
            "sram": {"capacity": "128 KiB", "word": "64 bit"},
            "limits": {"axons_in": 4096, "neurons": 1024},
            "overhead": _delay(message_in["latency_message_in"]),
            "axon_in": {"lookup": {"energy": _price(message_in["energy_message_in"]), "latency": AT_ONCE}},
            "synapse": {
                "weight_bits": "8 bit",
                "lanes": 1,
                "word_read": NOTHING,
                "synop": _action(synapse["energy_process_spike"], spike_ps),
            },
            "dendrite": {"accumulator_bits": "24 bit", "accumulate": NOTHING, "reduce": NOTHING},
            "soma": {"every": "timestep", "lanes": 1, **soma},
            "axon_out": {"packet": _action(message_out["energy_message_out"], message_out["latency_message_out"])},
        },
        "vector": {"lanes": 1} | dict.fromkeys(("add", "mul", "mac", "compare", "exp", "div"), NOTHING),
        "memory": {"word": "64 bit", "access": AT_ONCE, "read": NONE, "write": NONE},
        "sync": {
            "barrier": {
                "latency": _steps({} if name == "update" else arch["sync"]),
                "energy": NONE,
                "source": SOURCE,
                "grade": "published-model",
            }
        },
    }


def _price(joules: float) -> dict[str, str]:
    return {"value": f"{joules * 1e12:.6f} pJ", "source": SOURCE, "grade": "published-model"}


def _delay(seconds: float) -> dict[str, str]:
    return {"value": f"{round(seconds * 1e12)} ps", "source": SOURCE, "grade": "published-model"}


def _action(joules: float, seconds: float) -> dict[str, dict[str, str]]:
    return {"energy": _price(joules), "latency": _delay(seconds)}


def _steps(sync: dict[int, float] | float) -> list[dict[str, Any]]:
    """Points between which the barrier is constant: the entry of the largest key not above the tiles in use."""
    table = sync if isinstance(sync, dict) else {1: sync}
    tiles = sorted(table)
    points = []
    for i, first in enumerate(tiles):
        value = f"{round(table[first] * 1e12)} ps"
        points.append({"tiles": first, "value": value})
        if i + 1 < len(tiles) and tiles[i + 1] - 1 > first:
            points.append({"tiles": tiles[i + 1] - 1, "value": value})
    return points or [{"tiles": 1, "value": "0 ps"}]
