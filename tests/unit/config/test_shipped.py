"""What every shipped chip and sweep must keep: it loads, and every number says where it comes from."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from simulator.config import list_chips, load_chip, load_sweep
from simulator.config.chip_files import chips_directory, dense_twin_of, load_dense_twin
from simulator.config.chip_network import ChipLink
from simulator.config.provenance import Provenance

CHIPS = sorted(path.stem for path in chips_directory().glob("*.yaml"))
SWEEPS = sorted(chips_directory().glob("sweeps/*.yaml"))


def numbers(record, path=""):
    """(path, record) of everything below ``record`` that carries a source."""
    if isinstance(record, (Provenance, ChipLink)):
        yield path, record
    if isinstance(record, BaseModel):
        for name, value in record:
            yield from numbers(value, f"{path}.{name}".lstrip("."))


def test_the_chips_are_there():
    twins = [f"{kind}-{node}nm" for kind in ("dense-int8", "sdllm-asic") for node in (22, 45, 7)]
    brains = ["loihi", "loihi2", "odin", "seneca", "spinnaker2", "truenorth"]
    assert sorted(CHIPS) == sorted([*twins, *(f"{name}-like" for name in brains)])


@pytest.mark.parametrize("name", CHIPS)
def test_its_name_is_that_of_its_file(name):
    assert load_chip(name).name == name


@pytest.mark.parametrize("name", CHIPS)
def test_every_number_has_a_source_and_every_assumption_a_note(name):
    chip = load_chip(name)
    found = dict(numbers(chip))
    assert len(found) > 40
    assert [path for path, number in found.items() if number.source not in chip.sources] == []
    assert [path for path, number in found.items() if number.grade in ("assumed", "scaled") and not number.note] == []


@pytest.mark.parametrize("name", CHIPS)
def test_every_source_is_used_and_names_author_and_year(name):
    chip = load_chip(name)
    stated = [number.source for _, number in numbers(chip)] + [number.note or "" for _, number in numbers(chip)]
    text = " ".join(stated)
    assert [key for key in chip.sources if key not in text] == []
    for key, citation in chip.sources.items():
        assert re.match(r"[A-Za-z]", citation), key
        assert re.search(r"\b(19|20)\d\d\b", citation), key
        year = re.search(r"\d{4}$", key)
        assert year is None or year.group() in citation, key
        author = re.match(r"[a-z]+", key).group()
        assert author in citation.lower(), key


@pytest.mark.parametrize("name", CHIPS)
def test_keys_of_sources_named_in_notes_exist(name):
    chip = load_chip(name)
    for path, number in numbers(chip):
        for key in re.findall(r"\b[a-z]+(?:19|20)\d\d\b", number.note or ""):
            assert key in chip.sources, path


@pytest.mark.parametrize("name", CHIPS)
def test_a_chip_file_has_no_silent_zero(name):
    assert [
        path for path, number in numbers(load_chip(name)) if getattr(number, "value", 1) == 0 and not number.note
    ] == []


def test_list_chips_gives_names_and_one_line_summaries():
    listed = list_chips()
    assert [name for name, _ in listed] == CHIPS
    assert all("\n" not in summary and len(summary) < 120 for _, summary in listed)


def test_the_dense_twin_differs_in_coding_and_adder_only():
    sparse, dense = load_chip("sdllm-asic-45nm"), load_chip("dense-int8-45nm")
    assert (sparse.replay, dense.replay) == ("captured", "dense")
    ours, theirs = sparse.model_dump(), dense.model_dump()
    for key in ("name", "summary", "replay"):
        del ours[key], theirs[key]
    del ours["core"]["dendrite"]["accumulate"]["energy"], theirs["core"]["dendrite"]["accumulate"]["energy"]
    multiplier = theirs["static"].pop("lanes")["value"] / ours["static"].pop("lanes")["value"]
    assert multiplier == pytest.approx((278 + 6351 / 16) / 278, rel=1e-3)  # um2 of adder and multiplier over the adder
    del ours["area"]["lane"], theirs["area"]["lane"]
    assert ours == theirs


@pytest.mark.parametrize(
    ("chip", "twin"),
    [
        ("sdllm-asic-45nm", "dense-int8-45nm"),
        ("sdllm-asic-22nm", "dense-int8-22nm"),
        ("sdllm-asic-7nm", "dense-int8-7nm"),
        ("seneca-like", "dense-int8-22nm"),
        ("loihi-like", "dense-int8-45nm"),
    ],
)
def test_a_chip_is_set_beside_the_dense_chip_of_its_node(chip, twin):
    assert dense_twin_of(load_chip(chip)) == twin
    assert load_chip(twin).replay == "dense"


@pytest.mark.parametrize("name", [name for name, _ in list_chips()])
def test_every_memory_has_a_bound_and_a_price_that_follows_it(name):
    """What does not fit has somewhere to go."""
    chip = load_chip(name)
    assert chip.memory.capacity is not None
    assert chip.dram is not None
    assert chip.dram.write is not None
    assert {getattr(chip.mapping, kind) for kind in ("kv_cache", "embedding", "head", "tables")} == {"auto"}
    larger = load_chip(name, [f"memory.capacity={2 * chip.memory.capacity} B", "chip.static_fixed=true"])
    assert larger.memory.read.value > chip.memory.read.value
    if chip.memory.in_sram:
        assert chip.memory.capacity == chip.core.sram.capacity


def test_memories_of_published_sizes():
    """Davies 2018: 2 Mb per core, of which 128 KiB synapses and 20 kB routing; Merolla 2014: 104,448 bits per core, of
    which 256 x 256 crossbar; Frenkel 2019: 256 neurons of 128 bits."""
    capacity = {name: load_chip(name).memory.capacity for name in ("loihi-like", "truenorth-like", "odin-like")}
    assert capacity["loihi-like"] == pytest.approx(2**21 / 8 - 128 * 1024 - 20_000, rel=0.005)
    assert capacity["truenorth-like"] == (104_448 - 256 * 256) / 8
    assert capacity["odin-like"] == 256 * 128 / 8


def test_the_twin_keeps_its_cache_and_head_where_the_chip_does():
    moved = ["mapping.kv_cache=sram", "mapping.head=dram", "memory.capacity=2 MiB"]
    twin = load_dense_twin(load_chip("sdllm-asic-22nm", moved))
    assert (twin.name, twin.mapping.kv_cache, twin.mapping.head) == ("dense-int8-22nm", "sram", "dram")
    assert (twin.mapping.embedding, twin.memory.capacity) == ("auto", 2 << 20)
    beside_loihi = load_dense_twin(load_chip("loihi-like"))
    assert (beside_loihi.mapping, beside_loihi.memory.capacity) == (load_chip("dense-int8-45nm").mapping, 108 << 10)


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_every_shipped_sweep_loads_under_its_own_name(path):
    assert load_sweep(path).name == path.stem


def test_noc_multicast_changes_one_thing_at_a_time():
    sweep = load_sweep(chips_directory() / "sweeps" / "noc-multicast.yaml")
    assert sweep.axes["noc.multicast"] == (False, True)


@pytest.mark.parametrize("name", ["encoders", "chips-7b"])
def test_sweeps_over_encoders_capture_the_sample_model(name):
    sweep = load_sweep(chips_directory() / "sweeps" / f"{name}.yaml")
    assert (Path(sweep.capture.model) / "config.json").is_file()


def test_sram_lanes_is_a_small_grid():
    sweep = load_sweep(chips_directory() / "sweeps" / "sram-lanes.yaml")
    assert sweep.base == "sdllm-asic-45nm"
    assert {path: len(values) for path, values in sweep.axes.items()} == {
        "core.sram.capacity": 3,
        "core.synapse.lanes": 4,
    }


@pytest.mark.parametrize("name", CHIPS)
def test_every_number_knows_its_node_and_voltage(name):
    """A number states where it was found, or it was found at the node and supply that the file states once."""
    chip = load_chip(name)
    assert chip.technology.voltage is not None
    for path, number in numbers(chip):
        at_node = getattr(number, "node_nm", None) or chip.technology.node_nm
        assert 5 <= at_node <= 180, path
