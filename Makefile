# Everything needs Python >= 3.11, git and make; the rest is installed into .venv from requirements.lock.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
EXAMPLES ?= 40
AGAIN ?= 3
# Where this is set, each process compiles six hundred files at its start: an engine of five needs 3 s of processor time more.
export PYTHONDONTWRITEBYTECODE :=
SEEDS ?= 1000
FIRST ?= 1
JOBS ?= 1
BUG ?=
CLIENTS := $(patsubst tests/real_clients/locks/%.lock,%,$(wildcard tests/real_clients/locks/*.lock))
REDSHIFT_CLIENTS := $(patsubst tests/redshift_clients/locks/%.lock,%,$(wildcard tests/redshift_clients/locks/*.lock))
PEERS := airbyte-source-salesforce tap-salesforce

.PHONY: help setup demo up dashboards storm storm-planted test test-heavy test-incidents test-observability test-any-schema test-clients test-redshift-clients test-api-fuzz fuzz mutants coverage test-compose test-console test-deploy record-roles lint prose docs format bench bench-day bench-peers bench-writeback real-storm histories lock clean model test-model test-costly

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup: $(VENV)/.installed  ## install into .venv

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Tidegate needs Python 3.11 or newer; say which: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "installing into $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable .
	@touch $@

demo: setup  ## the main job: a surge of changes, then the proof that the warehouse equals the org
	@$(BIN)/tidegate demo $(ARGS)

up: setup  ## sandbox and engine on this machine, until Ctrl-C
	@$(BIN)/tidegate up $(ARGS)

# Four processes on two cores: tests wait for timers, polls and servers. Files are given out one by one, the slow ones come first in the
# alphabet: played through with the durations of the tests but for acceptance, that ends as early as --dist worksteal, and
# the fixtures of a module are made once. On a machine that is more than four times slower give TEST_SLOWNESS=8.
# AGAIN: so many failed tests are run once more alone and named as unsteady; 0 = a failure is a failure.
RUN_TESTS = $(BIN)/python -m tests.whole_run --again $(AGAIN) --numprocesses 4 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

test: setup  ## every law, and what is quick to say; starts the real parts that it needs
	@$(RUN_TESTS) $(ARGS)

test-costly: setup  ## what make test leaves out by tests/costly.py, and more random examples
	@TEST_EXAMPLES=4 $(RUN_TESTS) -m "(costly or hypothesis) and not model" $(ARGS)

test-heavy: setup  ## proofs that take minutes each: a demo with a generated catalogue, 800 fields of any kind
	@$(BIN)/python -m pytest -m heavy -o faulthandler_timeout=1800 $(ARGS)

test-incidents: setup  ## thirty incidents on running engines: named, ended by the runbook's command, and clean again
	@$(BIN)/python -m pytest -m service -o faulthandler_timeout=1800 tests/incidents $(ARGS)

test-deploy: setup .venv-clients/deploy-checkov/.installed .venv-clients/deploy-ministack/.installed  ## Terraform: format, validity, rules of checkov, and what is there once an emulator has it, and what each role may do; 4 minutes
	@$(BIN)/python -m pytest -m deploy -o faulthandler_timeout=1800 tests/deploy $(ARGS)

record-roles: setup  ## write down what each role asks of S3 and KMS, for the least privilege of its task role; 3 minutes
	@$(BIN)/python -m tests.deploy.roles.record

.venv-clients/deploy-%/.installed: tests/deploy/locks/%.lock
	@echo "installing $* (once)"
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

test-any-schema: setup  ## random schemas and values by every way in; EXAMPLES=40
	@TIDEGATE_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -m costly -o faulthandler_timeout=7200 tests/service/ingest/test_any_schema.py $(ARGS)

test-clients: setup $(CLIENTS:%=.venv-clients/%/.installed) .venv-clients/node/.installed .venv-clients/cli/.installed  ## clients that others wrote, against the sandbox org
	@$(BIN)/python -m pytest -m real_client tests/real_clients $(ARGS)

test-redshift-clients: setup $(REDSHIFT_CLIENTS:%=.venv-clients/redshift-%/.installed) .venv-clients/redshift-connector-source/.installed  ## drivers and tools that others wrote, against the stand-in for Redshift
	@$(BIN)/python -m pytest -m redshift_client tests/redshift_clients $(ARGS)

# Its tests are in no package. Where GitHub cannot be reached, the test of them fails, and the others run.
.venv-clients/redshift-connector-source/.installed:
	@git clone --quiet --depth 1 --branch v2.1.15 https://github.com/aws/amazon-redshift-python-driver $(@D) && touch $@ \
	  || echo "the tests of redshift_connector could not be cloned"

.venv-clients/redshift-%/.installed: tests/redshift_clients/locks/%.lock
	@echo "installing $* (once)"
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $<
	@touch $@
test-model: setup model  ## the reporting model by dbt: random histories, going on against from nothing; 5 minutes
	@$(BIN)/python -m pytest -m model tests/service/model $(ARGS)

test-console: setup .venv-clients/console/.installed  ## every page of the console in Chromium: accessibility, policy, pictures in var/console
	@$(BIN)/python -m pytest -m browser tests/service/api/test_console_browser.py $(ARGS)

test-compose: setup .venv-clients/compose/.installed  ## the image and docker-compose.yml on a Docker daemon: traffic, killed containers, equal records; 10 minutes
	@$(BIN)/python -m pytest -m compose -o faulthandler_timeout=3600 -p no:xdist tests/compose $(ARGS)

.venv-clients/compose/.installed: tests/compose/compose.lock
	@echo "installing Docker Compose (once)"
	@$(PYTHON) -m venv $(@D)/venv
	@$(@D)/venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

test-api-fuzz: setup .venv-clients/fuzz/.installed  ## the HTTP API under schemathesis; EXAMPLES=40
	@EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -m fuzz -o faulthandler_timeout=7200 tests/service/api/test_schemathesis.py $(ARGS)

SECONDS ?= 600
fuzz: setup .venv-clients/atheris/.installed  ## what reads from outside under atheris, a target after the other; SECONDS=600 each, TARGETS="soql bulk_csv"
	@PYTHONPATH=.venv-clients/atheris $(BIN)/python -m tests.fuzz $(TARGETS) --seconds $(SECONDS)

mutants: setup .venv-clients/mutants/.installed  ## mutation testing by room or file: make mutants ARGS="governor transforms/apply/fold.py --survivors"
	@PYTHONPATH=.venv-clients/mutants $(BIN)/python -m tests.mutants $(ARGS)

coverage: setup .venv-clients/mutants/.installed  ## branch coverage by tests/unit: a number, no gate; 5 minutes of processor time
	@PYTHONPATH=.venv-clients/mutants $(BIN)/python -m tests.coverage $(ARGS)

# Beside the engine's own environment, not in it: a tool that watches the code needs the code's packages.
.venv-clients/atheris/.installed: tests/fuzz/atheris.lock
	@echo "installing atheris (once)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --target $(@D) --requirement $<
	@touch $@

.venv-clients/mutants/.installed: tests/mutants/mutants.lock
	@echo "installing mutmut and coverage (once)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --target $(@D) --requirement $<
	@touch $@

.venv-clients/fuzz/.installed: tests/fuzz/schemathesis.lock
	@echo "installing schemathesis (once)"
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

.venv-clients/console/.installed: $(addprefix tests/console/,playwright.lock package.json package-lock.json .npmrc)
	@command -v chromium >/dev/null || { echo "make test-console needs Chromium: apt-get install --no-install-recommends chromium fonts-dejavu-core"; exit 1; }
	@command -v npm >/dev/null || { echo "make test-console needs npm, for axe-core: apt-get install npm"; exit 1; }
	@echo "installing playwright and axe (once)"
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@cp $(filter-out $<,$^) $(@D)/
	@npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --silent
	@touch $@

.venv-clients/node/.installed: $(addprefix tests/real_clients/,package.json package-lock.json .npmrc)
.venv-clients/cli/.installed: $(addprefix tests/real_clients/,cli/package.json cli/package-lock.json .npmrc)
.venv-clients/node/.installed .venv-clients/cli/.installed:
	@echo "installing $(if $(findstring /cli/,$@),the Salesforce CLI,the clients for node) (once)"
	@mkdir -p $(@D) && cp $^ $(@D)/
	@npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --silent
	@touch $@

model: .venv-clients/model/.installed  ## install dbt, which builds the reporting model, into an environment of its own

.venv-clients/model/.installed: deploy/model/dbt.lock
	@echo "installing dbt (once)"
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

.venv-clients/%/.installed: tests/real_clients/locks/%.lock
	@echo "installing $* (once)"
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

test-observability: setup .venv-clients/observability/.installed .venv-clients/prometheus/.installed  ## rules and dashboards against a real Prometheus that watches a running engine; 10 minutes
	@$(BIN)/python -m pytest -m observability -o faulthandler_timeout=1800 tests/observability $(ARGS)

dashboards: .venv-clients/observability/.installed  ## write Grafana's dashboards of deploy/observability
	@.venv-clients/observability/bin/python -m deploy.observability.dashboards

.venv-clients/observability/.installed: deploy/observability/requirements.lock
	@echo "installing grafana-foundation-sdk (once)"
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

# Debian's packages are unpacked, not installed: no service starts. Elsewhere put the programs on PATH.
.venv-clients/prometheus/.installed:
	@mkdir -p $(@D)
	@if ! { command -v prometheus && command -v promtool && command -v amtool; } > /dev/null; then \
	  command -v apt-get dpkg > /dev/null || { echo "Put prometheus, promtool and amtool on PATH: no apt-get here to fetch them."; exit 1; }; \
	  echo "fetching prometheus and alertmanager (once)"; \
	  cd $(@D) && apt-get download --quiet=2 prometheus prometheus-alertmanager \
	    || { echo "apt-get found no package; try apt-get update, or put prometheus, promtool and amtool on PATH."; exit 1; }; \
	  for each in *.deb; do dpkg -x $$each . && rm $$each; done; \
	fi
	@touch $@

storm: setup  ## random storms over the whole engine, each from its seed; SEEDS=1000, FIRST=1, JOBS=1
	@$(BIN)/python -m tests.storm --seeds $(SEEDS) --first $(FIRST) --jobs $(JOBS) $(ARGS)

storm-planted: setup  ## plant bugs and count the storms until each is found; BUG=NAME for one of them
	@$(BIN)/python -m tests.storm --seeds $(SEEDS) --planted $(BUG) $(ARGS)

lint: setup prose  ## ruff, mypy and the wording of docs and comments
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

prose: setup  ## wordings that are not used here, and long lines of prose
	@$(BIN)/python -m tests.prose

docs: setup  ## write the reference pages that are made from the code
	@$(BIN)/python -m tests.docs

format: setup  ## let ruff write the code's layout, and wrap prose
	@$(BIN)/python -m tests.prose --wrap
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup  ## the highest rate at which the engine keeps up, and processor time by step
	@$(BIN)/python -m benchmarks.capacity $(ARGS)

bench-day: setup  ## a day of 35 million changes against the org's limits, in compressed time; then without leases, which must fail
	@$(BIN)/python -m benchmarks.day $(ARGS)
	@! $(BIN)/python -m benchmarks.day --reckless $(ARGS)

bench-peers: setup $(PEERS:%=.venv-clients/%/.installed)  ## rows a second of a backfill beside two published connectors
	@$(BIN)/python -m benchmarks.peers $(ARGS)

bench-writeback: setup .venv-clients/lht/.installed  ## ten thousand writebacks a minute during a surge, amid trouble, beside other senders
	@$(BIN)/python -m benchmarks.writeback $(ARGS)

real-storm: setup  ## two hours on real parts amid killed processes, frozen remotes, a full disk, an outage and a deployment; ARGS="--minutes 20"
	@$(BIN)/python -m benchmarks.real_storm $(ARGS)

COMPILE = $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet

histories: setup  ## record histories of this version's workflows into tests/histories/VERSION, before it is released
	@$(BIN)/python -m tests.histories.record

lock: setup  ## write requirements.lock from pyproject.toml, and the image's locks of the same pins
	@$(BIN)/pip install --quiet uv
	@$(COMPILE) pyproject.toml --group sandbox --group dev --output-file requirements.lock
	@$(COMPILE) pyproject.toml --constraint requirements.lock --output-file deploy/image/runtime.lock
	@$(COMPILE) pyproject.toml --group sandbox --constraint requirements.lock --output-file deploy/image/sandbox.lock
	@$(COMPILE) deploy/image/build.in --constraint requirements.lock --output-file deploy/image/build.lock
	@$(COMPILE) tests/compose/compose.in --output-file tests/compose/compose.lock
	@for each in tests/deploy/locks/*.in tests/redshift_clients/locks/*.in; do $(COMPILE) $$each --output-file $${each%.in}.lock; done
	@for each in tests/fuzz/atheris tests/mutants/mutants; do $(COMPILE) --no-deps $$each.in --output-file $$each.lock; done
	@$(COMPILE) --no-strip-extras deploy/model/dbt.in --output-file deploy/model/dbt.lock
	@for each in tests/deploy/locks/*.in; do $(COMPILE) $$each --output-file $${each%.in}.lock; done

clean:  ## forget the environment and all local state
	@rm -rf $(VENV) .venv-clients var build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
