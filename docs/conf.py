"""Sphinx configuration: `make docs` builds the pages without warnings."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from simulator import __version__  # noqa: E402
from simulator.config.chip_reference import chip_reference  # noqa: E402
from simulator.energy.claims import claims_table  # noqa: E402

project = "spikewatt"
author = "the spikewatt authors"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"spikewatt {__version__}"
napoleon_google_docstring = False
napoleon_use_rtype = False
autodoc_typehints = "description"
autodoc_member_order = "bysource"


def markdown_table(frame) -> str:  # noqa: ANN001 - a DataFrame, without loading pandas for its name
    """A DataFrame as a Markdown table."""
    rows = [list(frame.columns), ["---"] * len(frame.columns), *frame.astype(str).to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows) + "\n"


generated = HERE / "generated"
generated.mkdir(exist_ok=True)
(generated / "chip_fields.md").write_text(chip_reference(), encoding="utf-8")
(generated / "claims.md").write_text(markdown_table(claims_table()), encoding="utf-8")
exclude_patterns += ["generated"]
