"""A working directory of its own for each test, so that messages show short relative paths."""

import pytest


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a file in an empty working directory and return its relative name."""
    monkeypatch.chdir(tmp_path)

    def write(text, name="my.yaml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return name

    return write


@pytest.fixture
def toy():
    """A complete chip file to break; tests count on its lines."""
    return TOY


TOY = """\
name: toy
summary: A toy chip
sources:
  doe2020: J. Doe, Toys, 2020
technology: {node_nm: 45}
chip:
  tiles_x: 2
  tiles_y: 2
  cores_per_tile: 1
  max_chips: 2
static: {base: {value: 1 mW, source: doe2020, grade: measured}}
noc:
  flit_bits: 32 bit
  cycle: &ns {value: 1 ns, source: doe2020, grade: measured}
  hop_x: &pj {value: 2 pJ, source: doe2020, grade: measured}
  hop_y: *pj
  local: *pj
  chip_link:
    extra_cycles: 4
    source: doe2020
    grade: measured
    hop: *pj
core:
  sram:
    capacity: 4 KiB
    word: 64 bit
  limits: {axons_in: 64, neurons: 64}
  overhead: *ns
  axon_in:
    lookup: &act
      energy: *pj
      latency: *ns
  synapse:
    weight_bits: 8 bit
    lanes: 4
    word_read: *act
    synop:
      energy:
        value: 3 pJ
        low: 1 pJ
        source: doe2020
        grade: measured
      latency: *ns
  dendrite: {accumulator_bits: 24 bit, accumulate: *act, reduce: *act}
  soma: {every: timestep, lanes: 1, update: *act, update_idle: *act, fire: *act}
  axon_out: {packet: *act}
vector: {lanes: 4, add: *act, mul: *act, mac: *act, compare: *act, exp: *act, div: *act}
memory: {word: 64 bit, access: *ns, read: *pj, write: *pj}
sync:
  barrier:
    latency:
      - {tiles: 1, value: 1 ns}
      - {tiles: 4, value: 3 ns}
    energy: *pj
    source: doe2020
    grade: measured
"""
