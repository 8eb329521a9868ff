"""Trace files broken on purpose: every fault is one TraceError line that names the file."""

from __future__ import annotations

import re
import shutil
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from simulator.errors import TraceError
from simulator.trace.trace_files import load_trace, verify_trace

COUNTS = "counts/layers.0.in.npy"


def refusal(path: Path) -> str:
    """The one line with which ``path`` is refused."""
    with pytest.raises(TraceError) as raised:
        verify_trace(path)
    line = str(raised.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    return line


def test_missing_file(tmp_path):
    assert "no such file, expected a trace" in refusal(tmp_path / "none.npz")


def test_directory(tmp_path):
    assert "is a directory, expected a trace" in refusal(tmp_path)


def test_path_through_a_file(trace_file):
    assert "not a file, expected a trace" in refusal(trace_file / "x.npz")


@pytest.mark.parametrize("data", [b"", b"not a zip", np.arange(3).tobytes()])
def test_not_a_zip(tmp_path, data):
    path = tmp_path / "x.npz"
    path.write_bytes(data)
    assert "not a zip file, expected a trace" in refusal(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated(trace_file, share):
    data = trace_file.read_bytes()
    trace_file.write_bytes(data[: int(len(data) * share)])
    assert "truncated or damaged zip file" in refusal(trace_file)


def test_zip_without_manifest(trace_file, breaker):
    members = breaker.members(trace_file)
    del members["manifest.json"]
    breaker.write(trace_file, members)
    assert "manifest.json: missing, not a trace" in refusal(trace_file)


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 200_000, "not JSON"),
        (b"[1]", "list, expected an object"),
        (b"null", "NoneType, expected an object"),
        (b"{}", "format None, expected 'spikewatt-trace'"),
    ],
)
def test_manifest_that_is_no_object(trace_file, breaker, manifest, message):
    breaker.write(trace_file, breaker.members(trace_file) | {"manifest.json": manifest})
    assert f"manifest.json: {message}" in refusal(trace_file)


KEYS = ["name", "encoding", "streams", "layers", "ops", "stages", "origin", "members", "content_hash"]


@pytest.mark.parametrize("key", KEYS)
def test_manifest_without_a_key(trace_file, breaker, key):
    breaker.manifest(trace_file, lambda m: m.pop(key))
    assert f"manifest.json: {key}: missing" in refusal(trace_file)


@pytest.mark.parametrize("key", KEYS)
def test_manifest_with_a_key_of_the_wrong_type(trace_file, breaker, key):
    breaker.manifest(trace_file, lambda m: m.update({key: 17}), rehash=False)
    assert f"manifest.json: {key}: 17, " in refusal(trace_file)


WRONG = {
    "text for a number": (lambda m: m["layers"][1].update(n_in="4"), "layers.1.n_in: '4', expected a valid integer"),
    "fraction for a number": (lambda m: m["streams"][0].update(n=5.0), "streams.0.n: 5.0, expected a valid integer"),
    "bool for a number": (lambda m: m["streams"][0].update(n=True), "streams.0.n: True, expected a valid integer"),
    "inner key missing": (lambda m: m["stages"][0].pop("width"), "stages.0.width: missing"),
    "inner key unknown": (lambda m: m["stages"][0].update(widht=5), "stages.0.widht: unknown key"),
    "key unknown": (lambda m: m.update(streems=[]), r"streems: unknown key (did you mean 'streams'?)"),
    "phase of version 1": (lambda m: m.update(phase="prefill"), "phase: unknown key"),
    "no window": (lambda m: m.pop("window"), "window: missing"),
    "window of text": (lambda m: m.update(window="4"), "window: '4', expected a valid integer"),
    "half a closed form": (lambda m: m["streams"][0].update(live=[1]), "streams.0.live"),
    "one number per timestep": (
        lambda m: m["ops"][0].update(per_timestep={"memory.read": 5}),
        "ops.0.per_timestep.memory.read",
    ),
    "unknown encoding": (
        lambda m: m["encoding"].update(code="morse"),
        "encoding.code: 'morse', expected 'binary', 'ternary', 'bitwise', 'bitwise_twos' or 'graded'",
    ),
    "no levels": (lambda m: m["encoding"].update(levels=0), "encoding: 0 levels, expected 1 to 32767"),
    "timesteps of another code": (
        lambda m: m["encoding"].update(code="bitwise"),
        "encoding.timesteps: 7, expected 3 (bitwise, 7 levels)",
    ),
    "one number for an action": (lambda m: m["ops"][0].update(counts={"vector.mul": [5]}), "ops.0.counts.vector.mul"),
    "unknown schema": (lambda m: m.update(schema_version=3), "schema version 3, known: 1, 2"),
    "schema of another type": (lambda m: m.update(schema_version="1"), "schema version '1', known: 1"),
    "schema as a truth": (lambda m: m.update(schema_version=True), "schema version True, known: 1"),
    "schema missing": (lambda m: m.pop("schema_version"), "schema version None, known: 1"),
    "another format": (lambda m: m.update(format="zarr"), "format 'zarr', expected 'spikewatt-trace'"),
    "not a number": (lambda m: m["origin"].update(loss=float("nan")), "not JSON: "),
}


@pytest.mark.parametrize("fault", WRONG)
def test_manifest_with_a_wrong_value(trace_file, breaker, fault):
    edit, message = WRONG[fault]
    breaker.manifest(trace_file, edit)
    assert f"manifest.json: {message}" in refusal(trace_file)


def test_manifest_altered_without_its_hash(trace_file, breaker):
    breaker.manifest(trace_file, lambda m: m["layers"][0].update(weight_bits=4), rehash=False)
    line = refusal(trace_file)
    assert "manifest.json: altered since it was written" in line
    assert re.search(r": content hash [0-9a-f]{12}\.\., expected [0-9a-f]{12}\.\.$", line)


def test_huge_manifest_is_not_unpacked(trace_file, breaker):
    breaker.write(trace_file, breaker.members(trace_file) | {"manifest.json": b" " * (64 * 2**20 + 1)})
    assert "manifest.json: 67108865 bytes, expected at most 33554432" in refusal(trace_file)


MEMBERS = {
    "member not listed": (lambda m: m["members"].pop(COUNTS), f"manifest.json: members: {COUNTS}: missing"),
    "phases not listed": (lambda m: m["members"].pop("phases.npy"), "members: phases.npy: missing"),
    "positions not listed": (lambda m: m["members"].pop("positions.npy"), "members: positions.npy: missing"),
    "member of no stream": (
        lambda m: m["members"].update({"counts/x.npy": m["members"][COUNTS]}),
        "members.counts/x.npy: unknown stream, expected one of the manifest",
    ),
    "wrong dtype": (
        lambda m: m["members"][COUNTS].update(dtype="<f8"),
        f"members.{COUNTS}: dtype <f8 shape [3, 5], expected dtype |i1 shape [3, 5]",
    ),
    "a dtype that is none": (lambda m: m["members"][COUNTS].update(dtype="ghost"), "dtype ghost"),
    "wrong shape": (
        lambda m: m["members"][COUNTS].update(shape=[2, 5]),
        f"members.{COUNTS}: dtype |i1 shape [2, 5], expected dtype |i1 shape [3, 5]",
    ),
    "negative tokens": (
        lambda m: m["members"]["positions.npy"].update(shape=[-3]),
        "members.positions.npy: dtype <i8 shape [-3], expected dtype <i8 shape [tokens]",
    ),
    "positions of two dimensions": (
        lambda m: m["members"]["positions.npy"].update(shape=[3, 1]),
        "shape [3, 1], expected dtype <i8 shape [tokens]",
    ),
}


@pytest.mark.parametrize("fault", MEMBERS)
def test_member_table_that_does_not_fit(trace_file, breaker, fault):
    edit, message = MEMBERS[fault]
    breaker.manifest(trace_file, edit)
    assert message in refusal(trace_file)


@pytest.mark.parametrize("name", [COUNTS, "positions.npy"])
def test_member_missing_from_the_archive(trace_file, breaker, name):
    members = breaker.members(trace_file)
    del members[name]
    breaker.write(trace_file, members)
    assert f"{name}: missing from the archive" in refusal(trace_file)


def test_member_that_the_manifest_does_not_know(trace_file, breaker):
    breaker.write(trace_file, breaker.members(trace_file) | {"weights.npy": b""})
    assert "weights.npy: not in the manifest" in refusal(trace_file)


def test_member_stored_twice(trace_file):
    with zipfile.ZipFile(trace_file, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("positions.npy", b"")
    assert "positions.npy: stored twice, expected once" in refusal(trace_file)


@pytest.mark.parametrize("name", [COUNTS, "positions.npy"])
def test_member_altered(trace_file, breaker, name):
    data = bytearray(breaker.members(trace_file)[name])
    data[-1] ^= 1
    breaker.member(trace_file, name, bytes(data), rehash=False)
    assert f"{name}: altered since it was written" in refusal(trace_file)


def test_member_whose_compressed_bytes_are_damaged(trace_file):
    with zipfile.ZipFile(trace_file) as archive:
        info = archive.getinfo(COUNTS)
    data = bytearray(trace_file.read_bytes())
    data[info.header_offset + 30 + len(COUNTS) + info.compress_size // 2] ^= 0xFF
    trace_file.write_bytes(data)
    assert f"{COUNTS}: damaged: " in refusal(trace_file)


FORGED = {
    "another type": (lambda npy: npy(np.zeros((3, 5), np.bool_)), "|b1 [3, 5] in C order, expected"),
    "transposed": (lambda npy: npy(np.zeros((5, 3), np.int8)), "|i1 [5, 3] in C order, expected"),
    "Fortran order": (
        lambda npy: npy(np.asfortranarray(np.zeros((3, 5), np.int8))),
        "[3, 5] in Fortran order, expected",
    ),
    "version 2": (lambda npy: npy(np.zeros((3, 5), np.int8), (2, 0)), "version (2, 0), expected a .npy of version 1.0"),
    "header of Python 2": (
        lambda npy: npy(np.zeros((3, 5), np.int8)).replace(b"(3, 5), }  ", b"(3L, 5L), }"),
        "a header as Python 2 wrote it, expected one of numpy under Python 3",
    ),
    "no magic": (lambda npy: b"x" * 143, "expected a .npy of version 1.0"),
    "header cut": (lambda npy: npy(np.zeros((3, 5), np.int8))[:40], "expected a .npy of version 1.0"),
    "a byte too many": (lambda npy: npy(np.zeros((3, 5), np.int8)) + b"\0", "16 bytes of data, expected"),
    "objects": (
        lambda npy: npy(np.zeros((3, 5), np.int8)).replace(b"'|i1'", b"'|O' "),
        "|O [3, 5] in C order, expected",
    ),
    "beyond the levels": (
        lambda npy: npy(np.full((3, 5), 8, np.int8)),
        "stream layers.0.in: counts from 8 to 8, expected -7 to 7 (ternary)",
    ),
}


@pytest.mark.parametrize("fault", FORGED)
def test_member_with_a_right_hash_but_wrong(trace_file, breaker, fault):
    make, message = FORGED[fault]
    breaker.member(trace_file, COUNTS, make(breaker.npy))
    assert message in refusal(trace_file)


@pytest.mark.parametrize(("header", "good"), [(1023, True), (1024, True), (1025, False)])
def test_a_header_of_1024_bytes_and_no_more(trace_file, breaker, header, good):
    """Spaces before the line feed of the header, as the format of numpy has it."""
    npy = breaker.npy(np.zeros((3, 5), np.int8))
    text = npy[10:-15].rstrip() + b" " * header
    text = text[: header - 11] + b"\n"
    breaker.member(trace_file, COUNTS, npy[:8] + struct.pack("<H", len(text)) + text + npy[-15:])
    if good:
        verify_trace(trace_file)
    else:
        assert f"declares {header + 15} bytes, expected 15" in refusal(trace_file)


def test_an_empty_member_is_refused(trace_file, breaker):
    breaker.member(trace_file, COUNTS, b"x" * 15)
    assert "declares 15 bytes, expected 15" in refusal(trace_file)


@pytest.mark.parametrize(
    ("key", "most"), [("streams", 4096), ("layers", 8192), ("ops", 32768), ("stages", 4096), ("members", 4098)]
)
def test_more_than_any_model_has_is_refused_and_the_most_is_read(trace_file, breaker, key, most):
    def fill(n):
        def edit(manifest):
            manifest[key] = dict.fromkeys(map(str, range(n)), 0) if key == "members" else [0] * n

        return edit

    breaker.manifest(trace_file, fill(most))
    assert "expected at most" not in refusal(trace_file)
    breaker.manifest(trace_file, fill(most + 1))
    assert refusal(trace_file).endswith(f"manifest.json: {key}: found {most + 1}, expected at most {most}")


@pytest.mark.parametrize(("n", "shown"), [(58, "'" + "x" * 58 + "'"), (59, "'" + "x" * 56 + "...")])
def test_a_long_value_is_cut_at_60_characters(trace_file, breaker, n, shown):
    breaker.manifest(trace_file, lambda manifest: manifest.update(window="x" * n))
    assert f"manifest.json: window: {shown}, expected" in refusal(trace_file)


def test_zip_bomb_is_refused_before_it_is_unpacked(trace_file, breaker):
    breaker.member(trace_file, COUNTS, breaker.npy(np.zeros((3, 5), np.int8)) + b"\0" * 20_000_000, rehash=False)
    with pytest.raises(TraceError, match=r"declares 20000143 bytes, expected 15 \(\|i1 \[3, 5\]\) and a .npy header"):
        load_trace(trace_file)


def test_zip_bomb_put_in_place_after_opening_is_refused_too(trace_file, breaker):
    trace = load_trace(trace_file)
    breaker.member(trace_file, COUNTS, breaker.npy(np.zeros((3, 5), np.int8)) + b"\0" * 20_000_000, rehash=False)
    with pytest.raises(TraceError, match=f"{COUNTS}: declares 20000143 bytes"):
        trace.spike_counts("layers.0.in")


def test_member_that_goes_after_opening(trace_file, breaker):
    trace = load_trace(trace_file)
    members = breaker.members(trace_file)
    del members[COUNTS]
    breaker.write(trace_file, members)
    with pytest.raises(TraceError, match=f"small.npz: {COUNTS}: missing from the archive"):
        trace.spike_counts("layers.0.in")
    trace_file.unlink()
    with pytest.raises(TraceError, match=r"small\.npz: no such file"):
        trace.spike_counts("layers.0.in")


def test_zip_bomb_that_lies_about_its_size_is_cut_there(trace_file, breaker):
    """The directory declares the right size; the stream behind it would go on for 20 MB."""
    breaker.member(trace_file, COUNTS, breaker.npy(np.zeros((3, 5), np.int8)) + b"\0" * 20_000_000, rehash=False)
    data = trace_file.read_bytes().replace(struct.pack("<L", 20_000_143), struct.pack("<L", 143))
    trace_file.write_bytes(data)
    assert f"{COUNTS}: damaged: Bad CRC-32" in refusal(trace_file)


def test_layers_that_do_not_chain(trace_file, breaker):
    breaker.manifest(trace_file, lambda m: m["layers"][1].update(n_in=9))
    assert "stage layers.1.in: layer layers.1 takes 9 inputs" in refusal(trace_file)


def test_phase_that_is_none(trace_file, breaker):
    breaker.member(trace_file, "phases.npy", breaker.npy(np.array([0, 2, 1], np.uint8)))
    assert "phase 2, expected 0 (prefill) or 1 (decode)" in refusal(trace_file)


def test_trace_without_tokens(trace_file, breaker):
    breaker.manifest(trace_file, lambda m: [x["shape"].__setitem__(0, 0) for x in m["members"].values()])
    for name, shape, dtype in (
        ("positions.npy", 0, np.int64),
        ("phases.npy", 0, np.uint8),
        (COUNTS, (0, 5), np.int8),
        ("counts/layers.1.in.npy", (0, 4), np.int8),
    ):
        breaker.member(trace_file, name, breaker.npy(np.zeros(shape, dtype)))
    assert "no tokens, expected at least one" in refusal(trace_file)


def test_encrypted_member(trace_file):
    data = bytearray(trace_file.read_bytes())
    central = data.index(b"PK\x01\x02")
    data[central + 8] |= 1  # general purpose flag, bit 0
    trace_file.write_bytes(data)
    assert "positions.npy: damaged: " in refusal(trace_file)


def test_no_single_byte_turns_a_trace_into_another(trace_file, tmp_path):
    """Each byte inverted in turn: the file is refused, or (a time stamp, an attribute) it is still the same trace."""
    sound = verify_trace(trace_file)
    data = trace_file.read_bytes()
    broken = Path(shutil.copy(trace_file, tmp_path / "broken.npz"))
    refused = 0
    for i in range(len(data)):
        broken.write_bytes(data[:i] + bytes([data[i] ^ 0xFF]) + data[i + 1 :])
        try:
            trace = verify_trace(broken)
        except TraceError as error:
            assert str(error).startswith(f"{broken}: ")  # noqa: PT017 - either outcome is right, if reported so
            refused += 1
            continue
        assert trace.content_hash == sound.content_hash
    assert refused > 0.7 * len(data)
