"""Mutated inputs of every reader, through the command line in this process.

Each ends with code 0, 1 (a finding, as of ``rerun``) or 2 with a line that says why. None ends with a traceback, takes
more than 20 s, loses a file of the user or leaves a half-written one. 600 inputs, the same each time. With
``SPIKEWATT_FUZZ`` so many, of the seed ``SPIKEWATT_SEED``, or of a new one, which the summary names.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from program import Done, run_program
from surfaces import SURFACES, Seeds, Surface

from simulator.outputs.workspace import SUFFIX
from simulator.report.result_json import leaves

INPUTS = int(os.environ.get("SPIKEWATT_FUZZ", "600"))
LONGEST_S = 20
MEMORY_BYTES = 6 << 30  # of addresses; more than an input of a few kilobytes may ask for
SHARES = sum(SURFACES.values())
MINE = {"manifest.json": "{}", "thesis.tex": "mine"}  # of the user's, in a folder that looks like a report


class Hung(BaseException):
    """An input that takes too long; no Exception, for the program must not catch it."""


@pytest.fixture(autouse=True)
def plain_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No figures, which take seconds to draw and have tests of their own; crash logs into a folder of the test."""
    monkeypatch.setattr("simulator.report.html.write_page", lambda run, folder: None)
    monkeypatch.setattr("simulator.report.paper.paper_figures.paper_figures", lambda reports: ())
    monkeypatch.setattr("simulator.sweep.picture.save_picture", lambda found: None)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@contextmanager
def bounded() -> Iterator[None]:
    """At most `LONGEST_S` seconds and `MEMORY_BYTES`, where the system can bound them."""
    if sys.platform == "win32":
        yield
        return
    import resource

    def stop(*_: object) -> None:
        raise Hung

    before, limits = signal.signal(signal.SIGALRM, stop), resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, limits[1]))
    signal.alarm(LONGEST_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_DATA, limits)


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.__name__)
def test_mutated_inputs_are_read_or_refused(
    surface: Surface, seeds: Seeds, fuzz_folder: Path, fuzz_seed: int, counts: dict[str, Counter[str]]
) -> None:
    found = counts.setdefault(surface.__name__, Counter())
    problems: dict[str, str] = {}  # by its last line, so that many inputs of one defect are one

    @seed(fuzz_seed)
    @settings(
        max_examples=-(-INPUTS * SURFACES[surface] // SHARES),
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.randoms(use_true_random=True))
    def check(rng: Random) -> None:
        work = fuzz_folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        make_work(work)
        arguments = surface(rng, seeds, work)
        try:
            with chdir(work):
                try_input(arguments, found)
        except AssertionError as error:
            text = str(error).split("\nassert")[0]
            kept = fuzz_folder / f"{surface.__name__}-{found['inputs']}"
            shutil.copytree(work, kept, symlinks=True, dirs_exist_ok=True)
            problems.setdefault(text.strip().splitlines()[-1], f"input kept in {kept}\n{text}")

    check()
    assert not problems, "\n\n".join([f"{len(problems)} defects", *list(problems.values())[:12]])


def try_input(arguments: list[str], found: Counter[str]) -> None:
    """Run the program in the working folder, count what comes of it, and check it."""
    found["inputs"] += 1
    try:
        with bounded():
            done = run_program(*arguments)
    except Hung:
        found["hung"] += 1
        raise AssertionError(f"{arguments}\nhung {arguments[0]}: more than {LONGEST_S} s") from None
    found[outcome(done)] += 1
    lost, left = lost_files(Path()), leftovers(Path())
    found.update(lost=len(lost), leftovers=len(left))
    assert not lost, f"{arguments}\nlost {lost}"
    assert not left, f"{arguments}\nleft {left}"
    check_outcome(done, arguments)


def make_work(work: Path) -> None:
    """A folder with a file of the user's in it that looks like the program's own."""
    (work / "mine").mkdir(parents=True)
    for name, text in MINE.items():
        (work / "mine" / name).write_text(text)


def outcome(done: Done) -> str:
    return {0: "accepted", 1: "differs", 2: "refused"}.get(done.code, "crashed")


def check_outcome(done: Done, arguments: list[str]) -> None:
    """No traceback; a refusal says why; what was simulated is finite and not negative."""
    about = f"{arguments}\n{done.err[-3000:]}"
    if done.code not in (0, 1, 2):
        about += crash_log(done.err)
    assert done.code in (0, 1, 2), about
    assert "Traceback (most recent call last)" not in done.out + done.err, about
    assert "(the traceback is in" not in done.err, about + crash_log(done.err)
    assert not any(c in done.err for c in "\x1b\0"), about
    assert done.code != 2 or "error" in done.err.lower(), about
    if done.code == 0 and arguments[0] == "simulate":
        check_numbers(json.loads(next(Path().glob("*/result.json")).read_text("utf-8")))


def crash_log(err: str) -> str:
    """The log that an error line names."""
    path = Path(err.rpartition("the traceback is in ")[2].split(")")[0])
    return path.read_text("utf-8")[-3000:] if path.is_file() else ""


def check_numbers(result: dict[str, Any]) -> None:
    for path, value in leaves({key: result[key] for key in ("energy", "latency", "counts", "utilization")}):
        if isinstance(value, (int, float)):
            assert math.isfinite(value), (path, value)
            assert value >= 0 or "dense_twin" in path, (path, value)


def lost_files(work: Path) -> list[str]:
    """The user's files that are gone or have another content."""
    files = {name: work / "mine" / name for name in MINE}
    return [name for name, path in files.items() if not path.is_file() or path.read_text() != MINE[name]]


def leftovers(work: Path) -> list[str]:
    """Half-written files and folders."""
    return [str(path) for path in work.rglob("*") if path.name.endswith((SUFFIX, ".tmp", ".old"))]
