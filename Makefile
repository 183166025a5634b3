# Every target works on a fresh machine with python3 (3.10 to 3.13) and make.
PYTHON ?= python3
BIN := .venv/bin
SHELL := /bin/sh
# Runs of a few minutes on a few days of data end before Java's optimising compiler and the
# statistics of data files pay off.
QUICK := FOOTFALL_JIT_LEVEL=1 FOOTFALL_DATA_SKIPPING=false
# make test keeps its tables apart from yours, and starts from none.
SAMPLE_HOME := target/sample
SAMPLE := $(QUICK) FOOTFALL_HOME="$$PWD/$(SAMPLE_HOME)" FOOTFALL_CACHE="$$PWD/.footfall/cache"

# make demo DEMO="--days 3 --users 200" is a small one.
DEMO ?=

# make test TORCH=1 (any target that sets up) also installs PyTorch: about 5 GB on Linux.
TORCH ?=
# TRAIN=1 installs what `footfall train-example` needs: MLflow and scikit-learn.
TRAIN ?=
EXTRAS := $(if $(TORCH),--torch) $(if $(TRAIN),--train)

.PHONY: help demo test setup setup-dev static lint types sql-lint parse check build-sample pythons odd-paths docs site lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

demo: setup ## set everything up and run the main job on generated data
	@$(QUICK) $(BIN)/footfall demo $(DEMO)

test: setup-dev lint ## set everything up and pass every check
	@$(MAKE) --no-print-directory -j 2 build-sample static
	@$(MAKE) --no-print-directory check
	@echo "make test: all checks passed but for what is listed as left out"

setup: ## virtual environment, packages, Java, Delta's jars
	@"$(PYTHON)" scripts/setup.py $(EXTRAS)

setup-dev: ## the same, with the tools that make test needs
	@"$(PYTHON)" scripts/setup.py --dev $(EXTRAS)

# Not parse: among pytest's tests each target is parsed.
static: types sql-lint

lint: ## ruff: lint and format; which module may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo --no-cache

types: ## mypy, strict
	$(BIN)/mypy -p footfall -p benchmarks
	$(BIN)/mypy python_jobs/dbt_footfall.py
	$(BIN)/mypy examples/train_ranker.py examples/superset/bundle.py

sql-lint: ## sqlfluff, dialect sparksql (its templater does not know the snapshot tag)
	$(BIN)/sqlfluff lint --disable-progress-bar models data_tests/singular analyses

parse: ## dbt parse for every target, no secret set
	@for target in local connect thrift databricks; do \
		echo "dbt parse --target $$target"; \
		$(BIN)/dbt --quiet --warn-error parse --target $$target --no-partial-parse \
			--target-path target/parse-$$target || exit 1; \
	done

# One Spark session plans on one core for half of its time: two fill two cores. tests/conftest.py
# gives files that share a home to one of them. In the order of the
# folders the short tests come last, and both workers end together.
check: ## pytest: unit, integration and oracle tests
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

build-sample: ## the demo on a small sample, then a dbt build with nothing new
	rm -rf $(SAMPLE_HOME)
	$(SAMPLE) $(BIN)/footfall demo --days 3 --users 200
	$(SAMPLE) FOOTFALL_TINY_TABLES=true $(BIN)/dbt build --exclude-resource-type test --exclude-resource-type unit_test

pythons: ## set-up, lint, types and parse on each Python that this machine has
	@"$(PYTHON)" scripts/check_pythons.py

odd-paths: ## make demo and make test in a clone with spaces, brackets and umlauts in its path
	@scripts/check_odd_paths.sh

docs: ## dbt's documentation as one page
	$(BIN)/dbt docs generate --static
	@echo "Open target/static_index.html: search, columns, lineage; it needs no server."

site: ## a site of README.md and docs/, to read without a server or a network
	@"$(PYTHON)" scripts/build_site.py

# The last two are one extra each. torch goes without triton: a gigabyte, for torch.compile only.
lock: ## renew the lock files (needs uv)
	uv pip compile -q --upgrade --python-version 3.10 --universal --no-header --no-strip-extras \
		--generate-hashes --extra dev pyproject.toml -o requirements-dev.lock
	uv pip compile -q --python-version 3.10 --universal --no-header --no-strip-extras \
		--generate-hashes -c requirements-dev.lock pyproject.toml -o requirements.lock
	echo 'torch>=2.4' | uv pip compile -q --upgrade --python-version 3.10 --universal --no-header \
		--no-strip-extras --generate-hashes --no-emit-package triton -c requirements-dev.lock \
		- -o requirements-torch.lock
	printf '%s\n' 'mlflow-skinny>=3.4' 'scikit-learn>=1.5' 'sqlalchemy>=2' 'alembic>=1.13' \
		| uv pip compile -q --upgrade --python-version 3.10 --universal --no-header \
		--no-strip-extras --generate-hashes -c requirements-dev.lock - -o requirements-train.lock

clean: ## remove built state (tables, caches), keep .venv
	rm -rf .footfall target logs .pytest_cache .mypy_cache .ruff_cache
