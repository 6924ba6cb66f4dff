# make demo   decide every example, and explain the decisions
# make test   everything that must hold: lint, types, generated files, Rego tests, Python tests
# The first run of either sets everything up in .venv; all that is needed is Python 3.11+ with venv, and a package index.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COMMAND := $(BIN)/therapy-policy
OPA_PATH = $$($(BIN)/python -m therapy_policy.toolchain.opa)

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint generate fresh prose rego-test python-test review proof classes mutants bench clean

help:  ## say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

setup: $(VENV)/installed  ## install the project and its tools into .venv

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 …" >&2; exit 1; }
	@echo "Installing the project into $(VENV) …" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: setup  ## decide every example, and explain the decisions
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m tools.demo

test: lint fresh rego-test python-test  ## everything that must hold
	@echo "all tests passed" >&2

lint: setup  ## formatting, types and the rules of style, of Python and of Rego
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	@opa=$(OPA_PATH) && set -x && "$$opa" fmt --list --fail policies && \
		"$$opa" check --strict --schema schemas --bundle policies

prose: setup  ## words that readers stumble over (styles/words.yaml), in all that a person reads
	@$(BIN)/python -m tools.prose

generate: setup  ## write every generated file anew
	@$(BIN)/python -m tools.generate
	@$(BIN)/python -m tools.figures
	@$(COMMAND) review --output build/review >/dev/null
	@cp build/review/therapy-policy-review.json docs/review.json

fresh: setup
	@$(BIN)/python -m tools.generate --check
	@$(BIN)/python -m tools.figures --check
	@$(COMMAND) review --output build/review >/dev/null
	@diff -u docs/review.json build/review/therapy-policy-review.json >&2 || \
		{ echo "not fresh: pages of the review; run \`make generate\` and commit docs/review.json" >&2; exit 1; }

rego-test: setup
	@$(BIN)/python -m tools.rego_tests

python-test: setup
	$(BIN)/pytest -n 2 -q

review: setup  ## write the policy as a site to read and sign off, into build/review
	@$(COMMAND) review --output build/review

proof: setup  ## the deep proof: 100,000 requests an engine, every class, every mutant
	@$(BIN)/python -m proof.prove

classes: setup  ## enumerate every class of requests that the rules can tell apart, into docs/classes.md
	@$(BIN)/python -m proof.classes

mutants: setup  ## change the rules and parameters in every way, one at a time, and see that a test notices
	@$(BIN)/python -m proof.mutants

bench: setup  ## measure, side by side, what a decision costs
	@$(BIN)/python -m tools.bench

clean:  ## remove what was installed and cached here
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
