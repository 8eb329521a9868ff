"""Traces on file: round trip, equal bytes, lazy reading, and saving that leaves no partial file."""

from __future__ import annotations

import os
import pickle
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from profiles import examples

from simulator.errors import OutputError, TraceError
from simulator.trace import trace_files as files
from simulator.trace.codes import CODES
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace import Trace
from simulator.trace.trace_files import content_hash, load_trace, save_trace, verify_trace

PROGRAM = ("name", "encoding", "streams", "layers", "ops", "stages", "window", "origin")


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    """Any code, levels on both sides of int8, random counts of one to five tokens."""
    code = draw(st.sampled_from(CODES))
    levels = draw(st.sampled_from([1, 7, 127, 128, 255, 32767]))
    sizes = draw(st.lists(st.integers(1, 6), min_size=2, max_size=4))
    tokens = draw(st.integers(1, 5))
    low = 0 if code == "binary" else -levels
    trace = synthetic_trace("silent", sizes, code=code, levels=levels, tokens=tokens, ops=draw(st.booleans()))
    counts = {
        s.stream_id: draw(hnp.arrays(np.int16, (tokens, s.n), elements=st.integers(low, levels))) for s in trace.streams
    }
    origin = {"text": draw(st.text(st.characters(codec="utf-8"), max_size=8)), "perplexity": draw(st.floats(0, 1e6))}
    positions = draw(hnp.arrays(np.int64, tokens, elements=st.integers(0, 10**6)))
    phases = draw(hnp.arrays(np.uint8, tokens, elements=st.integers(0, 1)))
    window = draw(st.none() | st.integers(1, 9))
    changes = {"origin": origin, "positions": positions, "phases": phases, "window": window}
    return replace(trace, load_counts=counts.__getitem__, **changes)


@given(trace=traces())
@examples(60)
def test_what_is_saved_is_loaded(trace):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.npz"
        hash_on_file = save_trace(trace, path)
        loaded = verify_trace(path)
    assert {key: getattr(loaded, key) for key in PROGRAM} == {key: getattr(trace, key) for key in PROGRAM}
    assert np.array_equal(loaded.positions, trace.positions)
    assert np.array_equal(loaded.phases, trace.phases)
    for stream in trace.streams:
        assert np.array_equal(loaded.spike_counts(stream.stream_id), trace.spike_counts(stream.stream_id))
    assert loaded.content_hash == hash_on_file == content_hash(trace) == content_hash(loaded)


def test_equal_traces_give_equal_bytes_wherever_and_whenever(tmp_path):
    first, second = tmp_path / "first.npz", tmp_path / "another name.npz"
    save_trace(synthetic_trace("poisson", [5, 4]), first)
    save_trace(load_trace(first), second)
    assert first.read_bytes() == second.read_bytes()


def test_members_carry_no_mark_of_machine_or_moment(trace_file):
    with zipfile.ZipFile(trace_file) as archive:
        infos = archive.infolist()
    names = ["positions.npy", "phases.npy", "counts/layers.0.in.npy", "counts/layers.1.in.npy", "manifest.json"]
    assert [info.filename for info in infos] == names
    assert {(i.date_time, i.create_system, i.external_attr >> 16) for i in infos} == {
        ((1980, 1, 1, 0, 0, 0), 3, 0o644),
    }


@pytest.mark.parametrize(
    "change",
    [
        lambda t: replace(t, name="b"),
        lambda t: replace(t, phases=np.array([0, 0, 0, 1], np.uint8)),
        lambda t: replace(t, window=2),
        lambda t: replace(t, positions=t.positions + 1),
        lambda t: replace(t, origin={"kind": "other"}),
        lambda t: synthetic_trace("poisson", [5, 4], name="a", weight_bits=4),
        lambda t: synthetic_trace("poisson", [5, 4], name="a", levels=15),
        lambda t: replace(t, load_counts=lambda s: t.spike_counts(s) * np.int16(-1)),
    ],
)
def test_any_difference_changes_the_content_hash(change):
    trace = synthetic_trace("poisson", [5, 4], name="a")
    assert content_hash(change(trace)) != content_hash(trace)


@pytest.mark.parametrize(("levels", "dtype"), [(1, "|i1"), (127, "|i1"), (128, "<i2"), (32767, "<i2")])
@pytest.mark.parametrize("code", ["binary", "ternary"])
def test_counts_have_the_smallest_type_that_holds_the_levels(tmp_path, code, levels, dtype):
    path = tmp_path / "full.npz"
    save_trace(synthetic_trace("full", [5, 4], code=code, levels=levels), path)
    with np.load(path, allow_pickle=False) as arrays:
        assert arrays["counts/layers.0.in"].dtype.str == dtype
        assert (arrays["counts/layers.0.in"] == levels).all()
    assert load_trace(path).spike_counts("layers.0.in").dtype.str == dtype


def test_plain_numpy_reads_the_arrays(trace_file):
    trace = load_trace(trace_file)
    with np.load(trace_file, allow_pickle=False) as arrays:
        assert arrays["positions"].tolist() == [0, 1, 2]
        assert np.array_equal(arrays["counts/layers.1.in"], trace.spike_counts("layers.1.in"))


def test_a_damaged_stream_does_not_hinder_reading_another(trace_file, breaker):
    before = load_trace(trace_file).spike_counts("layers.1.in")
    breaker.member(trace_file, "counts/layers.0.in.npy", breaker.npy(np.zeros((3, 5), np.int8)), rehash=False)
    trace = load_trace(trace_file)
    assert np.array_equal(trace.spike_counts("layers.1.in"), before)
    with pytest.raises(TraceError, match=r"small\.npz: counts/layers\.0\.in\.npy: altered"):
        trace.spike_counts("layers.0.in")
    with pytest.raises(TraceError, match=r"^\S+small\.npz: counts/layers\.0\.in\.npy: altered[^\n]*$"):
        verify_trace(trace_file)


def test_verify_tells_every_damaged_stream(trace_file, breaker):
    for name, n in (("counts/layers.0.in.npy", 5), ("counts/layers.1.in.npy", 4)):
        breaker.member(trace_file, name, breaker.npy(np.zeros((3, n), np.int8)), rehash=False)
    with pytest.raises(TraceError) as raised:
        verify_trace(trace_file)
    assert [line.split(": ")[1] for line in str(raised.value).splitlines()] == [
        "counts/layers.0.in.npy",
        "counts/layers.1.in.npy",
    ]


def test_a_file_exchanged_after_opening_is_noticed(trace_file):
    trace = load_trace(trace_file)
    save_trace(synthetic_trace("full", [5, 4, 3], tokens=3), trace_file)
    with pytest.raises(TraceError, match="altered"):
        trace.spike_counts("layers.0.in")


def test_a_relative_path_stays_right_when_the_directory_changes(trace_file, monkeypatch):
    monkeypatch.chdir(trace_file.parent)
    trace = load_trace(trace_file.name)
    monkeypatch.chdir("/")
    assert trace.spike_counts("layers.0.in").shape == (3, 5)


@pytest.mark.parametrize("make", [load_trace, lambda _: synthetic_trace("poisson", [5, 4, 3])])
def test_a_trace_travels_to_another_process(trace_file, make):
    trace = make(trace_file)
    sent = pickle.loads(pickle.dumps(trace))
    assert np.array_equal(sent.spike_counts("layers.1.in"), trace.spike_counts("layers.1.in"))


def test_loaded_counts_can_be_written_to(trace_file):
    assert load_trace(trace_file).spike_counts("layers.0.in").flags.writeable


# ------------------------------------------------------------ saving that fails


def test_refuses_to_save_a_program_that_does_not_hold_together(tmp_path):
    trace = replace(synthetic_trace("silent", [4, 3]), stages=())
    with pytest.raises(TraceError, match="in 0 stages"):
        save_trace(trace, tmp_path / "x.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("origin", [{"path": Path("x")}, {"loss": float("nan")}, {"text": "\ud800"}])
def test_refuses_an_origin_that_json_cannot_hold(tmp_path, origin):
    with pytest.raises(TraceError, match="origin is not JSON"):
        save_trace(replace(synthetic_trace("silent", [4, 3]), origin=origin), tmp_path / "x.npz")
    assert list(tmp_path.iterdir()) == []


def test_an_origin_of_tuples_and_number_keys_is_stored_as_json_has_it(tmp_path):
    trace = replace(synthetic_trace("silent", [4, 3]), origin={"seeds": (1, 2), "by": {10: 1, 9: 2}})
    save_trace(trace, tmp_path / "x.npz")
    assert load_trace(tmp_path / "x.npz").origin == {"seeds": [1, 2], "by": {"10": 1, "9": 2}}


def test_counts_beyond_the_levels_leave_the_old_file(trace_file):
    before = trace_file.read_bytes()
    trace = synthetic_trace("silent", [5, 4])
    with pytest.raises(TraceError, match="expected -7 to 7"):
        save_trace(replace(trace, load_counts=lambda _: np.full((4, 5), 9)), trace_file)
    assert trace_file.read_bytes() == before
    assert os.listdir(trace_file.parent) == [trace_file.name]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (".", "is a directory, expected the path of a file"),
        ("missing/x.npz", "no such directory .*missing; create it first"),
        ("small.npz/x.npz", "no such directory"),
        ("x" * 300 + ".npz", "File name too long"),
    ],
)
def test_a_place_that_cannot_be_written_is_an_output_error(trace_file, path, message):
    with pytest.raises(OutputError, match=message) as raised:
        save_trace(synthetic_trace("silent", [4, 3]), trace_file.parent / path)
    assert "\n" not in str(raised.value)
    assert os.listdir(trace_file.parent) == [trace_file.name]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_read_only_directory_is_an_output_error(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        save_trace(synthetic_trace("silent", [4, 3]), tmp_path / "x.npz")
    tmp_path.chmod(0o700)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("where", "fault", "seen"),
    [
        ("rename", OSError(28, "No space left on device"), OutputError),
        ("rename", KeyboardInterrupt(), KeyboardInterrupt),
        ("write", OSError(28, "No space left on device"), OutputError),
        ("write", KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_an_interrupted_save_leaves_the_old_file_and_nothing_else(trace_file, monkeypatch, where, fault, seen):
    before = trace_file.read_bytes()

    def fail(*_: object) -> None:
        raise fault

    if where == "rename":
        monkeypatch.setattr(os, "replace", fail)
    else:  # after the positions are written, on the way to the first stream
        monkeypatch.setattr(files, "counts_member", fail)
    with pytest.raises(seen):
        save_trace(synthetic_trace("full", [4, 3]), trace_file)
    assert trace_file.read_bytes() == before
    assert os.listdir(trace_file.parent) == [trace_file.name]


def test_saves_over_an_old_file_with_its_permissions(trace_file):
    trace_file.chmod(0o604)
    save_trace(synthetic_trace("full", [4, 3]), trace_file)
    assert load_trace(trace_file).name == "full-4-3"
    assert trace_file.stat().st_mode & 0o777 == 0o604
