# make demo   decide every example, and explain the decisions
# make test   everything that must pass: lint, types, generated files, Rego tests, Python tests
# The first run of either sets everything up in .venv; all that is needed is Python 3.11+ with venv, and a package index.

PYTHON ?= python3
VENV := .venv
VENV_SPARK := .venv-spark
BIN := $(VENV)/bin
COMMAND := $(BIN)/therapy-policy
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')  # one more, because some tests wait
REVIEW_DIGESTS := tools/review_digests.json
# The digests are of the site with the releases and without sign-offs, so that a person can sign without generating.
REVIEW := rm -rf build/unsigned && mkdir -p build/unsigned/policies && cp -R releases build/unsigned && \
	cp policies/CHANGELOG.md build/unsigned/policies && \
	$(COMMAND) review --output build/review --sign-offs build/unsigned
QUICK_TESTS := tests/contract tests/policy tests/client/test_both_engines.py tests/client/test_request_text.py \
	tests/cli/test_explain.py tests/cli/test_validate.py tests/proof/test_oracle.py tests/properties/test_differential.py
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check
PIP_SPARK = $(VENV_SPARK)/bin/python -m pip install --quiet --disable-pip-version-check
LOCK = UV_CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/uv pip compile pyproject.toml --quiet --universal \
	--python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
BUILD = buildah build --format docker
OPA_PATH = $$($(BIN)/python -m therapy_policy.toolchain.opa)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-opas test-spark test-quick fmt lint prose generate lock sbom fresh deploy-check deploy-manifests image rego-test python-test signed review lighthouse proof classes mutants bench bench-spark soak clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 26

setup: $(VENV)/installed  ## install the project and its tools into .venv

$(VENV)/installed: pyproject.toml requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 …" >&2; exit 1; }
	@echo "Installing the project into $(VENV) …" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes --requirement requirements-dev.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## decide every example and explain the decisions
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m tools.demo

# make test REQUIRE_SIGNED=1 also asks that every interpretation and the release are signed.
test: lint fresh rego-test python-test $(if $(REQUIRE_SIGNED),signed)  ## everything that must pass; CI runs it first
	@echo "all tests passed" >&2

test-opas: setup  ## what depends on OPA, on the other versions that it may be (toolchain/opa.py)
	@$(BIN)/python -m tools.other_opas

test-spark: $(VENV_SPARK)/installed  ## decisions on a Spark cluster of two workers; needs Java 17
	$(VENV_SPARK)/bin/python -m pytest -q tests_spark

$(VENV_SPARK)/installed: pyproject.toml requirements-spark.lock
	@echo "Installing the project and Spark (a download of 450 MB) into $(VENV_SPARK) …" >&2
	@$(PYTHON) -m venv $(VENV_SPARK)
	@$(PIP_SPARK) --require-hashes --requirement requirements-spark.lock
	@$(PIP_SPARK) --no-deps --no-build-isolation --editable .
	@touch $@

test-quick: setup  ## an answer in under a minute: types, Rego tests, and a selection of the Python tests
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	@$(BIN)/python -m tools.rego_tests
	HYPOTHESIS_PROFILE=glance $(BIN)/pytest -n $(WORKERS) -q $(QUICK_TESTS)

fmt: setup  ## format Python and Rego
	$(BIN)/ruff check --quiet --fix-only .
	$(BIN)/ruff format --quiet .
	@opa=$(OPA_PATH) && "$$opa" fmt --write policies

lint: setup prose  ## formatting, types, style, prose and the policy's data
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	@opa=$(OPA_PATH) && set -x && "$$opa" fmt --list --fail policies && \
		"$$opa" check --strict --schema schemas --bundle policies
	@$(COMMAND) check policies >&2

prose: setup  ## plain words (styles/words.yaml) in everything that a person reads
	@$(BIN)/python -m tools.prose

lock: setup  ## choose versions again for new dependencies in pyproject.toml (UPGRADE=1: the newest of all)
	@$(LOCK) $(if $(UPGRADE),--upgrade) --output-file requirements.lock
	@$(LOCK) $(if $(UPGRADE),--upgrade) --output-file requirements-dev.lock --extra dev
	@$(LOCK) $(if $(UPGRADE),--upgrade) --output-file requirements-spark.lock --extra spark --extra test-spark \
		--constraint requirements-dev.lock
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])' | \
		$(subst pyproject.toml,- --constraint requirements-dev.lock,$(LOCK)) --output-file requirements-build.lock

# The tool runs apart. With its packages in .venv, jsonschema would take a second to import.
sbom: setup  ## write the bill of materials of an installation (CycloneDX), into build/sbom.json
	@mkdir -p build
	@$(BIN)/uv tool run --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py requirements requirements.lock \
		--pyproject pyproject.toml --output-reproducible --output-file build/sbom.json
	@echo build/sbom.json

deploy-check: setup  ## check deploy/ with helm, promtool and systemd (the first run builds for 8 minutes)
	@$(BIN)/python -m tools.deploy_check

deploy-manifests: setup  ## write the manifests that the Helm chart renders, into deploy/kubernetes
	@$(BIN)/python -m tools.deploy_check --write

image:  ## build the sidecar's image from BASE=…@sha256:…, with buildah (or BUILD='docker build')
	@case '$(BASE)' in *@sha256:*) ;; *) echo 'error: name the base image by its digest: make image BASE=…/debian@sha256:…' >&2; exit 2;; esac
	$(BUILD) --build-arg BASE='$(BASE)' --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD) \
		--file deploy/container/Containerfile --tag therapy-policy:$(VERSION) .

generate: setup  ## write every generated file again
	@$(BIN)/python -m tools.generate
	@$(BIN)/python -m tools.figures
	@$(REVIEW) >/dev/null
	@cp build/review/therapy-policy-review.json $(REVIEW_DIGESTS)

fresh: setup
	@$(BIN)/python -m tools.generate --check
	@$(BIN)/python -m tools.figures --check
	@$(REVIEW) >/dev/null
	@diff -u $(REVIEW_DIGESTS) build/review/therapy-policy-review.json >&2 || \
		{ echo "out of date: pages of the review; run \`make generate\` and commit $(REVIEW_DIGESTS)" >&2; exit 1; }

rego-test: setup
	@$(BIN)/python -m tools.rego_tests

signed: setup
	@$(COMMAND) check --require-signed policies

python-test: setup
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -q

review: setup  ## write the policy as a website to read and sign, into build/review and build/review.zip
	@$(COMMAND) review --output build/review --zip build/review.zip

lighthouse: review  ## what Lighthouse says of the review site, in a minute; run it on a quiet machine
	@$(BIN)/python -m tests.review.lighthouse build/review

proof: setup  ## the deep proof: 100,000 requests an engine, every class, every mutant
	@$(BIN)/python -m proof.prove

classes: setup  ## enumerate every class of requests that the rules can tell apart, into docs/classes.md
	@$(BIN)/python -m proof.classes

mutants: setup  ## change the rules and parameters in every way, one at a time, and check that a test notices
	@$(BIN)/python -m proof.mutants

bench: setup  ## measure what a decision costs, side by side with a trivial rule and other engines, in 5 minutes
	@$(BIN)/python -m bench

bench-spark: $(VENV_SPARK)/installed  ## measure how the rate on Spark grows with cores, beside that of `bulk`
	@$(VENV_SPARK)/bin/python -m tools.bench_spark

soak: setup  ## the sidecar under load and faults, in about 5 minutes; writes figures into docs/operations.md
	@$(BIN)/python -m tools.soak

clean:  ## remove what was installed and cached here
	rm -rf $(VENV) $(VENV_SPARK) .mypy_cache .ruff_cache .pytest_cache .hypothesis
