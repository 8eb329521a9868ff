"""A traceback reaches no user and is not lost: one line, an exit code, a private log."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from program import Done, run_program

from simulator.errors import ConservationError, SpikewattError

COMMAND = "simulator.config.list_chips"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "spikewatt"


def failing(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> Done:
    def fail() -> None:
        raise error

    monkeypatch.setattr(COMMAND, fail)
    return run_program("chips")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (TypeError("no\nfoo"), 70, r"unexpected TypeError: no\\nfoo"),
        (ConservationError("sums differ"), 70, "unexpected ConservationError: sums differ"),
        (EOFError("cut"), 70, "unexpected RuntimeError: unexpected end of a file: cut"),
        (RecursionError("deep"), 70, "unexpected RecursionError: deep"),
        (MemoryError(), 70, "not enough memory"),
        (OSError(5, "Input/output error", "a\x1bb"), 2, r"a\\x1bb: Input/output error"),
    ],
)
def test_an_unexpected_error_is_one_line_and_a_private_log(
    error: BaseException, code: int, words: str, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = failing(error, monkeypatch)
    assert (done.code, done.out) == (code, "")
    (line,) = done.err.splitlines()
    assert re.match(f"error: {words}", line)
    (log,) = state.iterdir()
    assert str(log) in line
    assert "Traceback (most recent call last)" in log.read_text()
    assert (stat.S_IMODE(log.stat().st_mode), stat.S_IMODE(state.stat().st_mode)) == (0o600, 0o700)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            PermissionError(13, "Permission denied", "a\x1bb"),
            r"a\x1bb: Permission denied, expected files and folders that you may use",
        ),
        (OSError(28, "No space left on device"), "the output: No space left on device, expected room to write"),
        (OSError(30, "Read-only file system", "a"), "a: Read-only file system, expected a place that can be written"),
    ],
)
def test_what_the_system_refuses_in_clear_words_needs_no_log(
    error: OSError, line: str, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = failing(error, monkeypatch)
    assert (done.code, done.out, done.err) == (2, "", f"error: {line}\n")
    assert not state.exists()


LONG = "a" * 5000


@pytest.mark.parametrize(
    "arguments",
    [
        ("simulate", "--trace", LONG),
        ("simulate", "--chip", f"{LONG}.yaml"),
        ("simulate", "--out", LONG),
        ("validate", LONG),
        ("sweep", f"./{LONG}"),
        ("capture", "--model", LONG, "--out", "t.npz"),
        ("explain", LONG),
        ("check", LONG),
        ("defend", f"{LONG}.yaml"),
    ],
    ids=lambda arguments: " ".join(arguments)[:20],
)
def test_a_path_that_no_system_takes_is_refused_in_a_line_without_a_log(
    arguments: tuple[str, ...], state: Path
) -> None:
    done = run_program(*arguments)
    assert done.code == 2
    assert "traceback" not in done.err
    assert not state.exists()


def test_a_name_in_a_file_that_no_system_takes_is_refused_too(state: Path, tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    lines = f"name: s\nsummary: s\nbase: loihi-like\ntrace: {LONG}\naxes: {{noc.buffer_flits: [4, 8]}}\nmode: grid\n"
    file.write_text(f"{lines}objectives: [energy.per_token_pj]\n")
    done = run_program("validate", file)
    assert done.code == 2
    assert re.fullmatch(r"error: \S{300}: File name too long, expected a shorter name\n", done.err)
    assert not state.exists()


def test_a_state_folder_that_is_a_file_moves_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "spikewatt").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    done = failing(TypeError("x"), monkeypatch)
    (log,) = tmp_path.glob("spikewatt-*/crash-*.log")
    assert str(log) in done.err


def test_every_problem_is_one_line_whatever_it_quotes(monkeypatch: pytest.MonkeyPatch) -> None:
    done = failing(SpikewattError(["a\nb", "c\x1b[2Jd\u202ee"]), monkeypatch)
    assert done.err.split("\n") == [r"error: a\nb", r"error: c\x1b[2Jd\u202ee", ""]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_an_output_that_is_full_is_one_line(state: Path) -> None:
    for command in ("chips", "schema"):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "simulator", command],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        assert done.returncode == 2
        assert done.stderr == "error: the output: No space left on device, expected room to write\n"
    assert not state.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_errors_that_nobody_can_read_still_have_their_exit_code() -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "simulator", "validate", "no-such.yaml"]
        assert subprocess.run(command, stdout=full, stderr=full, check=False).returncode == 2
