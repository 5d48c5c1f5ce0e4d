# `make demo` and `make test` need Python 3.11 or newer, and make. Everything else comes from requirements.lock.
#
# Why --no-deps: a lock is complete (a test proves it). Without the option, an older pip looks beyond the lock for a
# requirement with an extra as soon as the index has a newer release.

VENV    := .venv
STAMP   := $(VENV)/.installed
FULL    := $(VENV)/.installed-full
ENGINES := $(VENV)/engines
BIN     := $(VENV)/bin
PYTHONS := python3.11 python3.12 python3.13 python3.14 python3 python
PIP     := $(BIN)/python -m pip --disable-pip-version-check -qq
LOCK    := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
RUNTIME := --extra postgresql --extra mysql --extra report
EVERYDAY := $(RUNTIME) --extra docs --extra dev
WORKERS := -n auto --maxprocesses 8 --dist worksteal
ARGS    :=

# An environment whose Python is gone, because the system's was replaced, counts as none.
$(shell test -x $(BIN)/python || rm -f $(STAMP) $(FULL))

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint format hooks lock tables docs audit dist clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

demo: $(STAMP) ## the whole job on SQLite against the bundled emulator, nothing to configure
	@$(BIN)/numbercheck demo $(ARGS)

test: $(STAMP) ## the everyday tests, a few minutes; skips those whose server is missing here; ARGS="-k word" picks some
	@$(BIN)/python -m pytest -q $(WORKERS) -m 'not full' -p no:randomly $(ARGS)

test-all: $(FULL) ## every test, with coverage, in a random order; fails if a server or a tool is missing
	@seed=$$(date +%s) && echo "The order of this run: --randomly-seed=$$seed" && NUMBERCHECK_TEST_SKIP_NOTHING=1 \
		$(BIN)/python -m pytest -q $(WORKERS) --cov --cov-report=term --randomly-seed=$$seed $(ARGS)

lint: $(STAMP) ## check lint, format and types; changes nothing
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy --strict etl

format: $(STAMP) ## correct imports and layout
	@$(BIN)/ruff check --fix-only -q .
	@$(BIN)/ruff format .

hooks: $(STAMP) ## run lint before each commit and the tests before each push, from now on
	@$(BIN)/pre-commit install

lock: | $(STAMP) ## write the lock files again after a change to pyproject.toml; ARGS=--upgrade takes newer versions
	@$(LOCK) $(ARGS) $(EVERYDAY) pyproject.toml -o requirements.lock
	@$(LOCK) $(ARGS) -c requirements.lock --no-annotate --all-extras pyproject.toml -o requirements-full.lock
	@$(LOCK) --no-annotate $(RUNTIME) -c requirements.lock pyproject.toml -o requirements-runtime.lock
	@$(LOCK) --no-annotate $(RUNTIME) --extra lake -c requirements-full.lock pyproject.toml -o requirements-lake.lock
	@$(BIN)/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['build-system']['requires'])" \
		| $(LOCK) --no-annotate -c requirements.lock - -o requirements-build.lock
	@$(LOCK) $(ARGS) --no-annotate --group engines -o requirements-engines.lock

tables: $(STAMP) ## write the generated pages again, after a change to a table, a view or its comments, or to the rooms
	@$(BIN)/python docs/generate_tables.py
	@cd docs && ../$(BIN)/python -c "import generate_rooms; generate_rooms.draw()"

docs: $(STAMP) ## build the documentation as a site in site/; fails if a link leads nowhere
	@$(BIN)/python docs/build_site.py

audit: $(STAMP) ## ask whether known vulnerabilities are in what is locked; needs an index that can be asked
	@$(BIN)/python .ci/audit.py

dist: $(STAMP) ## build wheel and source archive into dist/ and try both; tags and publishes nothing
	@.ci/dist

clean: ## remove what make and the tools made: environment, caches, builds, the site, the demo's output
	@rm -rf $(VENV) .cache .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache build numbercheck-demo dist site
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Made again if there is none with a suitable Python. Otherwise only what changed in the lock is installed.
$(STAMP): requirements.lock pyproject.toml
	@if ! $(BIN)/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		for python in $(PYTHONS) none; do \
			$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
		done; \
		if [ $$python = none ]; then \
			echo 'There is no Python 3.11 or newer with venv here: install one (Debian, Ubuntu: apt-get install python3 python3-venv),' \
				'or name yours: make PYTHONS=/path/to/python3' >&2; \
			exit 1; \
		fi; \
		echo "Making the environment $(VENV) with $$($$python --version) (once, half a minute) ..."; \
		$$python -m venv --clear $(VENV); \
	else \
		echo "Bringing the environment $(VENV) up to date ..."; \
	fi
	@$(PIP) install --require-hashes --no-deps -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

# What only the tests of the lake, of other engines and of a browser need is large: it comes second, and by itself.
$(FULL): $(STAMP) requirements-full.lock $(ENGINES)/.installed
	@echo "Adding what only all tests need to $(VENV) (once, a minute or two) ..."
	@$(PIP) install --require-hashes --no-deps -r requirements-full.lock
	@touch $@

# setuptools comes first: pyspark is built with it, and nothing that is not locked may build. Its wheel is not packed,
# as its jars are already.
$(ENGINES)/.installed: requirements-engines.lock | $(STAMP)
	@echo "Making the environment $(ENGINES) with Spark and a stand-in for S3 (once, half a minute) ..."
	@$(BIN)/python -m venv --clear --without-pip $(ENGINES)
	@awk '/^[a-z]/ { wanted = /^setuptools==/ } wanted' $< \
		| $(PIP) --python $(ENGINES)/bin/python install --require-hashes --no-deps -r /dev/stdin
	@$(PIP) --python $(ENGINES)/bin/python install --require-hashes --no-deps --no-build-isolation \
		--config-settings=--build-option=--compression=stored -r $<
	@touch $@
