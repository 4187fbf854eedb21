# `make demo` builds the example site with the real model; `make test` runs every check.
# Both set up .venv by themselves.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint format stress bench clean

$(READY): requirements-dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(READY)

demo: $(READY)
	cd example_site && ../$(BIN)/pelican content -s pelicanconf.py -o output
	@echo
	@echo "Look at a page:  example_site/output/what-hydration-means.html"
	@echo "Or serve it all: $(BIN)/pelican -l -s example_site/pelicanconf.py example_site/content -o example_site/output"

test: $(READY) lint
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist example_site/output* example_site/cache
