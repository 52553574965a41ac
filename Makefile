# make demo: set up and run the main job, offline.   make test: everything that must hold.
# LOCKED=1 installs the files of locked.txt, checked by hash.
PYTHON ?= python3
VENV ?= .venv
UV ?= uv
BIN = $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export HF_HUB_DISABLE_TELEMETRY = 1
# Two test workers with all of torch's threads each fight for the cores.
export OMP_NUM_THREADS = 1
# Hundreds of processes are started by the tests: without stored bytecode each compiles all modules.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint types imports unit slow docs lock clean

demo: $(VENV)/.installed
	$(BIN)/harness run --model demo --tasks squad,xsum,translation,sst2,bias --data sample --out runs/demo

test: lint types imports unit

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed
	$(BIN)/mypy

imports: $(VENV)/.installed
	$(BIN)/lint-imports

unit: $(VENV)/.installed
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow"

# Whole training runs, servers and published scores: many minutes more. New examples of properties.
slow: $(VENV)/.installed
	$(BIN)/pytest -m slow
	$(BIN)/pytest -m "hypothesis and not slow" --hypothesis-profile new

# The site, in build/site; it opens without a server.
docs: export NO_MKDOCS_2_WARNING = 1
docs: $(VENV)/.installed
	$(BIN)/mkdocs build

# The CPU build of torch is pinned first: a looser requirement would pull the CUDA packages.
# A new pip reads the metadata of packages without downloading them, in a third of the time.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(if $(LOCKED),$(BIN)/pip install --quiet --require-hashes --no-deps --requirement locked.txt)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[all,dev]'
	touch $@

# The comment at the top of locked.txt stays; the packages are those of constraints.txt.
lock:
	grep '^#' locked.txt > locked.partial
	grep -v '^torch==' constraints.txt | $(UV) pip compile --quiet --no-deps --generate-hashes \
		--no-header --no-annotate - >> locked.partial
	mv locked.partial locked.txt

clean:
	rm -rf $(VENV) build dist runs .mypy_cache .ruff_cache .pytest_cache
