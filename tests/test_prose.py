"""How pages, help and messages are written: short sentences, and none of the words that readers stumble over."""

import ast
import re
from pathlib import Path

import pytest
import yaml
from prose import (
    HELPS,
    clauses,
    comments,
    docstrings,
    error_texts,
    faults,
    help_texts,
    markdown_sentences,
    messages,
    yaml_texts,
)

from simulator.config import load_chip
from simulator.config.chip_inheritance import shipped_chips
from simulator.mapping.place import map_trace
from simulator.shipped import shipped_folder
from simulator.simulation.assumptions import assumptions
from simulator.trace.synthetic import synthetic_trace

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md")),
    *(path for path in sorted((ROOT / "docs").rglob("*.md")) if not {"generated", "_build"} & set(path.parts)),
    *(ROOT / folder / "README.md" for folder in ("chip_configs", "traces", "reports")),
    *(ROOT / "simulator" / "model" / name for name in ("ENCODING.md", "TORCH.md")),
]
FOLDERS_OF_TEXT = ("simulator", "chip_configs", "benchmarks")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages(page):
    assert faults(page.name, markdown_sentences(page.read_text(encoding="utf-8"))) == []


def test_glossary():
    text = (ROOT / "docs" / "glossary.rst").read_text(encoding="utf-8")
    assert faults("glossary.rst", markdown_sentences("\n".join(map(str.strip, text.splitlines())))) == []


def test_help():
    texts = list(help_texts())
    assert len(texts) > 150  # every command and option, and not what one of them prints
    sentences = [clause for _, text in texts for clause in clauses(text)]
    assert faults("help", sentences) == []


def test_messages():
    """Errors, warnings, captions and findings: all text of the program that is no docstring, no formula and no list."""
    texts = [text for _, text in messages(ROOT / "simulator") if is_prose(text)]
    assert faults("messages", [clause for text in texts for clause in clauses(text)]) == []


def test_docstrings():
    """Those of modules like pages; those of classes and functions, which list columns and shapes, for their words."""
    for place, text in docstrings(ROOT / "simulator", ast.Module):
        assert [fault for fault in faults(place, markdown_sentences(text)) if "words a sentence" not in fault] == []
    rest = [text for _, text in docstrings(ROOT / "simulator", ast.ClassDef, ast.FunctionDef)]
    sentences = [sentence for text in rest for sentence in markdown_sentences(text)]
    assert [fault for fault in faults("docstrings", sentences) if "expected at most 40" not in fault] == []


def test_comments():
    """Comments of the program, of its data and of the chip files, for the length of sentences and for their words."""
    files = [path for folder in FOLDERS_OF_TEXT for kind in ("*.py", "*.yaml") for path in (ROOT / folder).rglob(kind)]
    found = {path: faults("", [c for text in comments(path) for c in clauses(text)]) for path in files}
    assert len(found) > 300
    assert {str(path.relative_to(ROOT)): lines for path, lines in found.items() if lines} == {}


def test_texts_of_data():
    """Notes on prices, silicon cases, claims and presets."""
    files = [path for folder in FOLDERS_OF_TEXT for path in sorted((ROOT / folder).rglob("*.yaml"))]
    texts = {path: list(yaml_texts(yaml.safe_load(path.read_text(encoding="utf-8")))) for path in files}
    assert sum(map(len, texts.values())) > 400
    found = {path: faults("", [c for text in lines for c in clauses(text)]) for path, lines in texts.items()}
    assert {str(path.relative_to(ROOT)): lines for path, lines in found.items() if lines} == {}


def is_prose(text):
    """Whether a string is a text: no regular expression, LaTeX or list of names."""
    return "\\" not in text and text.count("_") < len(text.split())


@pytest.mark.parametrize("chip", shipped_chips(shipped_folder("chip_configs")))
def test_warnings(chip):
    """What runs say that they assume, under every schedule and synchronization."""
    trace = synthetic_trace("full", [16, 16, 8])
    for override in ("pipelined", "sequential"):
        lines = assumptions(map_trace(trace, load_chip(chip, [f"schedule.kind={override}"])))
        assert faults(chip, [clause for line in lines for clause in clauses(line)]) == []
        assert [line for line in lines if not re.search(r"--[a-z]|\b[a-z_]+\.[a-z_*]", line)] == []  # an option


def test_errors_say_what_was_expected_or_what_helps():
    texts = list(error_texts(ROOT / "simulator"))
    assert len(texts) > 250
    assert [f"{place}: {text}" for place, text in texts if not HELPS.search(text)] == []


def test_the_measure_finds_what_it_looks_for():
    long = " ".join(["word"] * 41) + "."
    assert any("41 words" in fault for fault in faults("page", markdown_sentences(long)))
    assert any(
        "'beside'" in fault for fault in faults("page", markdown_sentences("The chip beside its twin is large."))
    )
    assert (
        markdown_sentences("| a | table |\n\n# A heading here now\n\n```sh\nspikewatt simulate now please\n```\n") == []
    )
