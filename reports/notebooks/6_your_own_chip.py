# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # 6. A chip of your own
#
# A chip file says only in what it differs from another one. Quantities have units; every number has a source and a
# grade. All problems are reported at once, with line and column.

# %%
import tempfile
from pathlib import Path

import spikewatt as sw
from simulator.shipped import shipped_folder

FOLDER = Path(tempfile.mkdtemp())
mine = FOLDER / "mine.yaml"

mine.write_text("""
extends: sdllm-asic-45nm
name: mine
summary: Wider rows, fewer lanes
core:
  sram: {capacity: 512, word: 256 bits}
  synapse: {lanes: many}
""")
try:
    sw.load_chip(str(mine))
except sw.ConfigError as error:
    text = str(error).replace(str(FOLDER), ".").replace(str(shipped_folder("chip_configs")), "chip_configs")
    print("\n".join(sorted(text.splitlines())))

# %% [markdown]
# With the faults fixed it loads. The price of reading a word is one of the base's, for its own word; a number of
# your own needs a source.

# %%
mine.write_text("""
extends: sdllm-asic-45nm
name: mine
summary: Less memory, fewer lanes, and a price of my own
sources:
  me2026: my estimate
core:
  sram: {capacity: 64 KiB}
  synapse:
    lanes: 16
    word_read:
      energy: {value: 4 pJ, low: 2 pJ, high: 8 pJ, source: me2026, grade: assumed, note: "shorter bit lines"}
""")
chip = sw.load_chip(str(mine))
print(chip.name, chip.core.sram.capacity, "bytes per core")

# %% [markdown]
# Does a model fit, and how full would it be?

# %%
trace = sw.load_trace("shakespeare-ternary-T15")
found = sw.fit(trace, chip)
print(f"{found.cores_used} of {found.cores_total} cores on {found.n_chips} chip(s)")
found.rows.head()

# %% [markdown]
# And what would it cost? `spikewatt compare` says what changed between two reports and which causes are the
# largest; the same functions work here.

# %%
from simulator.report.compare import energy_causes, headline
from simulator.report.report_files import write_report

runs = {"base": sw.simulate(sw.load_chip("sdllm-asic-45nm"), trace), "mine": sw.simulate(chip, trace)}
before, after = sw.read_reports([write_report(run, FOLDER / name) for name, run in runs.items()])
print(headline(before, after))
for cause in energy_causes(before, after):
    print("-", cause)

# %% [markdown]
# How much of the new total rests on your own number?

# %%
run = runs["mine"]
share = run.ledger.rows.query("source == 'me2026'")["energy_pj"].sum() / run.ledger.total_pj
print(f"{share:.1%} on me2026; {run.ledger.assumed_share:.1%} on assumed prices in total")
run.plot.tornado()

# %% [markdown]
# ## Break this chip
#
# **No multicast.** A spike must reach every core that holds a part of its layer. With `noc.multicast: false` each
# core gets a copy.
#
# Predict, then try it in a cell of your own. The checked answer is in the manual, under Exercises.
