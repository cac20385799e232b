# Two commands matter: `make demo` shows the system at work, `make test` checks it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test serve bench docs lint clean

BIN := .venv/bin
WORKERS ?= 3
keep := $(filter-out 0 no false,$(KEEP))
heading = printf '\n==> %s\n' '$(1)'

help: ## List what can be made
	@sed -nE 's/^([a-z]+): .*## (.*)/\1|\2/p' Makefile | awk -F'|' '{printf "make %-6s %s\n", $$1, $$2}'

demo: ## Run a whole facility on this machine and play a beamtime (KEEP=1 leaves it up)
	@tools/bootstrap.sh demo
	@$(BIN)/beamkeeper demo $(if $(keep),--keep)

test: ## Install what the checks need and run every one of them
	@tools/bootstrap.sh test
	@$(MAKE) --no-print-directory lint
	@$(call heading,pytest: $(or $(TESTS),tests))
	@$(BIN)/pytest -n $(WORKERS) --dist loadgroup $(TESTS)

serve: ## Run the long-lived system: Prefect server, workers, gateway, relay
	@tools/bootstrap.sh serve
	@exec $(BIN)/beamkeeper serve

bench: ## Measure the figures of benchmarks/
	@tools/bootstrap.sh bench
	@for script in $(or $(BENCH),benchmarks/*_bench.py); do \
		echo; echo "==> $$script"; $(BIN)/python "$$script"; done

docs: ## Write the generated reference pages again
	@tools/bootstrap.sh serve
	@$(BIN)/beamkeeper docs

lint: ## Style, types, import directions, fresh generated pages (no tests)
	@tools/bootstrap.sh serve
	@$(call heading,ruff check)
	@$(BIN)/ruff check .
	@$(call heading,ruff format)
	@$(BIN)/ruff format --check .
	@$(call heading,mypy --strict)
	@$(BIN)/mypy
	@$(call heading,import directions)
	@$(BIN)/lint-imports --no-logo
	@$(call heading,generated pages are fresh)
	@$(BIN)/beamkeeper docs --check

clean: ## Remove caches, build products and what the demo left (never a catalog)
	@rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache var/demo
	@find . -path ./.venv -prune -o -path ./var -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
