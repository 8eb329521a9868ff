import pytest

from simulator.config import load_chip
from simulator.errors import ConfigError


def problems(name, directory=None):
    with pytest.raises(ConfigError) as error:
        load_chip(name, directory=directory)
    return list(error.value.problems)


def test_mappings_merge_and_the_rest_is_replaced(write, toy):
    write(toy, "toy.yaml")
    chip = load_chip(
        write("""
extends: toy.yaml
name: mine
core: {sram: {capacity: 8 KiB}}
sync: {barrier: {latency: [{tiles: 1, value: 9 ns}]}}
""")
    )
    assert chip.name == "mine"
    assert chip.summary == "A toy chip"
    assert (chip.core.sram.capacity, chip.core.sram.word) == (8192, 64)
    assert [(point.tiles, point.value) for point in chip.sync.barrier.latency] == [(1, 9000)]


def test_a_base_may_extend_a_shipped_chip(write, toy, tmp_path):
    write(toy, "chips/toy.yaml")
    write("extends: toy\nname: middle\nchip: {tiles_x: 3}\n", "lib/middle.yaml")
    chip = load_chip(write("extends: lib/middle.yaml\nname: top\nchip: {tiles_y: 5}\n"), directory=tmp_path / "chips")
    assert (chip.name, chip.chip.tiles_x, chip.chip.tiles_y) == ("top", 3, 5)


def test_a_value_replaces_included_in_and_the_other_way_round(write, toy):
    included = "{included_in: noc.hop_y, source: doe2020, grade: assumed}"
    write(toy.replace("  hop_x: &pj", f"  local: {included}\n  hop_x: &pj").replace("  local: *pj\n", ""), "toy.yaml")
    chip = load_chip(
        write("""
extends: toy.yaml
name: mine
noc: {local: {value: 5 pJ, source: doe2020, grade: scaled}}
core: {synapse: {synop: {energy: {included_in: noc.hop_x, source: doe2020, grade: assumed}}}}
""")
    )
    assert (chip.noc.local.value, chip.noc.local.included_in, chip.noc.local.grade) == (5.0, None, "scaled")
    energy = chip.core.synapse.synop.energy
    assert (energy.value, energy.low, energy.included_in) == (None, None, "noc.hop_x")


def test_a_new_number_does_not_inherit_the_source_of_the_old_one(write, toy):
    write(toy, "toy.yaml")
    name = write("extends: toy.yaml\nname: mine\ncore: {synapse: {synop: {energy: {value: 5 pJ}}}}\n")
    assert problems(name) == [
        "my.yaml:3:26: core.synapse.synop.energy.source: missing, expected text",
        "my.yaml:3:26: core.synapse.synop.energy.grade: missing, expected one of measured, post-layout, "
        "pre-silicon, published-model, scaled, assumed",
    ]


def test_problems_point_into_the_file_where_the_value_stands(write, toy):
    write(toy.replace("tiles_x: 2", "tiles_x: no"), "lib/toy.yaml")
    name = write("extends: lib/toy.yaml\nname: mine\nchip: {tiles_y: no}\n")
    assert problems(name) == [
        "lib/toy.yaml:7:12: chip.tiles_x: found text 'no', expected a whole number of at least 1",
        "my.yaml:3:17: chip.tiles_y: found text 'no', expected a whole number of at least 1",
    ]


def test_a_chip_needs_a_name_of_its_own(write, toy):
    write(toy, "toy.yaml")
    assert problems(write("extends: toy.yaml\n")) == ["my.yaml:1:1: name: missing, expected a name other than 'toy'"]


def test_circles_are_refused(write):
    write("extends: b.yaml\nname: a\n", "a.yaml")
    write("\nextends: ./c.yaml\nname: b\n", "b.yaml")
    write("extends: a.yaml\nname: c\n", "c.yaml")
    assert problems("a.yaml") == [
        "c.yaml:1:10: extends: found 'a.yaml', expected no cycle (a.yaml -> b.yaml -> c.yaml -> a.yaml)"
    ]
    write("extends: my.yaml\nname: a\n")
    assert problems("my.yaml") == ["my.yaml:1:10: extends: found 'my.yaml', expected no cycle (my.yaml -> my.yaml)"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "extends: toi\nname: x\n",
            "my.yaml:1:10: extends: unknown chip 'toi', expected one of toy or a .yaml file (did you mean 'toy'?)",
        ),
        (
            "extends: toi.yaml\nname: x\n",
            "my.yaml:1:10: extends: found 'toi.yaml', expected the name of a shipped chip or a path to a .yaml file; "
            "there is no file toi.yaml",
        ),
        (
            "extends: [toy]\nname: x\n",
            "my.yaml:1:1: extends: found a list, expected the name of a shipped chip or a path to a .yaml file",
        ),
    ],
)
def test_what_is_not_there_cannot_be_extended(write, toy, tmp_path, text, line):
    write(toy, "chips/toy.yaml")
    assert problems(write(text), tmp_path / "chips") == [line]
