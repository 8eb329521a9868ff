"""The commands that the README prints work as printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from program import run_program

from simulator.energy.silicon_case import silicon_cases
from simulator.energy.silicon_table import recorded_table

README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_four_tasks(work: Path, inputs: Path) -> None:
    """The shell blocks under that heading, `DIR` and `FILE` put in, the here-document written as a shell would.

    The sweep and the search take long; the tutorial for architects runs their like.
    """
    text = README.read_text(encoding="utf-8").partition("## Four tasks")[2]
    block = "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    name, chip = re.findall(r"cat > (\S+) <<'END'\n(.*?)END\n", block, re.DOTALL)[0]
    (work / name).write_text(chip, encoding="utf-8")
    commands = [shlex.split(line, comments=True)[1:] for line in block.splitlines() if line.startswith("spikewatt ")]
    tried = ["capture", "simulate", "validate", "simulate", "explain", "worth", "defend"]
    assert [words[0] for words in commands] == [*tried, "sweep", "optimize"]
    given = {"DIR": inputs / "model", "FILE": inputs / "text.txt"}
    for words in commands[: len(tried)]:
        done = run_program(*(given.get(word, word) for word in words))
        assert done.code == 0, done.err
    assert (work / "reports" / "mine" / "mine" / "report.html").exists()


def test_the_output_is_that_of_today(work: Path) -> None:
    """The block under "What you see" is the beginning of what the first command prints."""
    block = re.findall(r"## What you see\n\n```text\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)[0]
    done = run_program("simulate", "--chip", "loihi-like", "--out", work / "r")
    assert " ".join(done.out.split()).startswith(" ".join(block.split()))


def test_the_misses_are_those_of_the_record() -> None:
    """Per cent under "How far to trust it", each as the recorded table of measurements on silicon has it."""
    text = README.read_text(encoding="utf-8").partition("**Worst miss first.**")[2].partition("Validation")[0]
    errors = {round(abs(float(error.split()[0]))) for error in recorded_table(silicon_cases())["error"]}
    pairs = re.findall(r"(?:(\d+) and )?(\d+) %", " ".join(text.split()))
    printed = {int(number) for pair in pairs for number in pair if number}
    assert len(printed) > 4
    assert printed <= errors


def test_it_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 110
