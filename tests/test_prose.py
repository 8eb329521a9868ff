"""How pages, help and messages are written: short sentences, and none of the words that readers stumble over."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from prose import MEAN_WORDS, MOST_WORDS, faults, markdown_sentences, messages, n_words

ROOT = Path(__file__).resolve().parents[1]
# A specification that is still to be rewritten: sentences of more than 40 words.
LATER = {"ENCODING.md"}
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md")),
    *(path for path in sorted((ROOT / "docs").rglob("*.md")) if not {"generated", "_build"} & set(path.parts)),
    *(ROOT / folder / "README.md" for folder in ("chip_configs", "traces", "reports")),
    ROOT / "simulator" / "model" / "TORCH.md",
]


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in LATER], ids=lambda page: page.name)
def test_pages(page):
    assert faults(page.name, markdown_sentences(page.read_text(encoding="utf-8"))) == []


def test_help():
    program = [sys.executable, "-m", "simulator", "simulate", "--help"]
    done = subprocess.run(program, capture_output=True, text=True, check=True, cwd=ROOT)
    assert not re.search(r"\b(beside|told|wanted|mend)\b", done.stdout)


def test_messages():
    """Mean over all; a message is a sentence or several clauses between semicolons."""
    clauses = [clause for _, text in messages(ROOT / "simulator") for clause in re.split(r"[;:.] ", text)]
    lengths = [n_words(clause) for clause in clauses if n_words(clause) > 2]
    assert sum(lengths) / len(lengths) <= MEAN_WORDS
    assert (
        sum(length > MOST_WORDS for length in lengths) <= 3
    )  # a regular expression, a list of names, a template of LaTeX


def test_the_measure_finds_what_it_looks_for():
    long = " ".join(["word"] * 41) + "."
    assert any("41 words" in fault for fault in faults("page", markdown_sentences(long)))
    assert any(
        "'beside'" in fault for fault in faults("page", markdown_sentences("The chip beside its twin is large."))
    )
    assert (
        markdown_sentences("| a | table |\n\n# A heading here now\n\n```sh\nspikewatt simulate now please\n```\n") == []
    )
