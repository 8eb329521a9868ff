"""No command loses a file of the user's, whatever a downloaded chip, trace or sweep is named."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from program import Done, run_program

from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace_files import save_trace


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    save_trace(synthetic_trace("full", (4, 4), name="tiny"), "tiny.npz")
    return tmp_path


def line(done: Done) -> str:
    assert done.code == 2, done
    (only,) = done.err.splitlines()
    return only


@pytest.mark.parametrize("name", ["../../victim", "/victim", "a/b", "a\0b", "x" * 300, ".."])
def test_a_chip_whose_name_is_a_path_is_refused(tiny: Path, name: str) -> None:
    Path("evil.yaml").write_text(f"extends: loihi-like\nname: {json.dumps(name)}\n")
    assert "evil.yaml:2:7: name: found" in line(run_program("simulate", "--chip", "evil.yaml", "--trace", "tiny.npz"))
    assert not Path("reports").exists()


def test_a_sweep_whose_name_is_a_path_is_refused(tiny: Path) -> None:
    Path("evil.yaml").write_text(
        "name: ../x\nsummary: s\nbase: loihi-like\ntrace: tiny.npz\n"
        "axes: {noc.multicast: [true]}\nobjectives: [energy]\n"
    )
    assert "name: found '../x', expected letters" in run_program("sweep", "evil.yaml").err
    assert not Path("reports").exists()


def test_a_folder_with_another_manifest_stays(tiny: Path, plain_page: None) -> None:
    Path("app").mkdir()
    Path("app/manifest.json").write_text("{}")
    Path("app/thesis.tex").write_text("mine")
    options = ("simulate", "--trace", "tiny.npz", "--no-dense-twin", "--quiet", "--out", "app")
    assert "holds no report" in line(run_program(*options))
    assert Path("app/thesis.tex").read_text() == "mine"
    assert run_program(*options, "--force").code == 0
    assert not Path("app/thesis.tex").exists()
    Path("app/notes.txt").write_text("mine")
    assert run_program(*options).code == 0
    assert Path("app/notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "options",
    [
        ("simulate", "--trace", "tiny.npz", "--timeline", "tiny.npz", "--out", "o", "--quiet"),
        ("synthesize", "--shape", "llama-2-7b", "--like", "tiny.npz", "--out", "tiny.npz"),
    ],
)
def test_an_input_is_no_output(tiny: Path, options: tuple[str, ...]) -> None:
    before = Path("tiny.npz").read_bytes()
    assert "tiny.npz: is an input of this command" in line(run_program(*options))
    assert Path("tiny.npz").read_bytes() == before


def test_a_prompt_is_no_output(tiny: Path) -> None:
    Path("p.txt").write_text("hello")
    done = run_program("capture", "--prefill", "p.txt", "--decode", "2", "--out", "p.txt", "--quiet")
    assert "p.txt: is an input of this command" in line(done)
    assert Path("p.txt").read_text() == "hello"


def identity(path):
    """All that a file is, without the time of its last reading: finding out its kind reads it."""
    found = os.lstat(path)
    return found.st_mode, found.st_ino, found.st_dev, found.st_uid, found.st_gid, found.st_size, found.st_mtime_ns


@pytest.mark.parametrize("make", [os.mkfifo, lambda name: Path(name).write_text("my poem")])
def test_what_is_no_trace_is_not_replaced_by_one(tiny: Path, make) -> None:
    make("there")
    before = identity("there")
    assert line(run_program("synthesize", "--out", "there", "--sizes", "4,4", "--tokens", "1"))
    assert identity("there") == before


STOPPED = """
import os, signal, sys
from simulator.cli import main
from simulator.report import html, report_files

def stop(*args):
    os.kill(os.getpid(), signal.SIGTERM)

report_files.manifest_dict = stop
html.write_page = lambda run, folder: None  # takes seconds
sys.argv = ["spikewatt", "simulate", "--trace", "tiny.npz", "--no-dense-twin", "--quiet", "--out", "o"]
main()
"""


def test_sigterm_leaves_nothing_half_written(tiny: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    command = [sys.executable, "-c", STOPPED]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (128 + signal.SIGTERM, "terminated; no partial output was kept\n")
    assert os.listdir(".") == ["tiny.npz"]
