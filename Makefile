# Short names for what scripts/ does. Every target installs what it needs first.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo test coverage format lint types check schemas clean setup
BIN := .venv/bin

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 12

demo: ## show the main job in a private, disposable libvirt host
	@scripts/demo

test: ## run all the tests
	@scripts/test

coverage: setup ## run all the tests and show the lines and branches that none reaches
	$(BIN)/python -m pytest --numprocesses=auto --dist=worksteal --cov --cov-report=term

format: setup ## write the code the one way
	$(BIN)/ruff check --fix --exit-zero --quiet
	$(BIN)/ruff format

lint: setup ## check format and rules
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: setup ## check the types, twice
	$(BIN)/mypy
	$(BIN)/pyright

check: lint types test ## everything that a change must pass

schemas: setup ## write the generated files again: schemas/*.json and docs/reference.md
	$(BIN)/python -m netreconcile.reference

clean: ## remove what builds, tests and set-up made
	rm -rf .venv .venv-oldest .libvirt-* build dist htmlcov .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup:
	@python3 scripts/setup.py dev
