"""What a trace needs of the nodes of a NIR graph: types and shapes, no weights.

A NIR file is HDF5, whose library loops or crashes on some damaged files. So a file is read in a process of its own,
which prints the description as JSON, within limits of time and memory.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import simulator
from simulator.errors import ModelError

if TYPE_CHECKING:
    import nir

LONGEST_S, MOST_BYTES = 15, 8 << 30
ANSWER = "spikewatt-nir:"  # in front of the description on stdout, where a library may print too


@dataclass(frozen=True)
class NirNode:
    """A node of a graph; shapes are without timesteps and samples, and sizes that the graph does not know are 0."""

    type: str
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    weight: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()
    padding: tuple[int, ...] | str = ()


@dataclass(frozen=True)
class NirNodes:
    """Nodes by name, and the edges between them without repetitions."""

    nodes: Mapping[str, NirNode]
    edges: tuple[tuple[str, str], ...]


def read_nodes(graph: nir.NIRGraph | Path | str) -> NirNodes:
    """The nodes of a graph in memory or of a file.

    Raises
    ------
    ModelError
        The extra ``nir`` is not installed, or the file is missing or no NIR graph.
    """
    try:
        import nir
    except ImportError:
        raise ModelError("NIR graphs need the extra nir: pip install 'spikewatt[nir]'") from None
    if isinstance(graph, nir.NIRGraph):
        return describe(graph)
    if not Path(graph).is_file():
        raise ModelError(f"{graph}: no such file, expected a NIR graph")
    return _parsed(Path(graph), _ask(Path(graph)))


def describe(graph: nir.NIRGraph) -> NirNodes:
    """The nodes of a graph in memory."""
    edges = tuple((str(source), str(target)) for source, target in dict.fromkeys(map(tuple, graph.edges)))
    return NirNodes({str(name): _node(node) for name, node in graph.nodes.items()}, edges)


def _node(node: Any) -> NirNode:
    """Type and shapes of one node."""
    padding = getattr(node, "padding", ())
    return NirNode(
        type(node).__name__,
        _sizes((getattr(node, "input_type", None) or {}).get("input", ())),
        _sizes((getattr(node, "output_type", None) or {}).get("output", ())),
        _sizes(getattr(getattr(node, "weight", None), "shape", ())),
        _sizes(getattr(node, "stride", ())),
        _sizes(getattr(node, "dilation", ())),
        padding if isinstance(padding, str) else _sizes(padding),
    )


def _sizes(values: Any) -> tuple[int, ...]:
    """A size, or several, as integers."""
    if values is None:
        return ()
    several = values if hasattr(values, "__len__") else (values,)
    return tuple(0 if size is None else int(size) for size in several)


def _ask(path: Path) -> str:
    """What the process that reads the file prints."""
    root = str(Path(simulator.__file__).parents[1])
    paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-W", "ignore", "-m", __name__, str(path.resolve())]
    try:
        done = subprocess.run(
            command, capture_output=True, env={**os.environ, "PYTHONPATH": paths}, timeout=LONGEST_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise ModelError(f"{path}: not read within {LONGEST_S} s, expected a NIR graph") from None
    answer = [line for line in done.stdout.decode("utf-8", "replace").splitlines() if line.startswith(ANSWER)]
    if done.returncode or not answer:
        raise ModelError(f"{path}: cannot be read as a NIR graph, expected a file of nir.write")
    return answer[-1].removeprefix(ANSWER)


def _parsed(path: Path, answer: str) -> NirNodes:
    """The description that a process printed."""
    tree = json.loads(answer)
    if "error" in tree:
        raise ModelError(f"{path}: not a NIR graph ({tree['error']}), expected a file of nir.write")
    nodes = {
        name: NirNode(**{key: _from_json(value) for key, value in node.items()}) for name, node in tree["nodes"].items()
    }
    return NirNodes(nodes, tuple((source, target) for source, target in tree["edges"]))


def _from_json(value: Any) -> Any:
    """A list of JSON as the tuple that it was."""
    return tuple(value) if isinstance(value, list) else value


def _print_description(path: str) -> None:
    """Read a file and print its nodes: what the process for one file does."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    import nir

    try:
        tree = asdict(describe(nir.read(path)))
    except Exception as error:  # h5py and nir raise many kinds
        tree = {"error": " ".join(str(error).split())[:200]}
    print(ANSWER + json.dumps(tree))


if __name__ == "__main__":
    _print_description(sys.argv[1])
