# What a person runs here. `make demo` and `make test` need python3 (3.11 or newer) and nothing else.
PORT ?= 8000
SANDBOX_PORT ?= $(shell expr $(PORT) + 401)
PYTHON ?= python3
export PORTAL_URL ?= http://localhost:$(PORT)
export SANDBOX_URL ?= http://127.0.0.1:$(SANDBOX_PORT)
RUN = .venv-run/bin/python
DEV = .venv/bin/python
# Many tests wait for processes that they started: one more at work than there are cores.
TEST_WORKERS ?= $(shell expr $$(nproc 2>/dev/null || echo 2) + 1)
PYTEST = $(DEV) -m pytest -q -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder
ROUNDS ?= 50
EACH_ONCE ?=
# The version of PostgreSQL that the tests run on, such as 15: one of the wheel's (16 and 18), or one that is installed.
PG_VERSION ?=
export PG_VERSION

# Many processes read the same modules: also where somebody wants no compiled ones kept, each compiling all of them
# would take a tenth of the time.
test test-all test-sqlite test-postgresql test-quick-313 lint breaks: export PYTHONDONTWRITEBYTECODE =

.DEFAULT_GOAL := help
.PHONY: help connectors demo demo-reset tour ticket-tour drill release bench load load-api slow queue failover test test-all test-sqlite test-postgresql test-quick-313 test-faults cases breaks breaks-all mutants lighthouse scan pictures tampering privacy metrics docs lint types format lock messages sbom licences run-environment dev-environment page-tools

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run-environment:
	@command -v $(PYTHON) >/dev/null || { echo "python3 is not installed; Python 3.11 or newer is needed." >&2; exit 1; }
	@$(PYTHON) requirements/install.py run

dev-environment:
	@command -v $(PYTHON) >/dev/null || { echo "python3 is not installed; Python 3.11 or newer is needed." >&2; exit 1; }
	@$(PYTHON) requirements/install.py dev

page-tools:
	@$(PYTHON) requirements/node.py pages && $(PYTHON) requirements/node.py queries

demo: run-environment  ## try the portal against a sandbox tenant (PORT=9000 for another port, PEOPLE=1 to list everybody)
	@LOG_LEVEL=$${LOG_LEVEL:-WARNING} AUDIT_TO_LOG=$${AUDIT_TO_LOG:-off} exec $(RUN) manage.py demo $(if $(PEOPLE),--people)

demo-reset: run-environment  ## forget the demo's data
	@$(RUN) manage.py demo --reset

tour: run-environment  ## run the main job by itself, step by step, with the evidence
	@$(RUN) manage.py tour

ticket-tour: run-environment  ## run a ticket's day by itself: another system adds a starter and follows it
	@$(RUN) manage.py ticket_tour

test:  ## run each test once, on the database it depends on, and on both where the database can change the result
	@$(MAKE) --no-print-directory test-sqlite EACH_ONCE=1 && $(MAKE) --no-print-directory test-postgresql EACH_ONCE=1

test-all:  ## run everything on both databases, the long runs whole (some hours)
	@RACE_ROUNDS=20 CANARY_ISSUES=20 API_CASES=900 $(MAKE) --no-print-directory test-sqlite test-postgresql
	@DATABASE_URL= $(DEV) -m tests.benchmark.long_import && $(DEV) -m tests.support.with_postgresql $(DEV) -m tests.benchmark.long_import
	@$(MAKE) --no-print-directory test-faults breaks-all drill

test-sqlite: dev-environment page-tools  ## run all tests on SQLite
	@echo "Tests on SQLite"; DATABASE_URL= EACH_ONCE=$(EACH_ONCE) $(PYTEST) $(TESTS)

test-postgresql: dev-environment page-tools  ## run all tests on a real PostgreSQL, its own, or PG_VERSION=15
	@echo "Tests on PostgreSQL"; EACH_ONCE=$(EACH_ONCE) $(DEV) -m tests.support.with_postgresql $(PYTEST) $(TESTS)

# Tables, Graph's answers over HTTP, pages and forms over the ORM, and tokens: no browser and no second process.
QUICK = tests/lifecycle tests/policy tests/guards/test_guards_table.py tests/signin/test_sign_in.py \
  tests/graph/test_graph_create.py tests/graph/test_graph_transport.py tests/graph/test_graph_passcode.py

test-quick-313:  ## run the quick part of the tests on Python 3.13, where that is found
	@python=$$(requirements/find-python 3.13) || { echo "Python 3.13 was not found: its tests did not run."; exit 0; }; \
	$$python requirements/install.py quick && \
	DATABASE_URL= EACH_ONCE=$(EACH_ONCE) .venv-3.13/bin/python -m pytest -q -n 2 --dist loadfile -p no:playwright -p no:cacheprovider $(QUICK)

cases: dev-environment page-tools  ## drive each case that was once found, as an outsider does
	@DATABASE_URL= $(PYTEST) tests/cases tests/browser -k "cases or $(shell seq -s ' or ' -f 'test_p%g_' 1 9) or $(shell seq -s ' or ' -f 'test_h%g_' 1 12)"

breaks: dev-environment  ## break each promise once, in a copy, and show that a test turns red
	@EACH_ONCE= $(DEV) -m tests.repository.breaks $(if $(EACH_ONCE),--sample)

breaks-all: dev-environment  ## the same, and undo the fix of each case once: that case's own test must notice (half an hour)
	@$(DEV) -m tests.repository.breaks --all

test-faults: dev-environment  ## processes killed at exact moments, databases held, lost and full, 50 times each, on both
	@DATABASE_URL= FAULT_ROUNDS=$(ROUNDS) $(DEV) -m pytest -q tests/faults/test_exact_kills.py tests/faults/test_fault_rows.py \
	  tests/faults/test_disk_full.py
	@FAULT_ROUNDS=$(ROUNDS) $(DEV) -m tests.support.with_postgresql $(DEV) -m pytest -q tests/faults/test_exact_kills.py \
	  tests/faults/test_fault_rows.py tests/faults/test_postgresql_lost.py

drill: dev-environment  ## back up under load, restore beside, adopt, reconcile, and upgrade twice (ten minutes; LOAD="--starters 60" for more)
	@$(DEV) -m tests.drill $(LOAD)

release:  ## commit, tag and archive a version, with notes and checksums (VERSION=1.2.0; DRY_RUN=1 only shows the notes)
	@$(PYTHON) requirements/release.py $(if $(VERSION),$(VERSION),"") $(if $(DRY_RUN),--dry-run)

bench: dev-environment  ## measure clicks, pages, lists of a million, imports, memory, start-up (BENCH="--sizes 10000 100000")
	@$(DEV) -m tests.benchmark.whole $(BENCH)

load: dev-environment  ## hundreds of managers within a minute, each with a starter (LOAD="--starters 5000" for all)
	@$(DEV) -m tests.support.with_postgresql --durable $(DEV) -m tests.performance.load $(LOAD)

load-api: dev-environment  ## five thousand tickets over four connections, while managers create passes (LOAD="--tickets 500" for fewer)
	@$(DEV) -m tests.support.with_postgresql --durable $(DEV) -m tests.performance.load_api $(LOAD)

slow: dev-environment  ## a minute of 200 slow and 500 idle clients, without a proxy in front
	@DATABASE_URL= $(DEV) -m tests.performance.slow_clients $(SLOW)

queue: dev-environment  ## two hundred managers at once, and Microsoft at its published limit: a quarter of an hour
	@$(DEV) -m tests.support.with_postgresql --durable $(DEV) -m tests.performance.queue_times $(QUEUE)

failover: dev-environment  ## kill PostgreSQL's primary while managers create passes, and promote its replica
	@FAILOVER_PASSES=$${FAILOVER_PASSES:-48} $(DEV) -m tests.support.with_postgresql \
	  $(DEV) -m pytest -q -s tests/postgresql/test_failover.py

mutants: dev-environment  ## make every small mistake in the heart, and see that a test notices it
	@$(DEV) -m tests.mutation

lighthouse: dev-environment  ## what Lighthouse says of the main pages (needs Node.js, npm and Chromium)
	@$(PYTHON) requirements/node.py lighthouse && $(DEV) -m tests.browser.lighthouse

scan: dev-environment  ## what the scanners Wapiti and sqlmap find in the running demo (needs both; a quarter of an hour)
	@$(DEV) -m tests.scanning

connectors: dev-environment  ## write connectors/openapi.json and connectors/swagger.json from the code
	@$(DEV) -m tests.connectors.written

tampering: dev-environment  ## write docs/reference/tampering.md from the table of its tests
	@$(DEV) manage.py shell -v 0 --no-imports -c "from tests.audit import tamperings; tamperings.save_document()"

privacy: dev-environment  ## write docs/reference/data-kept.md from the rules about personal data
	@$(DEV) manage.py shell -v 0 --no-imports -c "from onboarding.privacy import document; document.save_page()"

metrics: dev-environment  ## write docs/reference/metrics.md from the table of metrics
	@$(DEV) manage.py shell -v 0 --no-imports -c "from onboarding.metrics import document; document.save_page()"

pictures: dev-environment  ## take the pictures of docs/pictures anew, from the running demo
	@$(DEV) -m tests.browser.pictures

docs:  ## build the documents as a web site with search, into var/docs-site (needs npm for the diagrams)
	@$(PYTHON) requirements/install.py docs && $(PYTHON) requirements/node.py docs
	@.venv-docs/bin/python requirements/docs_site.py

lint: dev-environment
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/djlint templates --check --lint --quiet
	@said=$$(DATABASE_URL= $(DEV) -m pytest -qq --collect-only 2>&1) || { echo "$$said" | tail -30; exit 1; }

types: dev-environment
	@.venv/bin/mypy portal onboarding

format: dev-environment
	@.venv/bin/ruff check --fix . ; .venv/bin/ruff format . ; .venv/bin/djlint templates --reformat --quiet

lock:  ## write the lock files anew (needs uv)
	@for set in run dev docs; do extra=; [ $$set = dev ] && extra="--extra dev"; \
	from=pyproject.toml; [ $$set = docs ] && from=requirements/docs/packages.in; \
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --upgrade $$extra $$from -o requirements/$$set.txt; done

sbom: dev-environment  ## write var/sbom.json: what the portal runs on, with versions, hashes and licences (CycloneDX)
	@$(DEV) requirements/sbom.py sbom

licences: dev-environment  ## write docs/reference/licences.md from the lock file
	@$(DEV) requirements/sbom.py licences

messages: dev-environment  ## extract what is to be translated, and compile the translations (needs gettext)
	@command -v xgettext >/dev/null || { echo "gettext is not installed (on Debian: apt install gettext)." >&2; exit 1; }
	@$(DEV) manage.py makemessages --all --no-obsolete --no-wrap --add-location=file -i '.venv*' -i var -i tests -i requirements -i sandbox && \
	$(DEV) manage.py compilemessages -i '.venv*' -v 0
