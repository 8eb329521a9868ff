# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # 7. Reviewer 2 asks
#
# A paper on a spiking language model prints an energy. These are the questions that come back, each with the cell
# that answers it.

# %%
import spikewatt as sw

trace = sw.load_trace("shakespeare-ternary-T15")
chips = ("loihi-like", "sdllm-asic-45nm")
runs = {name: sw.simulate(sw.load_chip(name), trace, dense_chip=sw.twin_from(sw.load_chip(name))) for name in chips}

# %% [markdown]
# **"You count additions. What about memory, network and leakage?"** Each bar below is energy that an op count leaves
# out.

# %%
for name, run in runs.items():
    print(f"{name}: {run.op_count.ac_pj / run.n_tokens / 1e6:.2f} uJ by additions, {run.plot.finding('bridge')}")
runs["sdllm-asic-45nm"].plot.together("bridge", "energy")

# %% [markdown]
# **"Is the dense baseline fair?"** The twin is made from the chip: same node, memories, links and leakage, with
# multipliers for adders. It takes each activation once, as an integer of the same precision.

# %%
for name, run in runs.items():
    ratio = run.energy_per_token_pj / run.dense.energy_per_token_pj
    print(f"{name}: {ratio:.2f} times the energy of {run.dense.label(run.chip)}")

# %% [markdown]
# **"Where do your prices come from?"** Every price has a source and a grade. These shares of the total rest on each
# grade.

# %%
for name, run in runs.items():
    print(name, {grade: f"{share:.0%}" for grade, share in run.ledger.grade_shares().items() if share >= 0.005})
runs["loihi-like"].table("components")

# %% [markdown]
# **"How wrong can the total be?"** All prices at their low ends and at their high ends bound it.

# %%
for run in runs.values():
    print(run.plot.finding("ranges"))
runs["loihi-like"].plot.together("ranges", "tornado")

# %% [markdown]
# **"Is that plausible next to real machines?"** The run among published joules per token.

# %%
print(runs["loihi-like"].plot.finding("measured"))
runs["loihi-like"].plot.measured()

# %% [markdown]
# **"Would fewer timesteps change the conclusion?"** The same counts under another code: binary digits in place of
# unary spikes.

# %%
bitwise = sw.simulate(sw.load_chip("loihi-like"), sw.as_encoding(trace, "bitwise"))
before, after = runs["loihi-like"].energy_per_token_pj, bitwise.energy_per_token_pj
print(f"{before / 1e6:.1f} uJ per token with unary spikes, {after / 1e6:.1f} uJ with binary digits")

# %% [markdown]
# **"Send us the numbers."** `run.save(folder)` writes the report with tables as CSV. `spikewatt paper` turns reports
# into LaTeX tables, figures as PDF and `refs.bib`. `run.report()` shows the page in a cell.

# %% [markdown]
# ## Break this chip
#
# **A perfect network.** `noc.model: ideal` delivers each packet as if it were alone. Can the chip become slower?
#
# Predict, then try it in a cell of your own. The checked answer is in the manual, under Exercises.
