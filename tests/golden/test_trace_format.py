"""Trace files of each schema version, kept: old files stay readable, and today's writer still writes the same content.

`trace_v2.npz` was written by this module, `trace_v1.npz` by its predecessor. A difference here means that the format
has changed: then give it a new schema version and keep these files readable. To write the newest anew:
``PYTHONPATH=.:tests/support python tests/golden/test_trace_format.py``.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from local_stream import with_local_stream

from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace import Trace
from simulator.trace.trace_files import content_hash, load_trace, save_trace, verify_trace
from simulator.trace.trace_manifest import manifest_hash
from simulator.trace.trace_program import Stream

VERSION_1, VERSION_2 = (Path(__file__).with_name(f"trace_v{version}.npz") for version in (1, 2))
HASHES = {
    VERSION_1: "c3ecdebe8fa76445f75ab974b632363094262275714f4643a62cd06155373e7d",
    VERSION_2: "28a5bbd93581440786a054ab8e02ded3d7396cb876e91a0e147f88c99df82005",
}


def golden_trace() -> Trace:
    """Three tokens, 6 -> 4 -> 2, one count of -5: no random numbers, so that only the format is tested here."""
    return synthetic_trace("single", [6, 4, 2], tokens=3, single=(1, 2, 3, -5), name="golden µ")


def golden_attention() -> Trace:
    """The same with all that version 2 added: a decoded token, a window, a local stream, triggered work."""
    counts = np.array([[1, 0, 0], [0, 2, 0], [0, -7, 0]], np.int16)
    trace = with_local_stream(golden_trace(), (0, 1), {"vector.add": (4, 0), "memory.read": (0, 8)}, counts)
    first = replace(trace.ops[0], per_timestep={"memory.read": (24, 0)}, operand_bits=16)
    return replace(
        trace,
        ops=(first, *trace.ops[1:]),
        phases=np.array([0, 0, 1], np.uint8),
        window=2,
    )


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("path", HASHES)
def test_a_file_of_any_version_is_readable(path):
    trace = verify_trace(path)
    assert trace.content_hash == HASHES[path]
    assert trace.name == "golden µ"
    assert trace.spike_counts("layers.1.in").tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, -5]]
    assert not trace.spike_counts("layers.0.in").any()
    assert trace.layer_by_id["layers.0"].n_out == 4
    assert dict(trace.op_by_id["head.dequantize"].work_per_token) == {"vector.mul": (2, 0)}


def test_a_file_of_version_1_has_one_phase_and_no_window():
    trace = load_trace(VERSION_1)
    assert (trace.phase, trace.window, trace.contexts.tolist()) == ("prefill", None, [1, 2, 3])


def test_work_per_timestep_of_version_1_is_one_number(tmp_path):
    old = members(VERSION_1)
    manifest = json.loads(old["manifest.json"])
    manifest["ops"][0]["per_timestep"] = {"memory.read": 24}
    manifest["content_hash"] = manifest_hash(manifest)
    with zipfile.ZipFile(tmp_path / "old.npz", "w") as archive:
        for name, data in (old | {"manifest.json": json.dumps(manifest).encode()}).items():
            archive.writestr(name, data)
    assert load_trace(tmp_path / "old.npz").ops[0].per_timestep == {"memory.read": (24, 0)}


def test_a_file_of_version_2_keeps_phases_window_and_local_streams():
    trace = load_trace(VERSION_2)
    assert (trace.phase, trace.phases.tolist(), trace.window) == ("mixed", [0, 0, 1], 2)
    assert trace.stream_by_id["local"] == Stream("local", 3, (0, 1))
    assert trace.spike_counts("local").tolist() == [[1, 0, 0], [0, 2, 0], [0, -7, 0]]
    assert trace.op_by_id["scores"] == golden_attention().op_by_id["scores"]
    assert trace.op_by_id["layers.0.encode"].per_timestep == {"memory.read": (24, 0)}


def test_the_writer_still_writes_the_same_content(tmp_path):
    # Compared unpacked: another zlib may pack the same bytes otherwise.
    assert save_trace(golden_attention(), tmp_path / "now.npz") == HASHES[VERSION_2]
    assert members(tmp_path / "now.npz") == members(VERSION_2)


def test_the_manifest_has_the_keys_of_version_2():
    manifest = json.loads(members(VERSION_2)["manifest.json"])
    keys = ["content_hash", "encoding", "format", "layers", "members", "name", "ops", "origin"]
    assert sorted(manifest) == [*keys, "schema_version", "stages", "streams", "window"]
    assert manifest["encoding"] == {"code": "ternary", "levels": 7, "timesteps": 7}
    stage_keys = ["carries", "layers", "ops", "sources", "stage_id", "stream", "width"]
    assert sorted(manifest["stages"][0]) == stage_keys
    assert manifest["streams"][0] == {"n": 6, "stream_id": "layers.0.in"}
    assert manifest["ops"][1] == {"counts": manifest["ops"][1]["counts"], "kind": "encode", "op_id": "layers.1.encode"}


def test_saving_what_was_loaded_changes_nothing(tmp_path):
    save_trace(load_trace(VERSION_2), tmp_path / "again.npz")
    assert members(tmp_path / "again.npz") == members(VERSION_2)
    with np.load(VERSION_2, allow_pickle=False) as arrays:
        assert arrays["counts/layers.1.in"].dtype == np.int8


def test_a_file_of_version_1_is_saved_as_version_2(tmp_path):
    save_trace(load_trace(VERSION_1), tmp_path / "new.npz")
    assert content_hash(load_trace(tmp_path / "new.npz")) == content_hash(golden_trace())


if __name__ == "__main__":
    print(save_trace(golden_attention(), VERSION_2))
