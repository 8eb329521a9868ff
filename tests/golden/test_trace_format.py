"""A trace file of schema version 1, kept: old files stay readable, and today's writer still writes the same content.

`trace_v1.npz` was written by this module. A difference here means that the format has changed: then give it a new
schema version and keep this file readable. To write the file anew: ``python tests/golden/test_trace_format.py``.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np

from simulator.trace.files import load_trace, save_trace, verify_trace
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace import Trace

GOLDEN = Path(__file__).with_name("trace_v1.npz")
CONTENT_HASH = "c3ecdebe8fa76445f75ab974b632363094262275714f4643a62cd06155373e7d"


def golden_trace() -> Trace:
    """Three tokens, 6 -> 4 -> 2, one count of -5: no random numbers, so that only the format is tested here."""
    return synthetic_trace("single", [6, 4, 2], tokens=3, single=(1, 2, 3, -5), name="golden µ")


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_file_of_version_1_is_readable():
    trace = verify_trace(GOLDEN)
    assert trace.content_hash == CONTENT_HASH
    assert trace.name == "golden µ"
    assert trace.counts("layers.1.in").tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, -5]]
    assert not trace.counts("layers.0.in").any()
    assert trace.layer["layers.0"].n_out == 4
    assert dict(trace.op["head.dequantize"].counts) == {"vector.mul": (2, 0)}


def test_the_writer_still_writes_the_same_content(tmp_path):
    # Compared unpacked: another zlib may pack the same bytes otherwise.
    assert save_trace(golden_trace(), tmp_path / "now.npz") == CONTENT_HASH
    assert members(tmp_path / "now.npz") == members(GOLDEN)


def test_the_manifest_has_the_keys_of_version_1():
    manifest = json.loads(members(GOLDEN)["manifest.json"])
    keys = ["content_hash", "encoding", "format", "layers", "members", "name", "ops", "origin", "phase"]
    assert sorted(manifest) == [*keys, "schema_version", "stages", "streams"]
    assert manifest["encoding"] == {"code": "ternary", "levels": 7, "timesteps": 7}
    stage_keys = ["carries", "layers", "ops", "sources", "stage_id", "stream", "width"]
    assert sorted(manifest["stages"][0]) == stage_keys


def test_saving_what_was_loaded_changes_nothing(tmp_path):
    save_trace(load_trace(GOLDEN), tmp_path / "again.npz")
    assert members(tmp_path / "again.npz") == members(GOLDEN)
    with np.load(GOLDEN, allow_pickle=False) as arrays:
        assert arrays["counts/layers.1.in"].dtype == np.int8


if __name__ == "__main__":
    print(save_trace(golden_trace(), GOLDEN))
