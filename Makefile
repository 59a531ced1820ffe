# Everything runs in .venv; `make help` tells what there is.
PYTHON ?= python3
VENV ?= .venv
DATASET ?= digits
BIN := $(VENV)/bin
# So many files of tests that need no Ray are passed at a time.
WORKERS ?= 2
WITH_RAY := tests/numerics/test_real_mnist.py tests/browser/test_page_training.py
TORCH := "torch~=2.13.0" "torchvision~=0.28.0"

# Without byte code on the disk, each process of each cluster would compile Tandem anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help venv install demo serve test test-extended check lint chaos bench-seed bench-start bench-network bench-recovery bench-pipeline bench-combining bench-rest bench-listeners bench-log bench-store bench-planning bench-wire bench-reading bench-predictions bench docs dist client constraints clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  Variables: PYTHON=python3.x  TORCH_INDEX=<address of a package index with CPU-only torch>"

venv: $(VENV)/.installed ## make .venv and install Tandem
install: venv ## the same

demo: $(VENV)/.installed ## train on two devices and show it (DATASET=digits|MNIST, KEEP=1 leaves it running)
	$(BIN)/tandem demo --dataset $(DATASET) $(if $(KEEP),--keep)

serve: $(VENV)/.installed ## start the gateway on port 4000
	$(BIN)/tandem serve

test: $(VENV)/.installed-test ## pass the tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile tests/policy tests/unit tests/numerics tests/browser \
	  $(addprefix --ignore=,$(WITH_RAY)) $(if $(REPORTS),--junitxml=$(REPORTS)/side-by-side.xml)
	$(BIN)/python -m pytest --durations 30 $(WITH_RAY) tests/integration tests/chaos \
	  $(if $(REPORTS),--junitxml=$(REPORTS)/one-by-one.xml)

.PHONY: test-repeat
test-repeat: ## pass them in a fresh clone again and again (RUNS=10, LOAD=1 keeps one core busy)
	$(PYTHON) -m tests.repeat --runs $(or $(RUNS),10) $(if $(LOAD),--load)

test-extended: $(VENV)/.installed-test ## pass the tests that `test` leaves out: half a minute or more each
	TANDEM_EXTENDED_TESTS=1 $(BIN)/python -m pytest -m extended

check: lint test ## ruff, mypy, import contracts, tests

lint: $(VENV)/.installed-test ## check without the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench-seed: $(VENV)/.installed ## measure MNIST on two devices, write docs/benchmarks.md
	$(BIN)/python -m benchmarks.seed_job

bench-start: $(VENV)/.installed ## measure the time to the first optimiser step
	$(BIN)/python -m benchmarks.start_up

bench-network: $(VENV)/.installed-test ## measure training over links of several kinds (root)
	$(BIN)/python -m benchmarks.network

bench-recovery: $(VENV)/.installed-test ## measure recovery, and what it costs to be ready for it
	$(BIN)/python -m benchmarks.recovery

bench-pipeline: $(VENV)/.installed-bench ## measure two stages against torch.distributed.pipelining
	$(BIN)/python -m benchmarks.pipeline

bench-combining: $(VENV)/.installed-test ## measure what combining devices brings (ONLY="combine unlike predict")
	$(BIN)/python -m benchmarks.combining $(if $(ONLY),--only $(ONLY))

bench-rest: $(VENV)/.installed-test ## measure reads of the API while a job trains
	$(BIN)/python -m benchmarks.rest_reads

bench-listeners: $(VENV)/.installed-test ## measure what listeners cost a job that trains
	$(BIN)/python -m benchmarks.listeners

bench-log: $(VENV)/.installed-test ## measure views of a job with a million steps
	$(BIN)/python -m benchmarks.long_log

bench-store: $(VENV)/.installed-test ## measure answers and the page where a thousand jobs are kept
	$(BIN)/python -m benchmarks.full_store

bench-planning: $(VENV)/.installed-test ## measure how long plans and simulations take
	$(BIN)/python -m benchmarks.planning

bench-wire: $(VENV)/.installed-test ## measure what rounding messages costs, saves and does to the loss
	$(BIN)/python -m benchmarks.wire

bench-reading: $(VENV)/.installed-test ## measure training on data that is read meanwhile
	$(BIN)/python -m benchmarks.reading

bench-predictions: $(VENV)/.installed-test ## measure how long requests to a trained job take
	$(BIN)/python -m benchmarks.predictions

bench: bench-planning bench-log bench-store bench-wire bench-reading bench-predictions bench-pipeline bench-combining bench-seed bench-start bench-rest bench-listeners bench-recovery ## measure all but the network

docs: $(VENV)/.installed-docs ## build the documentation as a site in build/site; fails on a broken link
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Open build/site/index.html"

dist: $(VENV)/.installed-test ## build wheel and sdist, and train from the wheel in an empty environment
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	$(PYTHON) -m venv --clear build/smoke
ifneq ($(TORCH_INDEX),)
	build/smoke/bin/pip install --no-deps --index-url $(TORCH_INDEX) $(TORCH)
endif
	build/smoke/bin/pip install --constraint constraints.txt dist/*.whl
	build/smoke/bin/python tests/support/wheel_smoke.py build/smoke/bin/tandem
	rm -rf build/smoke

client: $(VENV)/.installed-test ## write the types of TandemClient's methods, from the table of operations
	$(BIN)/python -m tests.support.client_stub

constraints: $(VENV)/.installed-test $(VENV)/.installed-docs ## write constraints.txt: the versions in .venv
	grep '^#' constraints.txt > constraints.txt.new
	$(BIN)/pip freeze --exclude-editable | sed 's/+cpu$$//' >> constraints.txt.new
	mv constraints.txt.new constraints.txt

.PHONY: screenshots
screenshots: $(VENV)/.installed-test ## take pictures of every view of the page, in both themes, for the documentation
	$(BIN)/python -m tests.browser.screenshots

chaos: $(VENV)/.installed-test ## kill and freeze parts of a training cluster (SEED=1 RUNS=10 ARGS=--help)
	$(BIN)/python -m tests.chaos.run --seed $(or $(SEED),1) --runs $(or $(RUNS),10) $(ARGS)

clean: ## remove .venv and what the tools left
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: what is installed already costs nothing.
$(VENV)/.installed: setup.py
	@echo "Making $(VENV) with Ray, PyTorch and Flask: about 1.5 GB on disk, 0.5 GB to download, some"
	@echo "minutes with a quick connection; nothing outside $(VENV) is touched."
ifeq ($(TORCH_INDEX),)
ifeq ($(shell uname -s),Linux)
	@echo "On Linux the plain torch brings CUDA, several GB more. For a CPU-only one, give the address"
	@echo "of PyTorch's CPU wheels (its installation page names it): make <target> TORCH_INDEX=<address>"
endif
endif
	$(PYTHON) -m venv $(VENV)
ifneq ($(TORCH_INDEX),)
# Without dependencies: those come from the usual index below.
	$(BIN)/pip install --no-deps --index-url $(TORCH_INDEX) $(TORCH)
endif
	$(BIN)/pip install --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/pip install --editable ".[test]"
	@touch $@

$(VENV)/.installed-bench: $(VENV)/.installed-test
	$(BIN)/pip install --editable ".[bench]"
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/pip install --editable ".[docs]"
	@touch $@
