"""Pages in a headless browser: what a script of the test finds in frames, and what the browser said of them."""

import json
import os
import re
import shutil
import subprocess

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

FRAMES = """<!DOCTYPE html><html><body>{frames}<pre id="found"></pre><script>
window.addEventListener("load", () => {{
  const found = {{}};
  for (const frame of document.querySelectorAll("iframe")) {{
    const page = frame.contentDocument.documentElement;
    found[frame.id] = ({look})(page, frame.contentWindow);
  }}
  document.getElementById("found").textContent = JSON.stringify(found);
}});
</script></body></html>"""


def look(folder, frames, script, dark=False, scripts=True):
    """Open ``frames`` (id -> (address relative to ``folder``, width in px)) and run ``script`` on each root element.

    With ``dark`` the reader prefers dark colours; without ``scripts`` those of the frames do not run.

    Returns
    -------
    tuple
        Id -> what the script returned, and the lines that the browser wrote to its console.
    """
    if BROWSER is None:
        pytest.skip("no browser here: needs chromium (Debian package `chromium`)")
    sandbox = "" if scripts else ' sandbox="allow-same-origin"'
    elements = "".join(
        f'<iframe id="{name}" src="{address}" style="width: {width}px; height: 900px"{sandbox}></iframe>'
        for name, (address, width) in frames.items()
    )
    page = folder / "frames.html"
    page.write_text(FRAMES.format(frames=elements, look=script), encoding="utf-8")
    command = [BROWSER, "--headless", "--disable-gpu", "--no-first-run", "--enable-logging=stderr", "--dump-dom"]
    command += ["--allow-file-access-from-files", f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=5000"]
    command += ["--force-dark-mode"] if dark else []
    command += ["--no-sandbox"] if os.geteuid() == 0 else []
    done = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found is not None, done.stderr
    assert found[1], done.stderr
    text = found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return json.loads(text), re.findall(r"CONSOLE.*", done.stderr)
