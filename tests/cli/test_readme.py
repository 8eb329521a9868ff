"""The commands that the README prints for a model and a chip of one's own work as printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from program import run_program

README = Path(__file__).resolve().parents[2] / "README.md"


def test_your_own_model_and_chip(work: Path, inputs: Path) -> None:
    """The shell block under that heading, `DIR` and `FILE` put in, its here-document written as a shell would."""
    text = README.read_text(encoding="utf-8").partition("### Your own model, your own chip")[2]
    (block,) = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    name, chip = re.findall(r"cat > (\S+) <<'END'\n(.*?)END\n", block, re.DOTALL)[0]
    (work / name).write_text(chip, encoding="utf-8")
    commands = [shlex.split(line, comments=True)[1:] for line in block.splitlines() if line.startswith("spikewatt ")]
    assert [words[0] for words in commands] == ["capture", "validate", "simulate"]
    given = {"DIR": inputs / "model", "FILE": inputs / "text.txt"}
    for words in commands:
        done = run_program(*(given.get(word, word) for word in words))
        assert done.code == 0, done.err
    (page,) = work.glob("reports/*/*/report.html")
    assert page.parent.name == "mine"
