# What a change has to pass. PYTHON may name another interpreter: make check PYTHON=.venv/bin/python
PYTHON ?= python3
BIN := $(dir $(shell $(PYTHON) -c 'import sys; print(sys.executable)'))

.PHONY: check lint test test-slow-paths docs bench install clean

check: lint test

lint:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(BIN)lint-imports

test:
	$(PYTHON) -m pytest -q

# The same tests without compilation, then with array bounds checked in the kernels.
test-slow-paths:
	NUMBA_DISABLE_JIT=1 $(PYTHON) -m pytest -q tests/unit
	CNMINE_CHECKED=1 $(PYTHON) -m pytest -q tests/unit

# docs/cli.md, and the table of commands and the demonstration in README.md.
docs:
	$(PYTHON) docs/generate.py

bench:
	$(PYTHON) benchmarks/newwords_quality.py
	$(PYTHON) benchmarks/newwords_speed.py

install:
	$(PYTHON) -m pip install -e '.[test,dev]'

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find cnmine tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
