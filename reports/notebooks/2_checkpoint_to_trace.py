# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # 2. From a checkpoint to a trace
#
# A spike-driven model replaces each linear layer by additions: an activation becomes an integer count, the count a
# train of spikes, and each spike adds one row of integer weights. How floats become counts is the *encoder*; it
# decides both the quality of the model and the number of spikes. Here several encoders pass the same text through
# the same small LLaMA.

# %%
from pathlib import Path

import pandas as pd

import spikewatt as sw

MODEL = sw.sample_model()
TEXT = (MODEL / "heldout_sample.txt").read_text(encoding="utf-8")
TOKENS = 96

# %% [markdown]
# A preset is a YAML file: code, timesteps, threshold rule, rotation, weights. `capture` returns the trace and what
# it cost in quality.

# %%
rows, traces = [], {}
for name in ("int8", "unidirectional", "sdllm", "sdllm-bitwise", "spikingbrain"):
    traces[name], report = sw.capture(MODEL, TEXT, sw.load_preset(name), TOKENS)
    everything = report.activity.iloc[-1]
    activity = everything["spikes_per_activation"], everything["zero_share"]
    rows.append((name, report.spiking_perplexity.perplexity, *activity))
table = pd.DataFrame(rows, columns=["preset", "perplexity", "spikes_per_activation", "zero_share"])
print(f"float model: perplexity {report.float_perplexity.perplexity:.2f}")
table

# %% [markdown]
# Fewer spikes and a low perplexity pull in different directions. The best encoders lie at the lower left. `int8` is the
# dense twin: no spikes at all, each activation one integer.

# %%
from matplotlib import pyplot as plt

_, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.scatter(table["spikes_per_activation"], table["perplexity"])
for row in table.itertuples():
    ax.annotate(row.preset, (row.spikes_per_activation, row.perplexity), xytext=(5, 4), textcoords="offset points")
ax.set_xlabel("spikes per activation")
_ = ax.set_ylabel("perplexity")

# %% [markdown]
# A trace is one file. It stores counts, not trains, so that one capture can be replayed under every code that holds
# its counts.

# %%
import tempfile

with tempfile.TemporaryDirectory() as folder:
    sw.save_trace(traces["sdllm"], Path(folder) / "mine.npz")
    print(f"{(Path(folder) / 'mine.npz').stat().st_size / 1024:.0f} KiB")
print(traces["sdllm"])

# %% [markdown]
# ## Break this chip
#
# **Another code.** Send the same integers as binary digits instead of unary spikes. What is the largest saving in
# spikes that you can hope for at T = 15?
#
# Predict, then try it in a cell of your own. The checked answer is in the manual, under Exercises.
