"""What the tests of the command line share: a tiny model, a tiny trace, and the program itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from program import Done, run_program
from tiny_model import write_tiny_model

from simulator.report.run import Run

PASSAGES = "hello world, this is a text.\n<|endoftext|>\nanother one\n"


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``tiny.npz``, ``model/`` and ``text.txt``; no test changes it."""
    folder = tmp_path_factory.mktemp("inputs")
    assert run_program("synthesize", "--sizes", "12,8,4", "--tokens", 2, "--out", folder / "tiny.npz").code == 0
    write_tiny_model(folder / "model")
    (folder / "text.txt").write_text(PASSAGES, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def trace_file(inputs: Path) -> Path:
    return inputs / "tiny.npz"


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def plain_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of one line instead of the figures, which take seconds to draw and have tests of their own."""

    def write(run: Run, folder: Path) -> None:
        (folder / "report.html").write_text(run.chip.name, encoding="utf-8")

    monkeypatch.setattr("simulator.report.html.write_page", write)


@pytest.fixture
def simulate(trace_file: Path, plain_page: None) -> Callable[..., Done]:
    """Simulate the tiny trace without the dense twin and the figures."""
    return lambda *more: run_program("simulate", "--trace", trace_file, "--no-dense-twin", *more)


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything below ``folder``, hidden files too: path -> content, None for a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


@pytest.fixture
def snapshot() -> Callable[[Path], dict[str, bytes | None]]:
    return tree


@pytest.fixture
def refused() -> Callable[[Done], str]:
    """Asserts that a command ended with one error line and nothing else, and returns the line without ``error: ``."""

    def line_of(done: Done) -> str:
        assert (done.code, done.out) == (2, "")
        (line,) = done.err.splitlines()
        assert line.startswith("error: ")
        return line.removeprefix("error: ")

    return line_of
