"""Every command that writes a file: what is no file of its own stays as it is, and is named in one line."""

from __future__ import annotations

import os
import socket
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from program import Done, run_program
from tiny_model import write_tiny_model

PRESET = Path(__file__).resolve().parents[2] / "simulator/model/presets/sdllm.yaml"

# Command -> its options in front of the path of the output.
FILE_COMMANDS: dict[str, tuple[str, ...]] = {
    "synthesize": ("synthesize", "--sizes", "4,4", "--tokens", "1", "--out"),
    "simulate": ("simulate", "--trace", "tiny.npz", "--out", "o", "--quiet", "--timeline"),
    "capture": ("capture", "--model", "model", "--text", "text.txt", "--tokens", "4", "--quiet", "--out"),
    "calibrate": ("calibrate", "--model", "model", "--text", "text.txt", "--tokens", "4", "--quiet", "--out"),
    "optimize": ("optimize", "--trace", "tiny.npz", "--no-check", "--quiet", "--save"),
    "import-nir": ("import-nir", "net.nir", "--spikes", "spikes.npz", "--out"),
}
FOLDER_COMMANDS: dict[str, tuple[str, ...]] = {
    "simulate": ("simulate", "--trace", "tiny.npz", "--quiet", "--no-dense-twin", "--out"),
    "sweep": ("sweep", "sweep.yaml", "--quiet", "--out"),
    "paper": ("paper", "report", "--out"),
    "rerun": ("rerun", "0", "--in", "sweeps", "--out"),
}
SWEEP = """
{name: s, summary: one point, base: loihi-like, trace: tiny.npz, axes: {noc.multicast: [true]},
 objectives: [energy.per_token_pj]}
"""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("walk")
    assert run_program("synthesize", "--sizes", "4,4", "--tokens", "1", "--out", folder / "tiny.npz").code == 0
    write_tiny_model(folder / "model")
    (folder / "text.txt").write_text("hello world and more of it")
    (folder / "sweep.yaml").write_text(SWEEP)
    for name in ("net.nir", "spikes.npz"):
        (folder / name).write_bytes(b"not looked at before the output")
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


def refused(done: Done) -> str:
    assert (done.code, done.out) == (2, ""), done
    assert "error" in done.err
    return done.err


def identity(path: Path) -> tuple[object, ...]:
    """All that a file is, but when it was read."""
    found = os.lstat(path)
    content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
    return found.st_mode, found.st_ino, found.st_rdev, found.st_mtime_ns, content


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def make_device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("the system lets only the superuser make a device")


HAZARDS = {
    "poem": lambda path: path.write_text("my poem\n"),
    "folder": lambda path: path.mkdir(),
    "fifo": os.mkfifo,
    "socket": make_socket,
    "device": make_device,
    "link-to-poem": lambda path: path.symlink_to("poem.txt"),
    "read-only": lambda path: (path.touch(), path.chmod(0o444)),
}


def assert_stays(command: Sequence[str], hazard: str, there: Path) -> None:
    """A command refuses what it finds at its output, by name, and leaves it as it is."""
    (there.parent / "poem.txt").write_text("my poem\n")
    HAZARDS[hazard](there)
    before = identity(there)
    assert there.name in refused(run_program(*command, there.name))
    assert identity(there) == before


@pytest.mark.parametrize("hazard", HAZARDS)
@pytest.mark.parametrize("command", FILE_COMMANDS)
def test_what_is_no_output_of_the_command_stays(command: str, hazard: str, inputs: Path) -> None:
    assert_stays(FILE_COMMANDS[command], hazard, inputs / f"{command}-{hazard}")
    assert (inputs / "poem.txt").read_text() == "my poem\n"
    assert not (inputs / "o").exists()


@pytest.mark.parametrize("hazard", ["poem", "fifo", "socket", "device", "link-to-poem"])
@pytest.mark.parametrize("command", FOLDER_COMMANDS)
def test_what_is_no_folder_stays(command: str, hazard: str, inputs: Path) -> None:
    assert_stays(FOLDER_COMMANDS[command], hazard, inputs / f"{command}-in-{hazard}")


@pytest.mark.parametrize("path", ["C:\\out\\a.npz", "c:/out/a.npz", "out\\a.npz"])
def test_a_path_of_windows_is_refused_elsewhere(path: str, inputs: Path) -> None:
    if os.name == "nt":
        pytest.skip("here such a path is right")
    for command in ("synthesize", "simulate"):
        assert "a path of Windows" in refused(run_program(*FILE_COMMANDS[command], path))
    assert "a path of Windows" in refused(run_program(*FOLDER_COMMANDS["simulate"], path))


def test_an_input_in_the_folder_of_the_output_is_not_removed(inputs: Path) -> None:
    box = inputs / "box"
    box.mkdir()
    (box / "t.npz").write_bytes((inputs / "tiny.npz").read_bytes())
    options = ("simulate", "--trace", "box/t.npz", "--no-dense-twin", "--quiet", "--out", "box")
    assert "box/t.npz, an input of this command" in refused(run_program(*options, "--force"))
    assert (box / "t.npz").exists()


def test_a_preset_is_not_replaced_by_its_calibration(inputs: Path) -> None:
    mine = inputs / "mine.yaml"
    mine.write_text("# Calibrated\n" + PRESET.read_text())
    before = mine.read_bytes()
    done = run_program(*FILE_COMMANDS["calibrate"], "mine.yaml", "--preset", "mine.yaml")
    assert "mine.yaml: is an input of this command" in refused(done)
    assert mine.read_bytes() == before


def test_a_clock_that_goes_back_changes_nothing(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    clock = iter(range(10**9, 0, -3600))
    for folder in ("now", "then"):
        (inputs / folder).mkdir()
        assert run_program("synthesize", "--sizes", "4,4", "--tokens", "1", "--out", f"{folder}/t.npz").code == 0
        assert run_program(*FILE_COMMANDS["optimize"], f"{folder}/m.yaml").code == 0
        made.append([(inputs / folder / name).read_bytes() for name in ("t.npz", "m.yaml")])
        monkeypatch.setattr(time, "time", lambda: float(next(clock)))
    assert made[0] == made[1]
