"""Measures of English text: sentences of Markdown and of the program's messages, and words that it avoids."""

from __future__ import annotations

import ast
import inspect
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

MEAN_WORDS, MOST_WORDS = 25, 40
# Left column of the style guide: words that a reader of English stumbles over here, with what to write instead.
AVOIDED = {
    r"beside(?! (the|a|an) point)": "next to, compared with",
    r"told": "reported",
    r"wanted": "expected",
    r"mend(s|ed|ing)?": "fix",
    r"(?<!under )ways?": "path, or what it is",
    r"homes?(?! (core|folder|directory))": "home core",
    r"made of": "computed from, consists of",
    r"taken to fit": "assumed to fit",
    r"vouch(es)?": "apply",
    r"no record is kept": "is not recorded",
    r"(?<!there )is none": "does not exist",
}
ERRORS = {"SpikewattError", "TraceError", "ModelError", "CapacityError", "OutputError", "UncostedError"}
# A line about a fault says what was expected or what helps, or it passes on the reason that the system or a file gives.
HELPS = re.compile(
    r"expected|limit|; |no such|needs?|requires|missing|cannot|add |install|\bnot JSON|(: |,"
    " )'?X'?$|^'?X'?$"
)
WORD = re.compile(r"[A-Za-z][A-Za-z'-]*|\d[\d.,]*")
END = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!et al\.)(?<!\bvs\.)(?<!\bno\.)\s+(?=[A-Z`*(\[])|\n\n+|:\n|;\n")


def markdown_sentences(text: str) -> list[str]:
    """Sentences of the running text: no code, tables, pictures or headings; each item of a list ends a sentence."""
    text = re.sub(r"^(```|~~~|:::).*?^\1\s*$", "\n", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"<[^>]+>", " ", text)
    text = re.sub(r"\$\$.*?\$\$", " ", text, flags=re.DOTALL)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    lines = []
    for line in text.splitlines():
        if re.match(r"\s*(\||#|    |:::|\.\. |=+ )", line) or re.fullmatch(r"\s*[a-z_]+(, [a-z_]+)*", line):
            lines.append("")
        elif re.match(r"\s*([-*+]|\d+\.)\s", line):
            lines += ["", re.sub(r"^\s*([-*+]|\d+\.)\s+", "", line)]
        else:
            lines.append(line.strip())
    return [s for s in (" ".join(part.split()) for part in END.split("\n".join(lines))) if n_words(s) > 2]


def n_words(sentence: str) -> int:
    """Words and numbers of a sentence; a piece of code is one word."""
    return len(WORD.findall(re.sub(r"``[^`]*``|`[^`]*`", "code", sentence)))


def messages(folder: Path) -> Iterator[tuple[str, str]]:
    """(place, text) of every string of a few words in the program that is no docstring; holes of f-strings are X."""
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
        docs = {id(n.body[0].value) for n in ast.walk(tree) if isinstance(n, documented) and _has_doc(n)}
        inner = {
            id(part) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for part in ast.walk(n) if part is not n
        }
        for node in ast.walk(tree):
            if id(node) in docs or id(node) in inner:
                continue
            text = _text(node)
            if text and n_words(text) > 5:
                yield f"{path.relative_to(folder.parent)}:{node.lineno}", text  # type: ignore[attr-defined]


def docstrings(folder: Path, *kinds: type[ast.AST]) -> Iterator[tuple[str, str]]:
    """(place, text) of the docstrings of modules, classes or functions."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, kinds) and (text := ast.get_docstring(node)):  # type: ignore[arg-type]
                yield f"{path.relative_to(folder.parent)}:{getattr(node, 'name', '')}", text


def help_texts() -> Iterator[tuple[str, str]]:
    """(command and option, help) of every command of the program and of each of its options."""
    import typer  # not for those who only measure pages

    from simulator.cli import app

    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        yield name, inspect.cleandoc(command.callback.__doc__ or "")
        yield from ((f"{name} {option.opts[0]}", option.help) for option in command.params if option.help)


def error_texts(folder: Path) -> Iterator[tuple[str, str]]:
    """(place, text) of every fault of the input that is worded where it is raised; holes of f-strings are X."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ERRORS and node.args:
                text = _text(node.args[0])
                if text:
                    yield f"{path.relative_to(folder.parent)}:{node.lineno}", text


def comments(path: Path) -> Iterator[str]:
    """Comments of a Python or YAML file; the lines of one that fills lines by itself are joined."""
    joined: list[str] = []
    last = -1
    for line, alone, text in _comment_lines(path):
        if joined and not (alone and line == last + 1):
            yield " ".join(joined)
            joined = []
        joined.append(text)
        last = line if alone else -1
    if joined:
        yield " ".join(joined)


def _comment_lines(path: Path) -> Iterator[tuple[int, bool, str]]:
    """(line, whether nothing else stands on it, text) of each comment that is none for a tool."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        found = [t for t in tokenize.generate_tokens(io.StringIO(source).readline) if t.type == tokenize.COMMENT]
        hits = [(t.start[0], not t.line[: t.start[1]].strip(), t.string) for t in found]
    else:
        matches = enumerate((re.search(r"(^|\s)#.*", line) for line in source.splitlines()), start=1)
        hits = [(n, not hit.string[: hit.start()].strip(), hit.group().strip()) for n, hit in matches if hit]
    for line, alone, text in hits:
        if not re.match(r"# ?(type:|noqa|fmt:|yaml-language-server|SPDX)", text):
            yield line, alone, text.lstrip("# ")


def yaml_texts(node: object) -> Iterator[str]:
    """Notes, summaries and other texts of a file of data, but its sources, which are titles of others."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from () if key in ("sources", "source", "cite") else yaml_texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from yaml_texts(value)
    elif isinstance(node, str) and n_words(node) > 3:
        yield node


def clauses(text: str) -> list[str]:
    """Sentences of a message, and the parts between its semicolons and colons."""
    return [clause for clause in re.split(r"(?<=[;:.!?])\s", text) if n_words(clause) > 2]


def _has_doc(node: ast.AST) -> bool:
    body = getattr(node, "body", [])
    return bool(body) and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
    return ""


def faults(place: str, sentences: list[str]) -> list[str]:
    """What is wrong with the sentences of one page, a line for each fault."""
    found = [
        f"{place}: {n_words(s)} words, expected at most {MOST_WORDS}: {s}" for s in sentences if n_words(s) > MOST_WORDS
    ]
    mean = sum(map(n_words, sentences)) / max(len(sentences), 1)
    if mean > MEAN_WORDS:
        found.append(f"{place}: {mean:.1f} words a sentence, expected at most {MEAN_WORDS}")
    for sentence in sentences:
        found += [
            f"{place}: '{hit.group()}', expected '{better}': {sentence}"
            for word, better in AVOIDED.items()
            if (hit := re.search(rf"\b({word})\b", re.sub(r"``[^`]*``|`[^`]*`", "", sentence), re.IGNORECASE))
        ]
    return found
