# One command per wish. `make demo` and `make test` need only Python 3.11 or newer.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: demo test check fix bench peers clients node fuzz soak storm pools accounting lock audit clean

# The gateway on its built-in simulator, asked the guide's six examples.
demo: $(VENV)/.installed
	@$(BIN)/aiclient2api demo

# The whole test suite.
test: $(VENV)/.test
	@$(BIN)/python -m pytest -n auto --dist worksteal

# Format, lint, types, layers, sizes, docs.
check: $(VENV)/.check
	@$(BIN)/ruff format --check src tests tools
	@$(BIN)/ruff check src tests tools
	@$(BIN)/mypy
	@$(BIN)/python -m tools.check_layers
	@$(BIN)/python -m tools.check_sizes
	@$(BIN)/python -m tools.check_docs

# Repair what a machine can repair.
fix: $(VENV)/.check
	@$(BIN)/ruff format src tests tools
	@$(BIN)/ruff check --fix src tests tools

# Start time, idle memory, requests and CPU beside nginx where it is installed.
bench: $(VENV)/.test
	@$(BIN)/python -m tools.bench

# Beside other gateways, which it installs into .peers/ (or PEERS_DIR; needs npm). Minutes; the machine should be idle.
peers: $(VENV)/.test
	@$(BIN)/python -m tools.bench.installed
	@$(BIN)/python -m tools.bench --peers

# Real third-party clients against the gateway on the simulator (installs them; needs npm).
clients: $(VENV)/.test
	@$(BIN)/python -m tools.clients

# The official Node SDKs against the gateway over every provider, simulated (installs them; needs npm).
node: $(VENV)/.test
	@$(BIN)/python -m tools.node_sdks

# The decoders' fuzz tests with FUZZ executions each (hours; FUZZ=1000000 takes minutes), then many more examples of the
# property tests.
FUZZ ?= 10000000
fuzz: $(VENV)/.test
	@FUZZ_EXECUTIONS=$(FUZZ) $(BIN)/python -m pytest -n auto --timeout 0 tests/security/test_fuzz.py
	@HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -n auto --timeout 1800 tests -k "random"

# A minute of rate limits with 200 clients over ten accounts, in real time.
storm: $(VENV)/.test
	@STORM_SECONDS=60 $(BIN)/python -m pytest -q tests/gateway/test_storm.py

# The account pool in virtual time: 1,000 accounts, 100,000 requests; writes the table of docs/pools.md.
pools: $(VENV)/.test
	@$(BIN)/python -m tools.simulate_pool --write

# Ledger, clients and services held against each other over 50,000 requests, a tenth of which go wrong.
accounting: $(VENV)/.test
	@ACCOUNTING_REQUESTS=50000 $(BIN)/python -m pytest -q tests/accounting/test_accounting.py

# Ten minutes of mixed load with faults: memory, descriptors, tasks and success at the end.
soak: $(VENV)/.test
	@$(BIN)/python -m tools.soak 600

# The lock files with hashes for all systems, and the bill of materials; UPGRADE=--upgrade takes the newest versions.
UPGRADE ?=
lock: $(VENV)/.release
	@$(BIN)/python -m tools.locks $(UPGRADE)

# Known weaknesses of the locked packages; says so where no service can be asked.
audit: $(VENV)/.release
	@$(BIN)/python -m tools.audit

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python"; exit 1; }
	@echo "making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	@echo "installing aiclient2api"
	@$(PIP) install -e . && touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/python
	@echo "installing aiclient2api with its test dependencies"
	@$(PIP) install -e '.[test]' && touch $@ $(VENV)/.installed

$(VENV)/.release: pyproject.toml | $(VENV)/bin/python
	@echo "installing aiclient2api with its release tools"
	@$(PIP) install -e '.[release]' && touch $@ $(VENV)/.installed

$(VENV)/.check: pyproject.toml | $(VENV)/bin/python
	@echo "installing aiclient2api with its check and test dependencies"
	@$(PIP) install -e '.[test,check]' && touch $@ $(VENV)/.test $(VENV)/.installed
