"""Every command and every block of Python in the tutorials runs as it stands, page by page, in an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*sorted((ROOT / "docs" / "tutorials").glob("*.md")), ROOT / "docs" / "nir.md"]
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def script(page):
    """(commands, Python) of a page, each in the order of the page."""
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return ["".join(text for kind, text in found if kind == expected) for expected in ("sh", "python")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_tells_to_do_works(page, tmp_path):
    if page.stem == "nir":
        pytest.importorskip("nir", reason="needs the extra nir")
    commands, code = script(page)
    program = f'spikewatt() {{ "{sys.executable}" -W error::UserWarning -m spikewatt "$@"; }}\n'
    env = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}
    for command in (["bash", "-euc", program + commands], [sys.executable, "-c", code]):
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_pages_have_commands():
    counts = {page.stem: tuple(map(len, map(str.strip, script(page)))) for page in PAGES}
    assert all(any(lengths) for stem, lengths in counts.items() if stem != "index")
