"""The tools for other programs, called as functions and through the protocol in one process."""

from __future__ import annotations

import asyncio

import pytest

import simulator as sw
from simulator.errors import SpikewattError
from simulator.server import tools
from simulator.server.mcp_server import mcp_server


@pytest.fixture
def trace_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("simulator.report.html.write_page", lambda run, folder: None)
    trace = sw.synthetic_trace("full", (64, 64), tokens=2)
    sw.save_trace(trace, tmp_path / "t.npz")
    return "t.npz"


def test_shipped_files_are_listed():
    assert "loihi-like" in {chip.name for chip in tools.chips()}
    assert "shakespeare-ternary-T15" in {trace.name for trace in tools.traces()}


def test_simulate_explain_and_compare(trace_file):
    wide = tools.simulate("sdllm-asic-45nm", trace_file)
    narrow = tools.simulate("sdllm-asic-45nm", trace_file, ["core.synapse.lanes=1"], "narrow")
    run = sw.simulate(sw.load_chip("sdllm-asic-45nm"), sw.load_trace(trace_file))
    assert wide.energy_per_token_pj == run.energy_per_token_pj
    assert wide.chips == 1
    assert wide.dense_twin_per_token_pj > 0
    assert narrow.time_per_token_ps > wide.time_per_token_ps
    assert narrow.report == "narrow"
    (row,) = tools.explain(wide.report, action="dendrite.accumulate", top=1).rows
    assert row["energy_pj"] == pytest.approx(row["count"] * row["pj_per_count"])
    assert row["citation"]
    found = tools.compare(wide.report, narrow.report)
    assert "the time of" in found.headline
    assert found.time_causes


def test_a_sweep(trace_file, tmp_path):
    (tmp_path / "s.yaml").write_text(
        f"name: s\nsummary: two points\nbase: sdllm-asic-45nm\ntrace: {trace_file}\n"
        "axes: {core.synapse.lanes: [1, 2]}\nobjectives: [latency.per_token_ps]\n"
    )
    found = tools.sweep("s.yaml", "points")
    assert (found.computed, found.failed, len(found.points)) == (2, 0, 2)
    assert tools.sweep("s.yaml", "points").reused == 2


def test_the_server_gives_typed_results_and_faults_in_words(trace_file):
    mcp = pytest.importorskip("mcp", reason="needs the extra mcp")

    async def ask():
        async with mcp.Client(mcp_server()) as client:
            listed = await client.list_tools()
            done = await client.call_tool("simulate", {"chip": "loihi-like", "trace": trace_file})
            fault = await client.call_tool("simulate", {"chip": "loihi-lik"})
            return listed, done, fault

    listed, done, fault = asyncio.run(ask())
    assert [tool.name for tool in listed.tools] == [tool.__name__ for tool in tools.TOOLS]
    assert all(tool.output_schema for tool in listed.tools)
    assert done.structured_content["chips"] == 1
    assert fault.is_error
    assert "did you mean 'loihi-like'?" in fault.content[0].text


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "mcp.server.mcpserver", None)
    with pytest.raises(SpikewattError, match=r"expected pip install 'spikewatt\[mcp\]'"):
        mcp_server()
