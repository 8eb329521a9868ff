"""The tools as a server of the Model Context Protocol on standard input and output (library ``mcp``)."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from simulator import __version__
from simulator.errors import SpikewattError
from simulator.server.tools import TOOLS

INSTRUCTIONS = (
    "Replays the spikes of a spike-driven language model on a chip model and reports energy and time."
    " List chips and traces, simulate, then explain or compare the reports that simulate wrote."
)


def mcp_server() -> Any:
    """The server with every tool of `simulator.server.tools`.

    Raises
    ------
    SpikewattError
        Where the library is not installed.
    """
    try:
        from mcp.server.mcpserver import MCPServer
        from mcp.server.mcpserver.exceptions import ToolError
    except ImportError as error:
        raise SpikewattError("mcp: the library mcp is not installed, expected pip install 'spikewatt[mcp]'") from error
    server = MCPServer("spikewatt", instructions=INSTRUCTIONS, version=__version__)
    for tool in TOOLS:
        server.tool()(_telling(tool, ToolError))
    return server


def _telling(tool: Callable[..., Any], fault: type[Exception]) -> Callable[..., Any]:
    """The tool with each fault of its input as one whose text reaches the caller."""

    @wraps(tool)
    def told(*args: Any, **options: Any) -> Any:
        try:
            return tool(*args, **options)
        except SpikewattError as error:
            raise fault(str(error)) from error

    return told
