# Thin on purpose: each target is one line that a person could type. On Windows, README.md has the same lines.
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-quick lint lab release book references validity benchmarks clean FORCE

COURSE := .venv/bin/autoencoder-course
PYTHON := .venv/bin/python

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' Makefile | expand -t 20

setup: .venv/installed ## make .venv/ with the pinned dependencies (every other target does it too)

demo: .venv/installed ## release, hand in, grade and tabulate a small demo class
	$(COURSE) demo

test: .venv/installed ## run the tests
	$(PYTHON) -m pytest -n auto --dist loadfile --no-loadscope-reorder

test-quick: .venv/installed ## run those tests that take seconds, for the loop of daily work (90 s)
	$(PYTHON) -m pytest -n auto --dist loadfile --no-loadscope-reorder --quick

lint: .venv/installed ## check the code: its look, common mistakes, and the walls between the wings (seconds)
	$(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check . && .venv/bin/lint-imports --no-cache

lab: .venv/installed ## open JupyterLab on your copy of the chapters, in work/
	$(COURSE) lab

release: .venv/installed ## make notebooks/ (for students) again from solutions/
	$(COURSE) release

book: .venv/installed ## build the book of the course, docs/_build/html/index.html (10 minutes, later seconds)
	$(COURSE) book

validity: .venv/installed ## grade the corpus of made-up submissions and compare the points (20 minutes)
	$(COURSE) validity

references: .venv/installed ## measure the reference values again (takes hours)
	$(COURSE) references

benchmarks: .venv/installed ## measure grading against nbgrader, the engine, and the floor (2.5 hours on an idle machine)
	for name in throughput floor against_nbgrader; do $(PYTHON) benchmarks/$$name.py || exit; done

clean: ## remove .venv/, demo/ and the book; work/, trained weights and measured references stay
	rm -rf .venv demo docs/_build docs/chapters *.egg-info .pytest_cache

# install.py does the set-up, and nothing where all is set up. A Python of a version that is right has to be found for
# it: the first of these, of which the first is the one that all tests run with.
is_right := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
no_python := The course needs Python 3.11, 3.12 or 3.13 with its venv module: install one (Debian: python3-venv) and try again, let conda bring one (conda env create --file environment.yml), or learn in the browser, with Colab or a JupyterHub.

.venv/installed: FORCE
	@python=$$(for p in python3.11 python3.13 python3.12 python3 python $(PYTHON); do \
	    "$$p" -c '$(is_right)' >/dev/null 2>&1 && echo "$$p" && break; done); \
	test -n "$$python" || { echo "$(no_python)" >&2; exit 1; }; \
	"$$python" install.py
