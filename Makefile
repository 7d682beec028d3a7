# Two commands are enough: `make demo` and `make test`. Each makes .venv if it is not there.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TYPED := -m paretree -p paretree.cli -p paretree.spaces -p paretree.workers -p paretree.search -p paretree.dashboard
REFERENCE := paretree.spaces paretree.spaces.nn paretree.spaces.cells paretree.spaces.laws paretree.spaces.peft \
             paretree.search paretree.search.samplers paretree.search.samplers.bayes \
             paretree.search.samplers.optuna paretree.search.analysis paretree.search.bridges paretree.search.oneshot \
             paretree.search.store paretree.workers paretree.workers.protocol paretree.workers.tune
INSTALLED := $(VENV)/.installed

.PHONY: demo test test-slow lint types docs install clean

demo: $(INSTALLED)  ## search a small CNN on real digits with Ray and SQLite, and print the Pareto front
	$(BIN)/paretree run examples/digits.py --more 48
	$(BIN)/paretree front digits --plot digits-front.png > /dev/null

test: $(INSTALLED)  ## run the tests, two at a time, but those that take more than a few seconds each
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal -m "not slow"

test-slow: $(INSTALLED)  ## run those: examples, killed drivers, lost machines, Optuna's and Tune's own suites
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal -m slow

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The repository root is the package, so mypy needs to see it under the package's name.
types: $(INSTALLED)
	mkdir -p $(VENV)/typing && ln -sfn ../.. $(VENV)/typing/paretree
	cd $(VENV)/typing && ../bin/mypy --config-file ../../pyproject.toml $(TYPED)

docs: $(INSTALLED)  ## the reference, from docstrings, into build/docs
	$(BIN)/python -m pdoc --docformat google --output-directory build/docs $(REFERENCE)

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Paretree needs Python 3.11 or newer; set PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev,bench]"
	touch $@

clean:  ## remove what make and Python leave behind
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
