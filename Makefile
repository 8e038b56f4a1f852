# Kvarter: `make demo` shows it, `make test` proves it. Everything happens in .venv and build folders of this tree.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header \
	--no-emit-index-url --no-emit-find-links --build-deps-for wheel
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench bench-wear soak soak-fuzz soak-bus soak-flat fuzz-coverage soak-kills soak-powercuts mutants schemas promises devices cli screenshots grafana lock setup setup-demo packages clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: setup-demo ## run a simulated district, from the bus to the store; Ctrl-C stops it and audits the store
	$(BIN)/kvarter demo $(ARGS)

test: packages setup lint ## install what the tests need, check the style, run every test
	$(BIN)/pytest --numprocesses 2 --dist worksteal $(ARGS)

lint: setup ## ruff, mypy --strict and the layer rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## let ruff lay out the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: packages setup ## run every benchmark; write bench/results.json and docs/benchmarks.md
	$(BIN)/python -m bench $(ARGS)

bench-wear: packages setup ## measure flash wear (root, half an hour) and the backlog; add both to docs/benchmarks.md
	mkdir -p build
	$(BIN)/python -m bench.flash_wear $(ARGS) > build/wear.json
	$(BIN)/python -m bench.drain > build/drain.json
	$(BIN)/python -m bench.apart build/wear.json
	$(BIN)/python -m bench.apart build/drain.json

soak-kills: packages setup ## kill KILLS processes of a real pipeline, and audit; add the figures to docs/benchmarks.md
	mkdir -p build
	$(BIN)/python -m tests.e2e.kills --kills $(or $(KILLS),1000) --results build/kills.json $(ARGS)
	$(BIN)/python -m bench.apart build/kills.json

soak-powercuts: packages setup ## cut the power of a real ext4 CUTS times (root); add the figures to docs/benchmarks.md
	mkdir -p build
	$(BIN)/python -m tests.powercut.cuts --cuts $(or $(CUTS),1000) --results build/powercuts.json $(ARGS)
	$(BIN)/python -m bench.apart build/powercuts.json

soak: setup ## simulate SEEDS gateway-days under faults; print the first that fails, minimised, or keep the figures
	mkdir -p build
	$(BIN)/python -m tests.simulation.soak --seeds $(or $(SEEDS),100) --results build/simulation.json $(ARGS)
	$(BIN)/python -m bench.apart build/simulation.json

soak-fuzz: setup ## RUNS inputs per decoder under the fuzzer that is guided by coverage (ten million; CODECS="a b" for some)
	$(BIN)/python -m tests.fuzz.soak --runs $(or $(RUNS),10000000) $(CODECS) $(ARGS)

soak-bus: setup ## poll hostile buses a million times, count wrong values, and write docs/misattribution.md
	$(BIN)/python -m tests.drivers.soak_bus $(ARGS)

soak-flat: setup ## a hundred thousand connections and four virtual weeks: memory and descriptors stay flat
	FLAT_CONNECTIONS=100000 FLAT_DAYS=28 $(BIN)/pytest --quiet tests/app/test_flat.py $(ARGS)

fuzz-coverage: setup ## measure the branches that fuzzing reaches in each decoder, and write docs/fuzz.md
	$(BIN)/python -m tests.fuzz.measure $(ARGS)

mutants: setup ## put faults into copies of our own source; show who catches each, and write docs/mutants.md
	$(BIN)/python -m tests.mutants

schemas: setup ## write config/*.schema.json anew from the code
	$(BIN)/python -m tests.config.generate

promises: setup ## write docs/promises.md anew from tests/promises.toml
	$(BIN)/python -m tests.promises

devices: setup ## write docs/devices.md anew from the profiles and docs/wanted.toml
	$(BIN)/python -m tests.devices

cli: setup ## write docs/cli.md anew from the commands
	$(BIN)/python -m tests.cli_page

screenshots: packages setup ## look at every page in a real browser, and put the pictures of README and docs into docs/
	$(BIN)/pytest --quiet tests/browser $(ARGS)
	$(BIN)/python -m tests.browser.publish

grafana: setup ## write config/grafana/kvarter.json anew from the vocabulary
	$(BIN)/python -m tests.config.dashboard

lock: setup ## resolve requirements/*.txt anew from pyproject.toml, with hashes
	$(COMPILE) --upgrade --output-file requirements/run.txt pyproject.toml
	$(COMPILE) --upgrade --extra demo --extra report --constraint requirements/run.txt --output-file requirements/demo.txt pyproject.toml
	$(COMPILE) --upgrade --extra demo --extra report --extra dev --constraint requirements/demo.txt \
		--output-file requirements/test.txt pyproject.toml

setup: $(VENV)/.test ## make .venv with everything that developers need

setup-demo: $(VENV)/.demo

packages:
	@.ci/packages mosquitto:mosquitto victoria-metrics:victoria-metrics influxd:influxdb socat:socat \
		systemd-analyze:systemd chromium:chromium mkfs.ext4:e2fsprogs losetup:mount

clean: ## remove .venv and everything else that was built here
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Kvarter needs Python 3.11 or later. Name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || .ci/packages "no-such-command:$(notdir $(PYTHON))-venv"
	$(PYTHON) -m venv --clear $(VENV)

# The requirements of the tests include those of the demo, and those include what runs on a gateway.
$(VENV)/.demo: requirements/demo.txt pyproject.toml | $(BIN)/pip
	$(PIP) install --require-hashes --requirement requirements/demo.txt
	PYTHONWARNINGS=ignore $(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.test: requirements/test.txt pyproject.toml | $(BIN)/pip
	$(PIP) install --require-hashes --requirement requirements/test.txt
	PYTHONWARNINGS=ignore $(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.demo
