# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # 5. Does the claim hold?
#
# First the arithmetic: numbers that papers print, rebuilt from shapes and the 45 nm table. Where ours differ, the
# table says by how much.

# %%
import json
import tempfile
from pathlib import Path

import pandas as pd

import spikewatt as sw
from simulator.energy.claim_verdict import claims_table
from simulator.model.statistical_trace import SHAPES, statistical_trace

claims_table()

# %% [markdown]
# Then the chip. Nobody needs the weights of a model of 7 billion parameters to count what its spikes would do: the
# program follows from its shape, and the counts are drawn like those of a model that was captured. A block of
# LLaMA-2-7B is like the next, so one block is simulated here, flit by flit with trees of packets, and the table says
# what 32 of them take; the head, the embedding and static power of idle chips are not scaled. (The script
# `benchmarks/llm_scale.py` simulates all 32.)

# %%
shape = json.loads((SHAPES / "llama-2-7b.json").read_text()) | {"num_hidden_layers": 1}
with tempfile.TemporaryDirectory() as folder:
    (Path(folder) / "config.json").write_text(json.dumps(shape))
    captured = sw.load_trace("shakespeare-ternary-T15")
    block = statistical_trace(f"{folder}/config.json", captured, tokens=1, name="one-block-of-llama-2-7b")
print(block)

# %%
rows, runs = [], {}
for name in ("sdllm-asic-45nm", "dense-int8-45nm", "sdllm-asic-7nm", "loihi-like"):
    run = runs[name] = sw.simulate(sw.load_chip(name, ["noc.multicast=true"]), block)
    inside = run.ledger.rows[run.ledger.rows["owner"].str.startswith("blocks.")]
    stages = run.result.stages[run.result.stages["stage"].str.startswith("blocks.")]
    energy_mj, time_ms = 32 * inside["energy_pj"].sum() / 1e9, 32 * stages["total_ps"].sum() / 1e9
    rows.append((name, energy_mj, time_ms, run.result.n_chips))
pd.DataFrame(rows, columns=["chip", "dynamic_mj_of_32_blocks", "time_ms_of_32_blocks", "chips_for_one_block"])

# %% [markdown]
# The op count of the same 32 blocks, as a paper would print it:

# %%
print(f"{32 * run.op_count.ac_pj / 1e9:.2f} mJ at {run.op_count.precision}, spikes alone")
print(f"{32 * run.op_count.dense_mac_pj / 1e9:.2f} mJ at {run.op_count.precision}, dense")

# %% [markdown]
# What decides is not the price of an addition. A spike fetches a row of weights; a dense chip fetches each row once
# per activation. Below one spike per activation the accumulate-only chip reads less, above it reads more, whatever
# its adders cost. Both are compared with the static power of all chips that hold the block, for as long as the token
# takes.

# %%
print(f"spikes per activation here: {run.spikes_per_activation:.2f}")
for name, run in runs.items():
    print(name, {part: f"{pj / 1e6:.0f} uJ" for part, pj in run.ledger.by_component().items() if pj > 1e6})
runs["sdllm-asic-45nm"].plot.bridge()

# %% [markdown]
# ## Break this chip
#
# **Spikes of one layer.** Compute the synops of one layer by hand, from its spike counts and its fan-out.
#
# Predict, then try it in a cell of your own. The checked answer is in the manual, under Exercises.
