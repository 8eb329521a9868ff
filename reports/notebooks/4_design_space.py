# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # 4. A design space and its front
#
# A sweep file names a base chip, a trace, and the values to try. Everything in it is checked before the first point
# runs; each point is kept as soon as it is done, so that a second call computes only what is missing.

# %%
import tempfile
from pathlib import Path

import spikewatt as sw

FOLDER = Path(tempfile.mkdtemp())

(FOLDER / "lanes.yaml").write_text("""
name: lanes
summary: Lanes per core against the size of its memory and the price of leakage
base: sdllm-asic-45nm
trace: shakespeare-ternary-T15
axes:
  core.synapse.lanes: [8, 16, 32]
  core.sram.capacity: [32 KiB, 64 KiB]
  chip.static_power: [50 mW, 150 mW, 240 mW]
objectives: [energy.per_token_pj, latency.per_token_ps]
constraints: [latency.per_token < 350 us]
""")
config = sw.load_sweep(FOLDER / "lanes.yaml")

# %% [markdown]
# Static power is a price: it changes no count and no time. So 18 points take only 6 simulations.

# %%
result = sw.run_sweep(config, FOLDER / "points")
print(f"computed {result.computed}, reused {result.reused}, failed {result.failed}")
result.summary.head()

# %%
again = sw.run_sweep(config, FOLDER / "points")
print(f"computed {again.computed}, reused {again.reused}")

# %% [markdown]
# Points that no other point beats in both objectives, and that keep the bound on latency, make the front.

# %%
from simulator.sweep.picture import draw_front, front_finding

print(front_finding(result))
figure, ax = draw_front(result)
figure

# %%
from simulator.sweep.parallel_axes import draw_parallel, parallel_frame

figure, ax = draw_parallel(parallel_frame(result), result.axes)
figure

# %% [markdown]
# Other ways to choose points: `mode: zip`, `sobol`, `lhs`, or `optuna`, where NSGA-II proposes the next generation
# from the last one. `result.frame` is an ordinary table of pandas; the folder holds it as CSV and SQLite too.

# %%
result.frame.groupby("core.synapse.lanes")["energy.per_token_pj"].min() / 1e6

# %% [markdown]
# ## Break this chip
#
# **Too little memory.** Shrink the memory of a core to an eighth. What happens to the number of cores, and to the
# static energy?
#
# Predict, then try it in a cell of your own. The checked answer is in the manual, under Exercises.
