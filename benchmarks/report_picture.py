"""Picture of the top of a report, as a browser shows it: the one of the README, `docs/report.png`.

    python benchmarks/report_picture.py [--report reports/loihi-like/shakespeare-ternary-T15] [--out docs/report.png]

Needs the report (`make simulate CHIP=loihi-like` writes it) and Chromium.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
WIDTH, HEIGHT = 1200, 1090  # down to the end of the first figure
COLORS = 64  # text and rules alone: more would double the file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--report", type=Path, default=ROOT / "reports" / "loihi-like" / "shakespeare-ternary-T15")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "report.png")
    arguments = parser.parse_args()
    page = arguments.report / "report.html"
    if not page.is_file():
        sys.exit(f"{page}: no such report; `make simulate CHIP=loihi-like` writes it")
    picture = Image.open(io.BytesIO(screenshot(page))).convert("RGB").crop((0, 0, WIDTH, HEIGHT))
    picture.quantize(COLORS, dither=Image.Dither.NONE).save(arguments.out, optimize=True)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1000:.0f} kB")


def screenshot(page: Path) -> bytes:
    """The page in a window of the picture's width, as PNG."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        sys.exit("no browser here: needs chromium (Debian package `chromium`)")
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "page.png"
        command = [browser, "--headless", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]
        command += [f"--user-data-dir={folder}/profile", f"--window-size={WIDTH},{HEIGHT + 200}"]
        command += ["--no-sandbox"] if os.geteuid() == 0 else []
        command += [f"--screenshot={picture}", page.resolve().as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        return picture.read_bytes()


if __name__ == "__main__":
    main()
