"""Sphinx configuration: `make docs` builds the pages without warnings."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import inspect  # noqa: E402

import gallery  # noqa: E402
import latex2mathml.converter  # noqa: E402
import typer  # noqa: E402
from docutils import nodes  # noqa: E402
from typer.cli import get_docs_for_click  # noqa: E402

import spikewatt  # noqa: E402
from simulator import __version__  # noqa: E402
from simulator.cli import app  # noqa: E402
from simulator.config.chip_reference import chip_reference  # noqa: E402
from simulator.energy.claim_verdict import claims_table  # noqa: E402
from simulator.energy.silicon_case import silicon_cases  # noqa: E402
from simulator.energy.silicon_table import recorded_table  # noqa: E402

project = "spikewatt"
author = "the spikewatt authors"
copyright = f"2026, {author}"
smartquotes = False  # `--out` in a help text stays `--out`
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
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


def commands() -> str:
    """The page of all commands, as typer writes it."""
    command = typer.main.get_command(app)
    for one in command.commands.values():
        one.short_help = (one.help or "").partition("\n\n")[0]  # the list of all commands cuts long ones otherwise
    context = typer.Context(command, info_name="spikewatt")
    lines = get_docs_for_click(obj=command, ctx=context, name="spikewatt").splitlines()
    return "\n".join(["# Commands", *lines[1:]]) + "\n"


def public_names() -> str:
    """A directive of autodoc for every public name, by its public path: classes after functions."""
    found = [(inspect.isclass(getattr(spikewatt, name)), name) for name in spikewatt.__all__]
    lines = [line for cls, name in sorted(found) for line in directive("class" if cls else "function", name)]
    return "\n".join(["```{eval-rst}", *lines, "```"]) + "\n"


def directive(kind: str, name: str) -> list[str]:
    """The lines of reStructuredText that print the docstring of a public name."""
    return [f".. auto{kind}:: spikewatt.{name}", *(["   :members:"] if kind == "class" else []), ""]


generated = HERE / "generated"
generated.mkdir(exist_ok=True)
(generated / "chip_fields.md").write_text(chip_reference(), encoding="utf-8")
(generated / "claims.md").write_text(markdown_table(claims_table()), encoding="utf-8")
silicon = recorded_table(silicon_cases()).drop(columns=["chip", "published"])
(generated / "silicon.md").write_text(markdown_table(silicon), encoding="utf-8")
(generated / "commands.md").write_text(commands(), encoding="utf-8")
(generated / "public_names.md").write_text(public_names(), encoding="utf-8")
(generated / "gallery.md").write_text(gallery.write_gallery(generated / "gallery"), encoding="utf-8")
exclude_patterns += ["generated"]
html_static_path = ["_static"]
html_css_files = ["manual.css"]


# Formulas as MathML, which browsers draw themselves: the pages need no network.
def mathml(display: str):  # noqa: ANN201 - a visitor of Sphinx
    """A visitor that writes a formula of the manual as MathML."""

    def visit(translator, node) -> None:  # noqa: ANN001 - Sphinx passes them
        tag = "div" if display == "block" else "span"
        formula = latex2mathml.converter.convert(node.astext(), display=display)
        translator.body.append(f'<{tag} class="math" style="overflow-y: hidden">{formula}</{tag}>')
        raise nodes.SkipNode

    return visit


def setup(app) -> dict[str, bool]:  # noqa: ANN001 - Sphinx passes it
    """Register the writer of formulas."""
    app.add_html_math_renderer("mathml", (mathml("inline"), None), (mathml("block"), None))
    return {"parallel_read_safe": True}


html_math_renderer = "mathml"
