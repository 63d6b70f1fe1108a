# Everything that a checkout can do. Needs only Python 3.11 or newer with pip, and make.
# `make` alone lists the targets.

PYTHON ?= python3
REPO ?=
ARGS ?=
N ?= 10000

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
KAFKA := var/kafka/.fetched
H2SPEC := var/go/bin/h2spec
GO_CLIENT := var/go/bin/grpc-go-client
GHZ := v0.93.0
COMPILED := $(wildcard features/compiled/*.pyx features/compiled/*.pxd)
CODE := features streams grpc_api offline_training monitoring deploy millstream tests feature_repo setup.py
PYTEST := $(BIN)/pytest -n auto --dist loadscope --no-loadscope-reorder
MILLSTREAM := $(BIN)/millstream $(if $(REPO),--repo $(REPO))

# uv reads the system's certificates only when told to; bytecode is compiled once, at installation
export UV_SYSTEM_CERTS := 1
export PYTHONDONTWRITEBYTECODE :=
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(INSTALLED) ## Build .venv from requirements.lock; .venv/bin/millstream is the command

$(INSTALLED): requirements.lock pyproject.toml setup.py $(COMPILED)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Millstream needs Python 3.11 or newer; name one: make setup PYTHON=python3.11" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv --without-pip --clear $(VENV)
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.txt
	@$(PYTHON) -m pip --python $(BIN)/python install --quiet --require-hashes --only-binary :all: -r $(VENV)/uv.txt
	@echo "installing the packages of requirements.lock into $(VENV)" >&2
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r requirements.lock
	@rm -rf build features/compiled/*.so
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: demo
demo: $(INSTALLED) ## Run the whole story on real purchases (another domain: REPO=dir)
	@$(MILLSTREAM) demo $(ARGS)

.PHONY: up
up: $(INSTALLED) ## Start the embedded stack and leave it running (REPO=dir)
	@$(MILLSTREAM) up $(ARGS)

.PHONY: down
down: $(INSTALLED) ## Stop the embedded stack (REPO=dir)
	@$(MILLSTREAM) down $(ARGS)

.PHONY: test
test: fetch check ## Check, then run the whole test suite with real servers
	@$(PYTEST) $(ARGS)

.PHONY: test-faults
test-faults: $(INSTALLED) ## Run the fault tests alone
	@$(PYTEST) -m faults $(ARGS)

.PHONY: test-peers
test-peers: fetch ## Hold every peer of the stream's bench to the same results, and clients in Java (downloads them)
	@$(BIN)/pytest -m 'peers or not peers' tests/deploy/peers tests/grpc_api/http2/test_foreign_clients.py $(ARGS)

.PHONY: test-clients
test-clients: clients ## Run tritonclient, KServe's and MLServer's clients against a scorer (downloads them)
	@$(BIN)/pytest tests/clients $(ARGS)

# The environment of the S3 server of the tests below var/: it needs older packages than ours.
.PHONY: object-store
object-store: $(INSTALLED) ## Install the S3 server that datasets are tested with (downloads it)
	@$(BIN)/python -m tests.object_store.environment

# The environment of foreign clients below var/: their protobuf is older than ours.
.PHONY: clients
clients: $(INSTALLED)
	@$(BIN)/python -m tests.clients.environment

.PHONY: check
check: $(INSTALLED) ## Format, lint, types, import contracts, generated stubs, documents
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m grpc_api.stubs --check
	@$(BIN)/python -m deploy.reference_pages --check
	@$(BIN)/pytest --quiet -m 'not servers' tests/docs

.PHONY: fuzz
fuzz: $(INSTALLED) ## Send N requests that no client of good will sends to a scorer of its own (N=100000)
	@$(BIN)/python -m deploy.fuzz $(N) $(ARGS)

.PHONY: ghz
ghz: ## Build the load generator ghz, which the scorer's bench asks beside its own (needs Go)
	@command -v go >/dev/null || { echo "ghz needs Go on PATH" >&2; exit 2; }
	@GOBIN=$(CURDIR)/var/go/bin go install github.com/bojand/ghz/cmd/ghz@$(GHZ)

.PHONY: performance
performance: fetch ## Run every bench but faults and write docs/performance.md (some of them: ARGS="stream score")
	@if command -v go >/dev/null; then $(MAKE) --no-print-directory ghz; fi
	@$(BIN)/python -m deploy.performance $(ARGS)

.PHONY: format
format: $(INSTALLED) ## Format the code, mend what lint can, write the generated pages anew
	@$(BIN)/ruff check --fix --quiet $(CODE) || true
	@$(BIN)/ruff format $(CODE)
	@$(BIN)/python -m deploy.reference_pages

.PHONY: servers
servers: debian-packages fetch ## Install what the tests against Apache Kafka, Redis, PostgreSQL and Prometheus need

# Fetches below var/ what the tools on this machine can fetch; Debian packages only on a machine made for tests.
.PHONY: fetch
fetch: $(INSTALLED)
	@if [ "$$CI" = true ]; then $(MAKE) --no-print-directory debian-packages clients object-store; fi
	@if command -v java >/dev/null && command -v mvn >/dev/null; then $(MAKE) --no-print-directory $(KAFKA); fi
	@if command -v go >/dev/null; then $(MAKE) --no-print-directory $(H2SPEC) $(GO_CLIENT) \
	  || echo "what is written in Go could not be built: its tests are skipped" >&2; fi

.PHONY: debian-packages
debian-packages:
	@missing=; \
	command -v redis-server >/dev/null || missing="$$missing redis-server"; \
	command -v promtool >/dev/null || missing="$$missing prometheus"; \
	command -v javac >/dev/null || missing="$$missing openjdk-17-jdk-headless"; \
	command -v mvn >/dev/null || missing="$$missing maven"; \
	command -v go >/dev/null || missing="$$missing golang-go"; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$$missing postgresql"; \
	if [ -n "$$missing" ]; then \
	  as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
	  $$as_root apt-get update -qq && \
	  $$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >&2; \
	fi

$(KAFKA): deploy/kafka/pom.xml
	@echo "fetching Apache Kafka into var/kafka" >&2
	@mvn -q -B -f deploy/kafka/pom.xml dependency:copy-dependencies -DincludeScope=runtime \
	  -DoutputDirectory=$(CURDIR)/var/kafka
	@touch $@

$(H2SPEC):
	@echo "building h2spec into var/go" >&2
	@GOBIN=$(CURDIR)/var/go/bin go install github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible

$(GO_CLIENT): $(wildcard tests/grpc_api/clients/go/*)
	@echo "building the client in Go into var/go" >&2
	@cd tests/grpc_api/clients/go && go build -o $(CURDIR)/$@ .

.PHONY: lock
lock: $(INSTALLED) ## Pin the packages of pyproject.toml anew, with hashes and without addresses
	@$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --python-version 3.11 --universal \
	  -o requirements.lock pyproject.toml --group dev

.PHONY: clean
clean: ## Remove .venv, var (all state of all domains) and every cache
	@if [ -x $(BIN)/millstream ]; then $(MILLSTREAM) down >/dev/null 2>&1 || true; fi
	@rm -rf $(VENV) var build dist features/compiled/*.so *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
