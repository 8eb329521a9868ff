"""The mapping file: written, edited, read; each fault of it in one line at its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from simulator.errors import ConfigError, OutputError
from simulator.mapper.mapping_file import load_mapping, mapping_of, save_mapping
from simulator.mapping.capacity import Cut
from simulator.mapping.widths import Widths
from simulator.trace.synthetic import synthetic_trace

TRACE = synthetic_trace("silent", [4, 6, 5])


def written(text: str, folder: Path) -> Path:
    path = folder / "mapping.yaml"
    path.write_text(text)
    return path


def test_widths_come_back_as_they_were_saved(tmp_path: Path):
    widths = Widths({"layers.0.in": 2, "layers.1.in": 3}, {"layers.0": Cut(2, 3), "layers.1": Cut(1, 5)})
    save_mapping(mapping_of(widths, "edp", "pipelined"), tmp_path / "m.yaml")
    read = load_mapping(tmp_path / "m.yaml", TRACE)
    assert (read.objective, read.schedule) == ("edp", "pipelined")
    assert read.widths(TRACE) == widths
    save_mapping(mapping_of(replace(widths, share_cores=True), "edp", "sequential"), tmp_path / "m.yaml")
    assert load_mapping(tmp_path / "m.yaml", TRACE).widths(TRACE).share_cores


def test_blocks_of_one_width_share_a_line_and_an_id_goes_before_a_pattern(tmp_path: Path):
    same = mapping_of(Widths({"layers.0.in": 2, "layers.1.in": 2}, {}), "energy", "sequential")
    assert same.homes == {"layers.*.in": 2}
    edited = written("homes: {layers.*.in: 2, layers.1.in: 3}\n", tmp_path)
    assert load_mapping(edited, TRACE).widths(TRACE).homes == {"layers.0.in": 2, "layers.1.in": 3}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("home: {layers.0.in: 2}", "1:1: home: found an unknown key"),
        ("homes: {layers.0.im: 2}", "1:9: homes.layers.0.im: found a stage that the trace does not have"),
        ("homes: {layers.0.in: 0}", "found 0, expected"),
        ("homes: {layers.0.in: 5}", "found 5 cores, expected at most 4"),
        ("homes: {layers.*.in: 5}", "found 5 cores, expected at most 4"),
        ("layers: {layers.0: {row_parts: 9, col_parts: 1}}", "found 9, expected at most 4, the inputs of layers.0"),
        ("layers: {layers.0: {col_parts: 7}}", "found 7, expected at most 6, the outputs of layers.0"),
        ("layers: {layers.0: {row_parts: 1}}", "col_parts: missing"),
        ("objective: speed", "found text 'speed', expected one of energy, latency, edp, throughput"),
        ("schedule: later", "found text 'later', expected one of auto, sequential, pipelined"),
        ("homes: [1, 2]", "homes: found a list, expected a mapping"),
        ("ops: {lm_haed: 2}", "1:7: ops.lm_haed: found an op that the trace does not have"),
        ("home_cores: {inn: 2}", "1:14: home_cores.inn: found a stage that the trace does not have"),
        ("home_cores: 0", "home_cores: found 0, expected auto, a whole number of at least 1"),
        ("layer_cores: {layers.1: 31}", "layer_cores.layers.1: found 31 cores, expected at most 30"),
        ("head_cores: [2]", "head_cores: found a list, expected auto or a whole number"),
    ],
)
def test_a_fault_is_one_line_at_its_place(text: str, line: str, tmp_path: Path):
    with pytest.raises(ConfigError) as caught:
        load_mapping(written(text + "\n", tmp_path), TRACE)
    (problem,) = caught.value.problems
    assert line in str(problem)
    assert "mapping.yaml:1:" in str(problem)


def test_no_other_file_is_replaced(tmp_path: Path):
    notes = written("my notes\n", tmp_path)
    with pytest.raises(OutputError, match="is not a mapping file"):
        save_mapping(mapping_of(Widths(), "energy", "sequential"), notes)
    assert notes.read_text() == "my notes\n"


def test_the_keys_of_a_chip_file_hold_in_a_mapping_file_and_its_own_go_before_them(tmp_path: Path):
    text = "homes: {layers.0.in: 1}\nlayers: {layers.0: {col_parts: 2}}\nhome_cores: 3\nlayer_cores: {linear: 2}\n"
    read = load_mapping(written(text, tmp_path), TRACE)
    widths = read.widths(TRACE)
    assert widths.homes == {"layers.0.in": 1, "layers.1.in": 3, "head": 3}
    assert (widths.cuts, widths.layer_cores) == ({"layers.0": Cut(1, 2)}, {"layers.1": 2})
    save_mapping(read, tmp_path / "saved.yaml")
    assert load_mapping(tmp_path / "saved.yaml", TRACE) == read


def test_an_op_has_cores_of_its_own_and_its_part_of_the_stage_a_name(tmp_path: Path):
    text = "ops: {encode: 2}\nhomes: {layers.1.in.at_encode: 3, layers.*: 1}\n"
    widths = load_mapping(written(text, tmp_path), TRACE).widths(TRACE)
    assert widths.op_cores == {"layers.0.encode": 2, "layers.1.encode": 2}
    assert widths.homes == {"layers.1.in.at_encode": 3, "layers.0.in": 1, "layers.1.in": 1}
