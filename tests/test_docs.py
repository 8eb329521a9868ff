"""The documentation builds without a warning, and its reference names every key of a chip file."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.config.chip import ChipConfig
from simulator.config.chip_reference import chip_reference

ROOT = Path(__file__).resolve().parents[1]


def test_the_pages_build_without_warnings(tmp_path):
    if any(importlib.util.find_spec(name) is None for name in ("sphinx", "myst_parser", "furo")):
        pytest.skip("needs the extra docs: sphinx, myst-parser, furo")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "-b",
        "html",
        "-d",
        tmp_path / "trees",
        ROOT / "docs",
        tmp_path / "out",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    page = (tmp_path / "out" / "chip_file.html").read_text(encoding="utf-8")
    assert "flit_bits" in page


def test_the_reference_names_every_key():
    reference = chip_reference()
    for name in ("name", "static_power", "flit_bits", "word_read", "included_in", "barrier", "multicast"):
        assert f"| `{name}` |" in reference
    assert all(f"| `{key}` |" in reference for key in ChipConfig.model_fields)
    assert "| `capacity` | a size such as '128 KiB' | required |" in reference
    assert "| `value` | an energy such as '23.6 pJ' | not set |" in reference
