# ruff: noqa: E501 - the error lines are what is tested, and stay whole
"""Broken chip files and the exact lines they get. Quality of these lines is a feature."""

import pytest

from simulator.config import ChipConfig, list_chips, load_chip
from simulator.errors import ConfigError


def problems(name, overrides=(), directory=None):
    with pytest.raises(ConfigError) as error:
        load_chip(name, overrides, directory)
    return list(error.value.problems)


def test_a_complete_file_loads(write, toy):
    chip = load_chip(write(toy))
    assert isinstance(chip, ChipConfig)
    assert (chip.core.sram.capacity, chip.noc.cycle.value, chip.static.base.value) == (4096, 1000, 0.001)
    assert [(point.tiles, point.value) for point in chip.sync.barrier.latency] == [(1, 1000), (4, 3000)]


ONE_PROBLEM = [
    # (what to replace, by what, the line)
    ("    word: 64 bit\n", "    word: 64 bit\n    word: 32 bit\n",
     "my.yaml:27:5: core.sram.word: found the key a second time, expected it once (first at line 26)"),
    ("    word: 64 bit\n", "    word: 64 bit\n    size: 2\n",
     "my.yaml:27:5: core.sram.size: found an unknown key, expected one of capacity, word, banks, read, write"),
    ("    capacity: 4 KiB\n", "    capacity: 4 KiB\n    wrod: 64 bit\n",
     "my.yaml:26:5: core.sram.wrod: found an unknown key, expected one of capacity, word, banks, read, write (did you mean 'word'?)"),
    ("{node_nm: 45}", "{node_nm: 45, or so it seems}",
     "my.yaml:5:27: technology.or so it seems: found an unknown key, expected one of node_nm, voltage "
     "(quote a text that has commas)"),
    ("    word: 64 bit\n", "",
     "my.yaml:24:3: core.sram.word: missing, expected a width such as '64 bit'"),
    ("    word: 64 bit\n", "    word:\n",
     "my.yaml:26:5: core.sram.word: found nothing, expected a width such as '64 bit'"),
    ("    word: 64 bit\n", "    word: 64\n",
     "my.yaml:26:11: core.sram.word: found 64 without a unit, expected a width such as '64 bit'"),
    ("    word: 64 bit\n", "    word: 8 pJ\n",
     "my.yaml:26:11: core.sram.word: found '8 pJ', which is an energy, expected a width such as '64 bit'"),
    ("    word: 64 bit\n", "    word: [64 bit]\n",
     "my.yaml:26:5: core.sram.word: found a list, expected a width such as '64 bit'"),
    ("    word: 64 bit\n", "    word: 0 bit\n",
     "my.yaml:26:11: core.sram.word: found '0 bit', expected a width of at least 1 bit"),
    ("        value: 3 pJ\n", "        value: .nan\n",
     "my.yaml:39:16: core.synapse.synop.energy.value: found .nan, expected an energy such as '23.6 pJ'"),
    ("        value: 3 pJ\n", "        value: nan pJ\n",
     "my.yaml:39:16: core.synapse.synop.energy.value: found 'nan pJ', expected an energy such as '23.6 pJ'"),
    ("        value: 3 pJ\n", "        value: -3 pJ\n        high: 4 pJ\n",
     "my.yaml:39:16: core.synapse.synop.energy.value: found '-3 pJ', expected an energy of at least 0 pJ"),
    ("        value: 3 pJ\n", "        value: 3.0\n",
     "my.yaml:39:16: core.synapse.synop.energy.value: found 3.0 without a unit, expected an energy such as '23.6 pJ'"),
    ("        value: 3 pJ\n", "        value: 3 pj\n",
     "my.yaml:39:16: core.synapse.synop.energy.value: found unknown unit 'pj' in '3 pj', "
     "expected an energy such as '23.6 pJ' (did you mean 'pJ'?)"),
    ("        value: 3 pJ\n", "        value: 1e-12\n",
     "my.yaml:39:16: core.synapse.synop.energy.value: found 1e-12 without a unit, expected an energy such as '23.6 pJ'"),
    ("        value: 3 pJ\n        low: 1 pJ\n", "",
     "my.yaml:38:7: core.synapse.synop.energy: found neither `value` nor `included_in`, expected one of them"),
    ("        low: 1 pJ\n", "        included_in: noc.hop_x\n",
     "my.yaml:40:22: core.synapse.synop.energy.included_in: found both `value` and `included_in`, expected one of them"),
    ("        low: 1 pJ\n", "        low: 4 pJ\n",
     "my.yaml:40:14: core.synapse.synop.energy.low: found a bound above `value`, expected low <= value"),
    ("        low: 1 pJ\n", "        high: 2 pJ\n",
     "my.yaml:40:15: core.synapse.synop.energy.high: found a bound below `value`, expected value <= high"),
    ("        value: 3 pJ\n", "        included_in: noc.hop_x\n",
     "my.yaml:40:14: core.synapse.synop.energy.low: found a bound `low`, expected none together with `included_in`"),
    ("        value: 3 pJ\n        low: 1 pJ\n", "        included_in: word_read\n",
     "my.yaml:39:22: core.synapse.synop.energy.included_in: found 'word_read', "
     "expected component.action (did you mean 'synapse.word_read'?)"),
    ("        value: 3 pJ\n        low: 1 pJ\n", "        included_in: synapse.synop\n",
     "my.yaml:39:22: core.synapse.synop.energy.included_in: found 'synapse.synop', the action itself, expected another one"),
    ("    hop: *pj\n", "    hop: {included_in: noc.hop_z, source: doe2020, grade: measured}\n",
     "my.yaml:22:24: noc.chip_link.hop.included_in: found 'noc.hop_z', "
     "expected component.action (did you mean 'noc.hop_y'?)"),
    ("    grade: measured\n    hop: *pj\n", "    grade: mesured\n    hop: *pj\n",
     "my.yaml:21:12: noc.chip_link.grade: found text 'mesured', expected one of measured, post-layout, pre-silicon, "
     "published-model, scaled, assumed (did you mean 'measured'?)"),
    ("    extra_cycles: 4\n    source: doe2020\n", "    extra_cycles: 4\n    source: doe2002\n",
     "my.yaml:20:13: noc.chip_link.source: found 'doe2002', expected a key of `sources` (doe2020) (did you mean 'doe2020'?)"),
    ("  chip_link:\n    extra_cycles: 4\n    source: doe2020\n    grade: measured\n    hop: *pj\n", "",
     "my.yaml:12:1: noc.chip_link: missing, expected one because chip.max_chips is 2"),
    ("  tiles_x: 2", "  tiles_x: NO",
     "my.yaml:7:12: chip.tiles_x: found text 'NO', expected a whole number of at least 1"),
    ("  tiles_x: 2", "  tiles_x: 12:30",
     "my.yaml:7:12: chip.tiles_x: found text '12:30', expected a whole number of at least 1"),
    ("  tiles_x: 2", "  tiles_x: 2.0",
     "my.yaml:7:12: chip.tiles_x: found 2.0, expected a whole number of at least 1"),
    ("  tiles_x: 2", "  tiles_x: true",
     "my.yaml:7:12: chip.tiles_x: found true, expected a whole number of at least 1"),
    ("  tiles_x: 2", "  tiles_x: 0",
     "my.yaml:7:12: chip.tiles_x: found 0, expected a whole number of at least 1"),
    ("  tiles_x: 2", "  tiles_x: .inf",
     "my.yaml:7:12: chip.tiles_x: found .inf, expected a whole number of at least 1"),
    ("  tiles_x: 2", "  tiles_x: 02",
     "my.yaml:7:12: chip.tiles_x: found 02, which YAML 1.1 reads as octal and YAML 1.2 as decimal, "
     "expected 2 without the leading zero"),
    ("{node_nm: 45}", "{node_nm: '45'}",
     "my.yaml:5:23: technology.node_nm: found text '45', expected a number above 0"),
    ("{node_nm: 45}", "{node_nm: .nan}",
     "my.yaml:5:23: technology.node_nm: found .nan, expected a number above 0"),
    ("{node_nm: 45}", "45",
     "my.yaml:5:13: technology: found 45, expected a mapping with the keys node_nm"),
    ("name: toy", "name: 12",
     "my.yaml:1:7: name: found 12, expected text"),
    ("name: toy", "name: ''",
     "my.yaml:1:1: name: found '', expected letters, digits, '.', '_' and '-',"
     " at most 100 of them, the first one not '.' or '-'"),
    ("J. Doe, Toys, 2020", "2020",
     "my.yaml:4:12: sources.doe2020: found 2020, expected text"),
    ("tiles: 4, value: 3 ns", "tiles: 1, value: 3 ns",
     "my.yaml:53:17: sync.barrier.latency[1].tiles: found 1 after 1, expected more and more tiles"),
    ("tiles: 4, value: 3 ns", "tiles: 4, value: 2 s",
     "my.yaml:53:27: sync.barrier.latency[1].value: found '2 s', expected a time of at most 1 s"),
    ("        value: 3 pJ", "        value: 1e300 pJ",
     "my.yaml:39:16: core.synapse.synop.energy.value: found '1e300 pJ', expected an energy of at most 1000 J"),
    ("tiles: 4, value: 3 ns", "tiles: 4",
     "my.yaml:53:9: sync.barrier.latency[1].value: missing, expected a time such as '3.5 ns'"),
    ("    latency:\n      - {tiles: 1, value: 1 ns}\n      - {tiles: 4, value: 3 ns}\n", "    latency: 1 ns\n",
     "my.yaml:51:14: sync.barrier.latency: found text '1 ns', expected a list of mappings with the keys tiles, value"),
    ("    latency:\n      - {tiles: 1, value: 1 ns}\n      - {tiles: 4, value: 3 ns}\n", "    latency: []\n",
     "my.yaml:51:5: sync.barrier.latency: found a list without entries, expected at least one"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line"), ONE_PROBLEM)
def test_one_problem_gets_one_line_at_its_place(write, toy, old, new, line):
    assert old in toy
    assert problems(write(toy.replace(old, new, 1))) == [line]


def test_all_problems_of_a_file_come_at_once_in_its_order(write, toy):
    broken = (
        toy.replace("tiles_x: 2", "tiles_x: NO")
        .replace("flit_bits: 32 bit", "flit_bits: 32")
        .replace("capacity: 4 KiB", "capactiy: 4 KiB")
        .replace("value: 3 pJ", "value: -3 pJ")
        .replace("        grade: measured\n", "        grade: measured\n        grade: assumed\n")
        .replace("    energy: *pj\n    source: doe2020", "    energy: *pj\n    source: smith")
    )
    assert problems(write(broken)) == [
        "my.yaml:7:12: chip.tiles_x: found text 'NO', expected a whole number of at least 1",
        "my.yaml:13:14: noc.flit_bits: found 32 without a unit, expected a width such as '64 bit'",
        "my.yaml:24:3: core.sram.capacity: missing, expected a size such as '128 KiB'",
        "my.yaml:25:5: core.sram.capactiy: found an unknown key, expected one of capacity, word, banks, read, write (did you mean 'capacity'?)",
        "my.yaml:39:16: core.synapse.synop.energy.value: found '-3 pJ', expected an energy of at least 0 pJ",
        "my.yaml:43:9: core.synapse.synop.energy.grade: found the key a second time, expected it once (first at line 42)",
        "my.yaml:56:13: sync.barrier.source: found 'smith', expected a key of `sources` (doe2020)",
    ]


def test_a_price_may_not_be_included_in_one_that_is_included_itself(write, toy):
    chained = toy.replace(
        "  hop_y: *pj\n", "  hop_y: {included_in: noc.local, source: doe2020, grade: assumed}\n"
    ).replace("  local: *pj\n", "  local: {included_in: noc.hop_x, source: doe2020, grade: assumed}\n")
    assert problems(write(chained)) == [
        "my.yaml:16:24: noc.hop_y.included_in: found 'noc.local', itself included in 'noc.hop_x', "
        "expected an action with a value of its own"
    ]


def test_an_error_in_an_anchored_value_points_at_the_anchor(write, toy):
    assert problems(write(toy.replace("&pj {value: 2 pJ", "&pj {value: 2 ns")))[0] == (
        "my.yaml:15:22: noc.hop_x.value: found '2 ns', which is a time, expected an energy such as '23.6 pJ'"
    )


@pytest.mark.parametrize("content", ["", "# only a comment\n"])
def test_an_empty_file(write, content):
    expected = "a mapping with the keys name, summary, sources, technology, chip, noc, core, vector, memory, sync"
    assert problems(write(content)) == [f"my.yaml:1:1: found nothing, expected {expected}"]


def test_a_file_that_is_a_list(write):
    expected = "a mapping with the keys name, summary, sources, technology, chip, noc, core, vector, memory, sync"
    assert problems(write("- 1\n")) == [f"my.yaml:1:1: found a list, expected {expected}"]


def test_unknown_chip_lists_the_shipped_ones(write, toy, tmp_path):
    write(toy, "chips/alpha.yaml")
    write(toy, "chips/beta.yaml")
    assert problems("alpa", directory=tmp_path / "chips") == [
        "unknown chip 'alpa', expected one of alpha, beta or a .yaml file (did you mean 'alpha'?)"
    ]
    assert problems("nothing-like-it", directory=tmp_path / "chips") == [
        "unknown chip 'nothing-like-it', expected one of alpha, beta or a .yaml file"
    ]


def test_a_shipped_chip_is_shown_relative_to_the_working_directory(write, toy, tmp_path):
    write(toy.replace("tiles_x: 2", "tiles_x: x"), "chips/alpha.yaml")
    assert problems("alpha", directory=tmp_path / "chips") == [
        "chips/alpha.yaml:7:12: chip.tiles_x: found text 'x', expected a whole number of at least 1"
    ]


def test_list_chips(write, toy, tmp_path):
    write(toy.replace("name: toy", "name: b"), "chips/b.yaml")
    write(toy.replace("name: toy", "name: a"), "chips/a.yaml")
    assert list_chips(tmp_path / "chips") == [("a", "A toy chip"), ("b", "A toy chip")]


def test_an_area_beyond_its_table_is_refused_when_the_file_is_read(write):
    area = "area: {core: {value: 1 mm2, source: horowitz2014, grade: assumed}, sram: {node: 32 nm, cell: LOP}}"
    with pytest.raises(ConfigError, match=r"my\.yaml:3:68: area\.sram: found cell 'LOP' at 32 nm, expected one of"):
        load_chip(write(f"extends: sdllm-asic-45nm\nname: x\n{area}\n"))
