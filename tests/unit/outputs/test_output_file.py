"""A file output takes the place of an earlier one of its kind, and of nothing else."""

from __future__ import annotations

import gzip
import os
import signal
import socket
import subprocess
import sys
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from simulator.errors import OutputError
from simulator.outputs.output_file import (
    FIGURES,
    JSON,
    LATEX,
    MOMENTS,
    PRESET,
    SQLITE,
    TEXT,
    TIMELINE,
    TRACE,
    check_writable_file,
    page_kind,
    replaced_whole,
)


def write(path: Path, kind, content: bytes = b"{new}") -> None:
    with replaced_whole(path, kind) as made:
        made.write_bytes(content)


def held(folder: Path) -> set[str]:
    return set(os.listdir(folder))


def test_a_new_file_is_written_and_nothing_is_left_next_to_it(tmp_path):
    write(tmp_path / "a.json", JSON)
    assert (tmp_path / "a.json").read_bytes() == b"{new}"
    assert held(tmp_path) == {"a.json"}


def test_a_file_of_its_kind_is_replaced_and_keeps_its_permissions(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"{old}")
    path.chmod(0o640)
    write(path, JSON)
    assert path.read_bytes() == b"{new}"
    assert path.stat().st_mode & 0o777 == 0o640


def test_an_empty_file_is_replaced(tmp_path):
    (tmp_path / "a").touch()
    write(tmp_path / "a", JSON)
    assert (tmp_path / "a").read_bytes() == b"{new}"


def test_a_fault_leaves_the_earlier_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"{old}")

    def stopped() -> None:
        with replaced_whole(path, JSON) as made:
            made.write_bytes(b"{half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert path.read_bytes() == b"{old}"
    assert held(tmp_path) == {"a.json"}


def trace_bytes(tmp_path: Path) -> bytes:
    with zipfile.ZipFile(tmp_path / "z", "w") as archive:
        archive.writestr("positions.npy", b"0" * 100)
        archive.writestr("manifest.json", "{}")
    return (tmp_path / "z").read_bytes()


@pytest.mark.parametrize(
    ("kind", "own"),
    [
        (TIMELINE, gzip.compress(b'{"displayTimeUnit":"ns"}', mtime=0)),
        (PRESET, b"# Calibrated on x\nname: y\n"),
        (page_kind("sweep"), b'<!doctype html><title>s</title><p class="kicker">spikewatt sweep</p>'),
        (LATEX, b"\\begin{tabular}{lr}\n"),
        (JSON, b'{"a": 1}'),
        (TEXT, b"a,b\n1,2\n"),
        (SQLITE, b"SQLite format 3\0rest"),
        (FIGURES[".png"], b"\x89PNG..."),
        (FIGURES[".svg"], b'<?xml version="1.0"?><svg>'),
    ],
)
@pytest.mark.parametrize(
    "other", [b"PK\x03\x04 a zip of something else", gzip.compress(b"diary", mtime=0), b"\x7fELF\0\0"]
)
def test_kinds(tmp_path, kind, own, other):
    path = tmp_path / "x"
    path.write_bytes(own)
    check_writable_file(path, kind)
    path.write_bytes(other)
    with pytest.raises(OutputError, match=r"x: exists and is not an? .*, expected a new path"):
        write(path, kind)
    assert path.read_bytes() == other


@pytest.mark.parametrize("members", [("weights.npy",), ("manifest.json",), ("background.js", "manifest.json")])
def test_a_zip_of_something_else_is_no_trace(tmp_path, members):
    """An extension of a browser is a zip with a manifest.json too."""
    path = tmp_path / "x.npz"
    path.write_bytes(trace_bytes(tmp_path))
    check_writable_file(path, TRACE)
    with zipfile.ZipFile(path, "w") as archive:
        for name in members:
            archive.writestr(name, "{}")
    for kind in (TRACE, MOMENTS):
        with pytest.raises(OutputError, match=f"is not {kind.name}"):
            check_writable_file(path, kind)


def test_files_that_only_name_the_program_stay(tmp_path):
    """A page or a LaTeX file of the user's may speak of spikewatt, and a report is no comparison."""
    path = tmp_path / "x"
    thesis = b"\\documentclass{article} spikewatt \\begin{tabular}{l}"
    for theirs in (b"<title>my notes on spikewatt</title>", b'<p class="kicker">spikewatt report</p>', thesis):
        path.write_bytes(theirs)
        for kind in (page_kind("comparison"), LATEX):
            with pytest.raises(OutputError, match="exists and is not"):
                check_writable_file(path, kind)


def test_a_symbolic_link_is_followed(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "real.json").write_bytes(b"{old}")
    link = tmp_path / "a.json"
    link.symlink_to(tmp_path / "there" / "real.json")
    write(link, JSON)
    assert link.is_symlink()
    assert (tmp_path / "there" / "real.json").read_bytes() == b"{new}"


def test_an_input_of_the_command_is_refused_under_any_name(tmp_path):
    (tmp_path / "in.json").write_bytes(b"{old}")
    (tmp_path / "same.json").hardlink_to(tmp_path / "in.json")
    with pytest.raises(OutputError, match="is an input of this command"):
        check_writable_file(tmp_path / "same.json", JSON, inputs=(None, tmp_path / "in.json", tmp_path / "absent"))


def test_a_read_only_file_is_refused(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"{old}")
    path.chmod(0o444)
    with pytest.raises(OutputError, match="is read-only"):
        write(path, JSON)
    assert path.read_bytes() == b"{old}"


def test_what_is_no_regular_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    os.mkfifo("fifo")
    Path("folder").mkdir()
    server = socket.socket(socket.AF_UNIX)
    server.bind("socket")
    for name, what in (
        ("fifo", "a FIFO"),
        ("folder", "a directory"),
        ("socket", "a socket"),
        ("/dev/null", "a device"),
    ):
        with pytest.raises(OutputError, match=f"is {what}, expected the path of a file"):
            check_writable_file(Path(name), JSON)
    server.close()
    assert held(tmp_path) == {"fifo", "folder", "socket"}


@pytest.mark.parametrize("name", ["a\0b", "x" * 300])
def test_a_path_that_no_file_can_have_is_one_line(tmp_path, name):
    with pytest.raises(OutputError) as caught:
        write(tmp_path / name, JSON)
    assert "\n" not in str(caught.value)


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

KILLED = """
import os, signal, sys
from contextlib import suppress
from pathlib import Path
from simulator.outputs.output_file import JSON, replaced_whole
with replaced_whole(Path(sys.argv[1]), JSON) as made:
    made.write_bytes(b"{half")
    if sys.argv[2] == "copied":
        copy_runs, running = os.pipe()
        if os.fork() == 0:
            os.write(running, b"x")
            signal.pause()
        os.read(copy_runs, 1)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("copied", ["alone", pytest.param("copied", marks=needs_fork)])
def test_what_a_killed_process_left_is_removed_by_the_next_run(tmp_path, copied):
    """Also while a copy of it, made in the middle of its work, lives on."""
    path = tmp_path / "a.json"
    path.write_bytes(b"{old}")
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path), copied], start_new_session=True) as process:
        process.wait()
    try:
        check_what_was_left(tmp_path, path)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def check_what_was_left(tmp_path, path):
    assert path.read_bytes() == b"{old}"
    assert len(held(tmp_path)) == 2
    with replaced_whole(path, JSON) as made:  # a second one at work is no leftover
        write(path, JSON)
        made.write_bytes(b"{late}")
    assert path.read_bytes() == b"{late}"
    assert held(tmp_path) == {"a.json"}


def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path):
    umask = os.umask(0)
    os.umask(umask)
    write(tmp_path / "a.json", JSON)
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o666 & ~umask
