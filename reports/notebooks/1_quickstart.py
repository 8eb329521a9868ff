# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # 1. Quickstart
#
# A *trace* holds the spikes of a language model that was really run: for every token, how many spikes every neuron
# sent. A *chip* says what an elementary act costs and how long it takes, each number with its source. A *run*
# replays the one on the other.

# %%
import spikewatt as sw

chip = sw.load_chip("sdllm-asic-45nm")
trace = sw.load_trace("shakespeare-ternary-T15")
print(chip.summary)
print(trace)

# %% [markdown]
# The first run on a machine compiles the inner loops, which takes a while; later ones take a second. The dense twin
# is the same trace on a chip with multipliers, which takes every activation once as one integer: without it a
# number for spikes does not tell whether spiking helps.

# %%
run = sw.simulate(chip, trace, dense_chip=sw.load_chip("dense-int8-45nm"))
run

# %% [markdown]
# `run.owners` has one row per layer, operation and stage: how often each operation ran, and what it cost in
# picojoules.

# %%
owners = run.owners.sort_values("energy_pj", ascending=False)
owners[["owner", "kind", "energy_pj"]].head(8)

# %% [markdown]
# Every figure of the report is a method of `run.plot`. It returns the figure and its axes, and draws into axes of
# your own with `ax=`. `finding` says in words what a figure shows.

# %%
print(run.plot.finding("energy"))
figure, ax = run.plot.energy()
figure

# %% [markdown]
# Static power is spent by the whole chip for as long as a token takes, whether its cores work or wait. So the time
# matters for the energy too: what takes it?

# %%
print(run.plot.finding("latency"))
figure, ax = run.plot.latency()
figure

# %% [markdown]
# Nothing is hidden in a total: the sums over layers and over components are the total, or the run would have
# failed.

# %%
from simulator.report.format import format_energy

print(run.ledger.conservation_line(format_energy))
for warning in run.all_warnings:
    print("assumed:", warning)

# %% [markdown]
# ## Break this chip
#
# **Half the lanes.** `core.synapse.lanes` is the number of synapses that a core serves at once. Halve it on
# `sdllm-asic-45nm`. Which energies move?
#
# Predict, then try it in a cell of your own. The checked answer is in the manual, under Exercises.
