# Every target can be called on a fresh machine: what it needs, it sets up first.
.DEFAULT_GOAL := help
VENV := .venv
RUN := $(VENV)/bin

.PHONY: help setup demo demo-down binaries test test-real reliability mutants check format generate charms bench clean

help: ## Say what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 14

setup: $(VENV)/.ready ## Prepare .venv with rolecall in it

$(VENV)/.ready: pyproject.toml uv.lock scripts/setup
	@scripts/setup $(VENV)
	@touch $@

demo: setup ## Bring up a real multirole Loki, write to it and read it back
	@$(RUN)/python demo/run.py

demo-down: setup ## Stop the demo and remove its data
	@$(RUN)/rolecall down --file demo/rolecall.yaml --purge --yes

binaries: setup ## Find, download or build every executable that the tests use
	@$(RUN)/python scripts/get_binaries.py

test: setup ## Run the fast tests, and the real-binary tests whose binaries are at hand
	$(RUN)/pytest -m "not full"

test-real: binaries ## Get the missing binaries and run every real-binary test
	$(RUN)/pytest -m "real and not full"

reliability: binaries ## Break every product in every way of docs/reliability.md, under load
	$(RUN)/pytest tests/reliability tests/core/simulation
	$(RUN)/pytest tests/stage -m full

mutants: setup ## Change the rules of core one by one; MODULES=forget for one of them
	PYTHONHASHSEED=0 $(RUN)/python scripts/mutants.py $(MODULES)

check: setup ## Lint, types, arrows, spelling, and that the charms are what their data says
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/pyright
	$(RUN)/lint-imports
	$(RUN)/codespell src tests docs demo bench scripts charms deploy *.md
	$(RUN)/python scripts/charms.py check

format: setup ## Format the code
	$(RUN)/ruff format .
	$(RUN)/ruff check --fix .

generate: setup ## Write the charms, bundles and Terraform modules from the products' data
	$(RUN)/python scripts/charms.py write

charms: setup ## Pack and lint the charms into dist/charms; CHARM=loki/worker for one
	$(RUN)/python scripts/pack_charms.py $(CHARM)

bench: binaries ## Print every number we claim, each beside what it is compared with
	$(RUN)/python -m bench

clean: ## Remove what was set up here; the cache of binaries stays
	rm -rf $(VENV) .uv .pytest_cache .ruff_cache .hypothesis
