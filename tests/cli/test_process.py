"""The program as a process of its own: the module, the help, a pipe, a terminal, an old locale."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from program import run_program

COMMANDS = (
    *("simulate", "report", "explain", "compare", "paper", "check"),
    *("capture", "perplexity", "calibrate", "synthesize"),
    *(
        "import-nir",
        "fit",
        "map",
        "optimize",
        "sync",
        "sweep",
        "rerun",
        "claims",
        "defend",
        "band",
        "export-ert",
        "import-ert",
        "breakeven",
        "worth",
        "batch",
    ),
    "validate-silicon",
    *("validate", "chips", "traces", "presets", "sweeps", "schema", "warmup", "mcp"),
)
COLOUR = re.compile(r"\x1b\[[0-9;]*\b(3[0-7]|4[0-7]|9[0-7]|10[0-7]|38|48)[;m]")


def run_module(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environment}
    command = [sys.executable, "-m", "simulator", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=60, check=False)


def test_help_lists_every_command_and_loads_no_numbers() -> None:
    script = "import sys\nsys.argv = ['spikewatt', '--help']\nfrom simulator.cli import main\ntry:\n    main()\n"
    script += "finally:\n    print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert re.findall(r"^│ ([a-z][a-z-]*) {2,}", done.stdout, re.MULTILINE) == list(COMMANDS)
    loaded = set(done.stderr.split())
    assert "simulator.cli" in loaded
    assert not loaded & {"numpy", "numba", "pandas", "matplotlib", "pydantic"}


REFUSED = """
import sys
from simulator.cli import main
for words in ("simulate --chip nope", "sweep nope.yaml", "optimize --chip nope", "batch --chip nope", "rerun nope",
              "explain nope", "compare nope nope", "paper nope", "validate nope.yaml"):
    sys.argv = ["spikewatt", *words.split()]
    try:
        main()
    except SystemExit as stop:
        print(stop.code)
print(*sys.modules)
"""


def test_what_is_refused_by_name_loads_no_kernels_and_no_figures() -> None:
    command = [sys.executable, "-c", REFUSED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    *codes, modules = done.stdout.splitlines()
    assert codes == ["2"] * 9
    assert not set(modules.split()) & {"numba", "matplotlib", "tokenizers"}


def test_the_module_is_the_program(trace_file: Path) -> None:
    done, here = run_module("chips"), run_program("chips")
    assert (done.returncode, done.stdout, done.stderr) == (here.code, here.out, here.err)
    failed = run_module("fit", "--chip", "loihi-lik", "--trace", str(trace_file))
    assert (failed.returncode, failed.stdout) == (2, "")
    assert re.fullmatch(r"error: unknown chip 'loihi-lik', expected one of .*\n", failed.stderr)


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """What the program writes to a terminal of its own."""
    ours, theirs = pty.openpty()
    env = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    env |= {"TERM": "xterm-256color", **environment}
    command = [sys.executable, "-m", "simulator", *arguments]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=subprocess.DEVNULL, env=env) as process:
        os.close(theirs)
        written = b""
        try:
            while part := os.read(ours, 65536):
                written += part
        except OSError:  # how Linux says that the other side has closed
            pass
        os.close(ours)
    assert process.returncode == 0, written
    return written.decode()


@pytest.mark.parametrize("command", ["--help", "fit"])
def test_no_color_is_obeyed_on_a_terminal(command: str, trace_file: Path) -> None:
    arguments = [command] if command == "--help" else [command, "--trace", str(trace_file)]
    assert "\x1b[" in on_a_terminal(*arguments)  # so that the check below means something
    assert not COLOUR.search(on_a_terminal(*arguments, NO_COLOR="1"))


def test_a_pipe_gets_no_escape_codes(trace_file: Path) -> None:
    done = run_module("fit", "--trace", str(trace_file), TERM="xterm-256color")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr


def test_a_reader_that_has_gone_is_no_crash() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "simulator", "schema"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_an_output_that_is_ascii_stops_nothing(trace_file: Path) -> None:
    for arguments in (["--help"], ["chips"], ["schema"], ["fit", "--trace", str(trace_file)]):
        done = run_module(*arguments, PYTHONIOENCODING="ascii")
        assert done.returncode == 0, done.stderr
        assert done.stdout.isascii()


def test_a_file_full_of_faults_fills_no_terminal(work: Path) -> None:
    """Of 151 problems 100 are shown, and of a very long line both ends."""
    keys = "\n".join(f"k{i}: 1" for i in range(150))
    Path("c.yaml").write_text(f"extends: loihi-like\nname: c\nreplay: {'k' * 5000}\n{keys}")
    done = run_program("validate", "c.yaml")
    lines = done.err.splitlines()
    assert (done.code, len(lines), max(map(len, lines)) < 2100) == (2, 101, True)
    assert re.match("error: c.yaml:3:9: replay: found text 'kkk.* expected one of", lines[0])
    assert lines[-1] == "error: there are more problems, which are not shown"
