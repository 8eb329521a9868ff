"""Mutation testing: change one operator, number or condition at a time and see whether the tests of its room notice.

    python tests/support/mutants.py [--sample 200] [--seed 0] [--rooms config mapping energy trace report/tables.py]

A mutant is killed when `pytest tests/unit/ROOM` (for the energy also tests/invariants/test_energy.py) fails or does not
end. It runs on a copy of the tree. A sample is drawn from all mutants by seed; the score is printed with the survivors.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("config", "mapping", "energy", "trace", "report/tables.py")
TIMEOUT_S = 300
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
CALLS = {"max": "min", "min": "max", "sum": "max", "any": "all", "all": "any", "sorted": "list"}


def mutations(tree: ast.Module) -> Iterator[tuple[ast.Module, int, str]]:
    """Every mutant of a module with its line and what was changed."""
    for i, node in enumerate(ast.walk(tree)):
        for change, label in _changes(node):
            mutant = copy.deepcopy(tree)
            change(list(ast.walk(mutant))[i])
            yield mutant, getattr(node, "lineno", 0), label


def _changes(node: ast.AST) -> Iterator[tuple[object, str]]:
    """Functions that change a node of this kind, each with a label."""
    if isinstance(node, (ast.BinOp, ast.BoolOp)) and (new := SWAPS.get(type(node.op))) is not None:
        if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant)):
            yield (lambda n: setattr(n, "op", new())), f"{type(node.op).__name__} -> {new.__name__}"
    elif isinstance(node, ast.Compare) and (new := SWAPS.get(type(node.ops[0]))) is not None:
        yield (lambda n: n.ops.__setitem__(0, new())), f"{type(node.ops[0]).__name__} -> {new.__name__}"
    elif isinstance(node, (ast.If, ast.IfExp)):
        yield (lambda n: setattr(n, "test", ast.UnaryOp(ast.Not(), n.test))), "condition negated"
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield (lambda n: setattr(n, "value", n.value + 1)), f"{node.value} -> {node.value + 1}"
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
        new_name = CALLS[node.func.id]
        yield (lambda n: setattr(n.func, "id", new_name)), f"{node.func.id} -> {new_name}"


def files_of(rooms: list[str]) -> list[Path]:
    """Files of the package that are mutated."""
    found: list[Path] = []
    for room in rooms:
        path = ROOT / "simulator" / room
        found += sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return [path for path in found if path.name not in ("__init__.py", "__main__.py")]


def tests_of(path: Path) -> list[str]:
    """Tests that have to notice a mutant of ``path``."""
    room = path.relative_to(ROOT / "simulator").parts[0]
    chosen = [f"tests/unit/{room}"]
    mirrored = f"tests/unit/{room}/test_{path.name}"
    if (ROOT / mirrored).exists():
        chosen.insert(0, mirrored)  # first, where most mutants fail at once
    if path.name == "tables.py":
        chosen = ["tests/unit/report/test_tables.py", "tests/unit/report/test_terminal.py"]
    return chosen + (["tests/invariants/test_energy.py", "tests/published/test_cmos45.py"] if room == "energy" else [])


def survives(tree: Path, tests: list[str]) -> bool:
    """Whether all tests of a tree pass."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def main() -> None:
    """Draw, run, and print the score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rooms", nargs="+", default=list(ROOMS))
    options = parser.parse_args()
    every = []
    for path in files_of(options.rooms):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        every += [(path, n, line, label) for n, (_, line, label) in enumerate(mutations(tree))]
    chosen = random.Random(options.seed).sample(every, min(options.sample, len(every)))
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copied = Path(folder) / "tree"
        shutil.copytree(ROOT, copied, ignore=shutil.ignore_patterns(".git", ".venv", ".cache", "*_cache", "reports"))
        survivors = [mutant for mutant in sorted(chosen) if _tried(copied, *mutant)]
    killed = len(chosen) - len(survivors)
    print(f"{killed} of {len(chosen)} mutants killed ({killed / len(chosen):.0%}), drawn from {len(every)}")


def _tried(copied: Path, path: Path, number: int, line: int, label: str) -> bool:
    """Run one mutant on the copy, which is put back; returns and prints whether it survived."""
    place = copied / path.relative_to(ROOT)
    original = place.read_text(encoding="utf-8")
    mutant = next(tree for n, (tree, _, _) in enumerate(mutations(ast.parse(original))) if n == number)
    try:
        place.write_text(ast.unparse(ast.fix_missing_locations(mutant)), encoding="utf-8")
        survived = survives(copied, tests_of(path))
    finally:
        place.write_text(original, encoding="utf-8")
    if survived:
        print(f"survived: {path.relative_to(ROOT)}:{line}: {label}", flush=True)
    return survived


if __name__ == "__main__":
    main()
