# What a person runs here. `make demo` and `make test` need python3 (3.11 or newer) and nothing else.
PORT ?= 8000
SANDBOX_PORT ?= $(shell expr $(PORT) + 401)
PYTHON ?= python3
export PORTAL_URL ?= http://localhost:$(PORT)
export SANDBOX_URL ?= http://127.0.0.1:$(SANDBOX_PORT)
RUN = .venv-run/bin/python
DEV = .venv/bin/python
# Many tests wait for processes that they started: one more at work than there are cores.
PYTEST = $(DEV) -m pytest -q -n $(shell expr $$(nproc 2>/dev/null || echo 2) + 1) --dist loadfile --no-loadscope-reorder
ROUNDS ?= 50

.DEFAULT_GOAL := help
.PHONY: help demo demo-reset tour bench load queue test test-sqlite test-postgresql test-faults breaks mutants lighthouse pictures lint types format lock messages run-environment dev-environment page-tools

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run-environment:
	@command -v $(PYTHON) >/dev/null || { echo "python3 is not installed; Python 3.11 or newer is needed." >&2; exit 1; }
	@$(PYTHON) requirements/install.py run

dev-environment:
	@command -v $(PYTHON) >/dev/null || { echo "python3 is not installed; Python 3.11 or newer is needed." >&2; exit 1; }
	@$(PYTHON) requirements/install.py dev

page-tools:
	@$(PYTHON) requirements/node.py pages

demo: run-environment  ## try the portal against a pretend tenant (PORT=9000 make demo for another port)
	@LOG_LEVEL=$${LOG_LEVEL:-WARNING} exec $(RUN) manage.py demo

demo-reset: run-environment  ## forget the demo's data
	@$(RUN) manage.py demo --reset

tour: run-environment  ## run the main job by itself, step by step, with the evidence
	@$(RUN) manage.py tour

test: test-sqlite test-postgresql  ## run all tests on both databases; says what it had to skip

test-sqlite: dev-environment page-tools  ## run all tests on SQLite
	@echo "Tests on SQLite"; DATABASE_URL= $(PYTEST) $(TESTS)

test-postgresql: dev-environment page-tools  ## run all tests on a real PostgreSQL, which it brings along
	@echo "Tests on PostgreSQL"; $(DEV) -m tests.with_postgresql $(PYTEST) $(TESTS)

breaks: dev-environment  ## break each promise once, in a copy, and show that a test turns red
	@$(DEV) -m tests.breaks

test-faults: dev-environment  ## processes killed at exact moments, databases held, lost and full, 50 times each, on both
	@DATABASE_URL= FAULT_ROUNDS=$(ROUNDS) $(DEV) -m pytest -q tests/test_exact_kills.py tests/test_fault_rows.py \
	  tests/test_disk_full.py
	@FAULT_ROUNDS=$(ROUNDS) $(DEV) -m tests.with_postgresql $(DEV) -m pytest -q tests/test_exact_kills.py \
	  tests/test_fault_rows.py tests/test_postgresql_lost.py

bench: dev-environment  ## measure passes, pages, lists of a million, memory and start-up, on both databases
	@$(DEV) manage.py bench && DATABASE_URL= $(DEV) -m tests.benchmark
	@$(DEV) -m tests.with_postgresql --durable sh -c '$(DEV) manage.py bench --database "$$DATABASE_URL"'
	@$(DEV) -m tests.with_postgresql --durable $(DEV) -m tests.benchmark

load: dev-environment  ## hundreds of managers within a minute, each with a starter (LOAD="--starters 5000" for all)
	@$(DEV) -m tests.with_postgresql --durable $(DEV) -m tests.load $(LOAD)

queue: dev-environment  ## two hundred managers at once, and Microsoft at its published limit: a quarter of an hour
	@$(DEV) -m tests.with_postgresql --durable $(DEV) -m tests.in_line $(QUEUE)

mutants: dev-environment  ## make every small mistake in the heart, and see that a test notices it
	@$(DEV) -m tests.mutation

lighthouse: dev-environment  ## what Lighthouse says of the main pages (needs Node.js, npm and Chromium)
	@$(PYTHON) requirements/node.py lighthouse && $(DEV) -m tests.browser.lighthouse

pictures: dev-environment  ## take the pictures of docs/pictures anew, from the running demo
	@$(DEV) -m tests.browser.pictures

lint: dev-environment
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/djlint templates --check --lint --quiet
	@said=$$(DATABASE_URL= $(DEV) -m pytest -qq --collect-only 2>&1) || { echo "$$said" | tail -30; exit 1; }

types: dev-environment
	@.venv/bin/mypy portal onboarding

format: dev-environment
	@.venv/bin/ruff check --fix . ; .venv/bin/ruff format . ; .venv/bin/djlint templates --reformat --quiet

lock:  ## write the lock files anew (needs uv)
	@for set in run dev; do extra=; [ $$set = dev ] && extra="--extra dev"; \
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --upgrade $$extra pyproject.toml -o requirements/$$set.txt; done

messages: dev-environment  ## extract what is to be translated, and compile the translations (needs gettext)
	@command -v xgettext >/dev/null || { echo "gettext is not installed (on Debian: apt install gettext)." >&2; exit 1; }
	@$(DEV) manage.py makemessages --all --no-obsolete --no-wrap --add-location=file -i '.venv*' -i var -i tests -i requirements -i sandbox && \
	$(DEV) manage.py compilemessages -i '.venv*' -v 0
