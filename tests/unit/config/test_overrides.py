# ruff: noqa: E501 - the error lines are what is tested, and stay whole
import pytest

from simulator.config import load_chip
from simulator.errors import ConfigError


def problems(name, *overrides):
    with pytest.raises(ConfigError) as error:
        load_chip(name, overrides)
    return list(error.value.problems)


@pytest.fixture
def chip_file(write, toy):
    return write(toy)


def test_plain_values(chip_file):
    chip = load_chip(chip_file, ["core.sram.capacity=256 KiB", "core.synapse.lanes = 64", "replay=dense"])
    assert (chip.core.sram.capacity, chip.core.synapse.lanes, chip.replay) == (262_144, 64, "dense")


@pytest.mark.parametrize("path", ["core.synapse.synop.energy", "core.synapse.synop.energy.value"])
def test_a_number_set_is_marked_as_assumed_and_loses_the_source_of_the_old_one(chip_file, path):
    chip = load_chip(chip_file, [f"{path}=0.5 pJ"])
    energy = chip.core.synapse.synop.energy
    assert (energy.value, energy.low, energy.high) == (0.5, None, None)
    assert (energy.source, energy.grade, energy.note) == ("--set", "assumed", "set on the command line")
    assert chip.sources["--set"] == "command line"
    assert chip.core.axon_in.lookup.energy.source == "doe2020"


def test_delays_powers_and_inclusion(chip_file):
    chip = load_chip(
        chip_file,
        ["noc.cycle=2 ns", "chip.static_power=3 mW", "core.synapse.synop.energy.included_in=synapse.word_read"],
    )
    assert (chip.noc.cycle.value, chip.noc.cycle.grade) == (2000, "assumed")
    assert (chip.chip.static_power.value, chip.chip.static_power.source) == (0.003, "--set")
    energy = chip.core.synapse.synop.energy
    assert (energy.value, energy.included_in, energy.grade) == (None, "synapse.word_read", "assumed")


def test_a_source_may_be_given_beside_the_number(chip_file):
    path = "core.synapse.synop.energy"
    energy = load_chip(
        chip_file, [f"{path}=5 pJ", f"{path}.source=doe2020", f"{path}.grade=scaled"]
    ).core.synapse.synop.energy
    assert (energy.value, energy.source, energy.grade) == (5.0, "doe2020", "scaled")


def test_a_bound_alone_leaves_the_source(chip_file):
    energy = load_chip(chip_file, ["core.synapse.synop.energy.low=2 pJ"]).core.synapse.synop.energy
    assert (energy.value, energy.low, energy.source) == (3.0, 2.0, "doe2020")


def test_the_barrier_and_the_chip_link_are_marked_too(chip_file):
    chip = load_chip(chip_file, ["sync.barrier.latency=[{tiles: 1, value: 7 us}]", "noc.chip_link.extra_cycles=9"])
    assert [(point.tiles, point.value) for point in chip.sync.barrier.latency] == [(1, 7_000_000)]
    assert (chip.sync.barrier.source, chip.sync.barrier.grade) == ("--set", "assumed")
    assert chip.sync.barrier.energy.source == "doe2020"
    assert (chip.noc.chip_link.extra_cycles, chip.noc.chip_link.grade) == (9, "assumed")
    assert chip.noc.chip_link.hop.source == "doe2020"


LINES = [
    ("core.sram.capcity=256 KiB",
     "--set core.sram.capcity=256 KiB: found an unknown key, expected one of capacity, word, banks, read, write (did you mean 'capacity'?)"),
    ("cor.sram.capacity=256 KiB",
     "--set cor.sram.capacity=256 KiB: cor: found an unknown key, expected one of name, summary, sources, technology, "
     "area, replay, chip, static, noc, core, vector, memory, sync, mapping, schedule, dram (did you mean 'core'?)"),
    ("core.sram.capacity=256",
     "--set core.sram.capacity=256: found 256 without a unit, expected a size such as '128 KiB'"),
    ("core.sram.capacity=256 kb",
     "--set core.sram.capacity=256 kb: found unknown unit 'kb' in '256 kb', expected a size such as '128 KiB' "
     "(did you mean 'KiB' or 'kB'?)"),
    ("core.sram.capacity=",
     "--set core.sram.capacity=: found nothing, expected a size such as '128 KiB'"),
    ("core.synapse.synop.energy=-1 pJ",
     "--set core.synapse.synop.energy=-1 pJ: found '-1 pJ', expected an energy of at least 0 pJ"),
    ("core.synapse.synop.energy=1",
     "--set core.synapse.synop.energy=1: found 1 without a unit, expected an energy such as '23.6 pJ'"),
    ("core.synapse.synop.energi=1 pJ",
     "--set core.synapse.synop.energi=1 pJ: found an unknown key, expected one of energy, latency (did you mean 'energy'?)"),
    ("core.synapse.synop=1 pJ",
     "--set core.synapse.synop=1 pJ: found text '1 pJ', expected a mapping with the keys energy, latency"),
    ("core.synapse.synop.energy.source=smith",
     "--set core.synapse.synop.energy.source=smith: found 'smith', expected a key of `sources` (doe2020)"),
    ("sync.barrier.latency.0.value=1 ns",
     "--set sync.barrier.latency.0.value=1 ns: sync.barrier.latency: found a mapping, expected a list of mappings with "
     "the keys tiles, value"),
    ("core.sram.capacity",
     '--set core.sram.capacity: found no path=value, expected one such as core.sram.capacity="256 KiB"'),
    ("core..capacity=1 KiB",
     '--set core..capacity=1 KiB: found no path=value, expected one such as core.sram.capacity="256 KiB"'),
    ("core.synapse.lanes=[1",
     "--set core.synapse.lanes=[1: not valid YAML while parsing a flow sequence: "
     "expected ',' or ']', but got '<stream end>'"),
    ("core.synapse.lanes=010",
     "--set core.synapse.lanes=010: found 010, which YAML 1.1 reads as octal and YAML 1.2 as decimal, "
     "expected 10 without the leading zero"),
    ("noc.buffer_flits=300",
     "--set noc.buffer_flits=300: found 300, expected a whole number from 1 to 255"),
    ("core.sram.banks=100000",
     "--set core.sram.banks=100000: found 100000, expected a whole number from 1 to 65536"),
    ("extends=loihi-like",
     "--set extends=loihi-like: found an unknown key, expected one of name, summary, sources, technology, area, "
     "replay, chip, static, noc, core, vector, memory, sync, mapping, schedule, dram"),
]  # fmt: skip


VARIED = ["schedule.kind=sequential", "schedule.batch=4"]


@pytest.mark.parametrize(("override", "line"), LINES)
def test_what_is_refused(chip_file, override, line):
    assert problems(chip_file, override) == [line]


def test_the_same_path_twice(chip_file):
    assert problems(chip_file, "core.synapse.lanes=1", "core.synapse.lanes=2") == [
        "--set core.synapse.lanes=2: found core.synapse.lanes set a second time, expected it once"
    ]


def test_a_key_that_the_command_sets_itself(write, toy):
    with pytest.raises(ConfigError) as refused:
        load_chip(write(toy), ["core.synapse.lanes=1", " schedule.kind =auto", "schedule.batch=2"], varied=VARIED)
    assert list(refused.value.problems) == [
        "--set  schedule.kind =auto: found a key that this command sets itself, expected any other key",
        "--set schedule.batch=2: found a key that this command sets itself, expected any other key",
    ]


def test_what_a_command_sets_comes_on_top(write, toy):
    chip = load_chip(write(toy), ["core.synapse.lanes=1"], varied=VARIED)
    assert (chip.core.synapse.lanes, chip.schedule.batch) == (1, 4)


def test_problems_of_file_and_command_line_come_together(write, toy):
    name = write(toy.replace("tiles_x: 2", "tiles_x: no"))
    assert problems(name, "core.sram.wrd=1 bit") == [
        "--set core.sram.wrd=1 bit: found an unknown key, expected one of capacity, word, banks, read, write (did you mean 'word'?)",
        "my.yaml:7:12: chip.tiles_x: found text 'no', expected a whole number of at least 1",
    ]


def test_a_broken_value_of_the_file_can_be_set_right(write, toy):
    assert load_chip(write(toy.replace("tiles_x: 2", "tiles_x: no")), ["chip.tiles_x=6"]).chip.tiles_x == 6


def test_setting_does_not_change_what_is_loaded_later(chip_file):
    before = load_chip(chip_file)
    load_chip(chip_file, ["core.synapse.synop.energy=9 pJ", "chip.tiles_x=7"])
    assert load_chip(chip_file) == before


def test_the_model_of_the_network_is_no_description_of_a_price(write, toy):
    """`model` names a price model inside a price, and a network model inside `noc`."""
    name = write(toy, "toy.yaml")
    assert load_chip(f"./{name}", ["noc.model=ideal"]).noc.model == "ideal"
    child = write("extends: ./toy.yaml\nname: child\nnoc: {model: estimate}\n", "child.yaml")
    assert load_chip(f"./{child}").noc.model == "estimate"
