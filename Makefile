# The commands: make demo, make test, make check, make bench, make records; each sets up what it needs in .venv. Those who change
# the jam page find theirs in web/README.md, those of Ableton Live and MuseScore in integrations/README.md.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test check bench records docs clean

demo: $(VENV)/.demo
	$(BIN)/python tools/demo.py

test: $(VENV)/.dev
	tools/get_chromium.sh
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_layers.py tests/test_docs.py
	$(MAKE) --no-print-directory docs

# The documentation as a site, site/index.html; warnings are errors.
docs: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# With PEERS=peers/bin/python what others use is measured too (benchmarks/peers.txt).
bench: $(VENV)/.dev
	$(BIN)/python benchmarks/run.py $(if $(PEERS),--peers $(PEERS))

# The quick figures of benchmarks/records.md.
records: $(VENV)/.dev
	$(BIN)/python benchmarks/records.py

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# Editable installs, so that a change in the source needs no new install. The stamps are renewed when
# pyproject.toml changes; .dev includes all that .demo needs.
$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[train,score]"
	touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@ $(VENV)/.demo

clean:
	rm -rf $(VENV) web/node_modules integrations/node_modules demo site build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
