# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # 3. Where the energy goes
#
# Papers print `spikes x fan-out x 0.9 pJ`: the 45 nm energy of a floating-point addition, for every addition that a
# spike causes. This notebook walks from that number to the energy of a chip that has to fetch weights, route
# spikes, keep neurons, and wait.

# %%
import spikewatt as sw
from simulator.report.bridge import bridge_frame
from simulator.report.figures.breakeven_line import break_even_finding, break_even_frame

trace = sw.load_trace("shakespeare-ternary-T15")
run = sw.simulate(sw.load_chip("sdllm-asic-45nm"), trace, dense_chip=sw.load_chip("dense-int8-45nm"))

# %% [markdown]
# The *bridge* starts with the op count and adds one step after the other. The steps add up to the chip's total; if
# they did not, there would be no bridge.

# %%
bridge = bridge_frame(run)
bridge[["label", "energy_pj", "share"]]

# %%
figure, ax = run.plot.bridge()
figure

# %% [markdown]
# Do spikes pay off? Against the dense twin that depends on the spike rate. The line below goes through this run:
# what a spike causes follows the rate, the rest stays. It is an estimate; `sw.simulate(..., breakeven=True)` finds the
# crossing by further simulations, for each kind of layer and for the whole trace.

# %%
print(break_even_finding(break_even_frame(run)))
figure, ax = run.plot.break_even()
figure

# %% [markdown]
# How sure is the total? Every price has a source and a grade, many have a range. Drawing all prices from their
# ranges gives a band, and the tornado says which range matters.

# %%
print(run.ledger.grade_shares())
figure, ax = run.plot.tornado()
figure

# %% [markdown]
# A question of one's own is one override away: what if leakage were ten times smaller?

# %%
less = sw.simulate(sw.load_chip("sdllm-asic-45nm", ["chip.static_power=4 mW"]), trace)
print(f"{run.energy_per_token_pj / 1e6:.1f} uJ per token, then {less.energy_per_token_pj / 1e6:.1f} uJ")

# %% [markdown]
# ## Break this chip
#
# **Silence.** No neuron fires at all. What does the chip still cost?
#
# **The op count.** Papers print the number of additions times 0.9 pJ. Compute it from the synops and find it in
# the run.
#
# Predict, then try it in a cell of your own. The checked answer is in the manual, under Exercises.
