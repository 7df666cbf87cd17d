# `make demo` and `make test` do everything on a machine with python3 (and its venv), git and make;
# with node and npm too, the tests also run on MicroPython's WebAssembly port.
# Each target makes what it needs: .venv, and the WebAssembly port and type stubs in build/.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SECONDS ?= 60
SEEDS ?= 1000
NODES ?= 10000
N ?= 20
LIVES ?= 20
STARTS ?= 1000
MB ?= 200
KILLS ?= 50
INPUTS ?= 1000000

# The plain tag installs 1.27; this is the release that the unix port and mpy-cross match.
WASM_PACKAGE := @micropython/micropython-webassembly-pyscript
WASM_VERSION := >=1.29.0-6

STUBS := micropython-unix-stubs>=1.29

.PHONY: help demo test test-compiled test-versions lint format bench bench-compiled bench-datagrams bench-crypto bench-board bench-discovery bench-hub bench-links bench-resume bench-services bench-reach bench-share-board bench-sim bench-congestion bench-wake soak soak-sim soak-memory soak-starts soak-attack soak-line soak-values soak-services soak-updates soak-fleet mutants sizes memory boards story docs-states docs-api docs-floors docs-figures docs-story docs-commands screens golden clean
.DELETE_ON_ERROR:

help:
	@echo "make demo          start two nodes and let them talk"
	@echo "make test          every test, on every interpreter that is here"
	@echo "make test-compiled  the same against the core that mypyc has compiled; TESTS=tests/core for a part"
	@echo "make test-versions  the same on each CPython from 3.10 to 3.14 that is here"
	@echo "make lint          ruff and mypy"
	@echo "make format        let ruff mend and lay out what it can"
	@echo "make bench         throughput and latency, as ratios"
	@echo "make bench-datagrams  sessions over UDP beside TCP and aioquic, as ratios"
	@echo "make bench-compiled  the compiled core and the one of Python, each beside TLS, as ratios"
	@echo "make bench-crypto  the crypto kernels on MicroPython, as ratios"
	@echo "make bench-board   instructions of a MicroPython node for each echoed message, by valgrind"
	@echo "make bench-discovery  what an announcement costs among 10 to 1000 nodes"
	@echo "make bench-gateways  two gateways at mosquitto and 500 nodes: messages a second, and the gap at a takeover"
	@echo "make bench-hub     what an echo costs at a hub with 1 to 1000 sessions; SESSIONS=5000 opens so many"
	@echo "make bench-links   sessions over QUIC and WebSockets beside TCP and aioquic, as ratios"
	@echo "make bench-resume  sessions that begin with a ticket, beside TLS and full handshakes"
	@echo "make bench-wake    a sensor's start in parts, until it sleeps again"
	@echo "make bench-services  calls beside a bare stream, calls and topics beside MQTT, as ratios"
	@echo "make bench-reach   sessions through a broker beside plain MQTT at the same one, as ratios; and bench-gateways"
	@echo "make bench-sim     goodput over a simulated path with losses, beside aioquic"
	@echo "make bench-congestion  shares of a bottleneck and queues, beside NewReno and aioquic, in virtual time"
	@echo "make bench-share-board  files to a MicroPython node and back, beside its file system alone"
	@echo "make soak          new random examples for SECONDS=$(SECONDS)"
	@echo "make soak-sim      simulated sessions with faults, SEEDS=$(SEEDS)"
	@echo "make soak-nodes   NODES=$(NODES) simulated nodes in one network, a session with each neighbour"
	@echo "make soak-memory   every allocation of whole exchanges fails once; about an hour"
	@echo "make soak-starts   STARTS=$(STARTS) starts of boards for each size of a heap in pieces"
	@echo "make soak-attack   attackers at random against real nodes for SECONDS=$(SECONDS), SEED=n again"
	@echo "make soak-line     a slow board on a cable: every speed, turn and noise; a minute"
	@echo "make soak-values   INPUTS=$(INPUTS) values and bytes at random, beside cbor2; a minute or two"
	@echo "make soak-updates  LIVES=$(LIVES) of boards that are updated, their power cut at every write"
	@echo "make soak-services  calls and topics at random, in one process and several, for SECONDS=$(SECONDS)"
	@echo "make soak-fleet   fifty simulated boards and five processes that are updated by one command"
	@echo "make soak-share    MB=$(MB) between processes, KILLS=$(KILLS) of either side: equal, and at most 3 % in vain; and a board whose power is cut at each write of a file"
	@echo "make mutants       N=$(N) small faults in the code, drawn by SEED=n: which of them no test sees"
	@echo "make sizes         write docs/sizes.md"
	@echo "make memory        measure docs/memory.md and every board as installed on the 32-bit port"
	@echo "make story         the whole story of a board in CI, 1 MB each way over a line with 1 % of bytes spoilt; and with a slow board; a file there and back through three resets each"
	@echo "make boards        write what boards/ has from its profiles and the slices"
	@echo "make docs-states   write docs/states.md"
	@echo "make docs-floors   write the floors into docs/architecture.md"
	@echo "make docs-figures  write into README.md what make bench, bench-datagrams and bench-services measured"
	@echo "make docs-api      write docs/api.md"
	@echo "make docs-commands  write the help of every command into docs/commands.md"
	@echo "make screens       write the screens of tests/host/screens anew, where commands show something else"
	@echo "make docs-story    write into README.md and docs/tutorial.md what their commands say"
	@echo "make golden        write the captures of tests/core/captures anew, where the wire is to change"
	@echo "make clean         remove what the targets made"

# Nothing is compiled that is only installed: what is used is compiled when it is used, for tests in
# a folder of their own.
# A package that comes or goes is a reason to install anew, as pyproject.toml is.
PACKAGES := $(sort $(wildcard core/*/__init__.py host/*/__init__.py))
$(VENV)/.installed: pyproject.toml $(PACKAGES)
	@echo "Installing dsoftbus and its tools in $(VENV)"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --editable '.[test]'
	@touch $@

build/node/.installed: Makefile
	@if command -v npm >/dev/null && command -v node >/dev/null; then \
		echo "Installing MicroPython's WebAssembly port in build/node"; \
		mkdir -p build/node && npm install --no-package-lock --no-audit --no-fund --loglevel=error \
			--prefix build/node '$(WASM_PACKAGE)@$(WASM_VERSION)' && touch $@; \
	elif [ "$$CI" = true ]; then \
		echo "node and npm are absent, and under CI=true the WebAssembly tests must run"; exit 1; \
	else \
		echo "node or npm is absent: the WebAssembly tests are left out"; \
	fi

build/typings/.installed: Makefile | $(VENV)/.installed
	@echo "Installing MicroPython's type stubs in build/typings"
	@rm -rf build/typings
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--target build/typings '$(STUBS)'
	@touch $@

demo: $(VENV)/.installed
	@$(BIN)/dsoftbus demo

# Four times as many workers as two cores: many tests wait, for lines and for timers. What is
# compiled for one of them is there for the others, whatever the environment says of that.
test: export PYTHONDONTWRITEBYTECODE =
test: export PYTHONPYCACHEPREFIX = $(CURDIR)/build/pycache
test: $(VENV)/.installed build/node/.installed
	@$(BIN)/python -m pytest -q -n 8 --dist worksteal

# The core as `DSOFTBUS_COMPILE=require pip wheel .` compiles it, in a folder of its own: .venv keeps
# the files themselves, and so does everything but these two targets.
COMPILED := build/compiled/site
CORE := $(shell find core -name '*.py' -o -name '*.pyi')
$(COMPILED)/.installed: setup.py pyproject.toml mypy-compiled.ini scripts/compiled_core.py $(CORE) | $(VENV)/.installed
	@echo "Compiling the core in build/compiled, which takes a minute or two"
	@rm -rf build/compiled
	@DSOFTBUS_COMPILE=require $(BIN)/python -m pip wheel --quiet --disable-pip-version-check \
		--no-deps --no-build-isolation --wheel-dir build/compiled/dist .
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--target $(COMPILED) build/compiled/dist/*.whl
	@touch $@

test-compiled: export PYTHONDONTWRITEBYTECODE =
test-compiled: export PYTHONPYCACHEPREFIX = $(CURDIR)/build/pycache
test-compiled: export PYTHONPATH = $(CURDIR)/host:$(CURDIR)/$(COMPILED)
test-compiled: $(COMPILED)/.installed build/node/.installed
	@$(BIN)/python -m pytest -q -n 8 --dist worksteal $(TESTS) \
		-o "pythonpath=host $(COMPILED) scripts tests tests/core tests/backends"

test-versions: build/node/.installed
	@$(PYTHON) scripts/versions.py

lint: $(VENV)/.installed build/typings/.installed
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/mypy --config-file mypy-micropython.ini

format: $(VENV)/.installed
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/.installed
	@$(BIN)/python bench/bench.py

bench-datagrams: $(VENV)/.installed
	@$(BIN)/python bench/datagrams.py

bench-compiled: $(COMPILED)/.installed
	@$(BIN)/python bench/compiled.py --site $(COMPILED)

bench-crypto: $(VENV)/.installed
	@$(BIN)/python bench/bench_crypto.py

bench-board: $(VENV)/.installed
	@$(BIN)/python bench/board.py

bench-discovery: $(VENV)/.installed
	@$(BIN)/python bench/discovery.py

bench-resume: $(VENV)/.installed
	@$(BIN)/python bench/resume.py

.PHONY: bench-gateways
bench-gateways: $(VENV)/.installed
	@$(BIN)/python bench/gateways.py

bench-links: $(VENV)/.installed
	@$(BIN)/python bench/links.py

bench-hub: $(VENV)/.installed
	@$(BIN)/python bench/hub.py $(if $(SESSIONS),--sessions $(SESSIONS))

# A broker and its clients, to be compared with: nothing else needs them.
$(VENV)/.bench: $(VENV)/.installed
	@echo "Installing amqtt and aiomqtt in $(VENV)"
	@$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --editable '.[bench]'
	@touch $@

bench-services: $(VENV)/.bench
	@$(BIN)/python bench/services.py

bench-reach: $(VENV)/.bench
	@$(BIN)/python bench/reach.py
	@$(BIN)/python bench/gateways.py

bench-share-board: $(VENV)/.installed
	@$(BIN)/python bench/share_board.py

bench-congestion: $(VENV)/.installed
	@$(BIN)/python bench/congestion.py

bench-sim: $(VENV)/.installed
	@$(BIN)/python bench/sim.py

bench-wake: $(VENV)/.installed
	@$(BIN)/python bench/wake.py

soak: $(VENV)/.installed
	@$(BIN)/python scripts/soak.py $(SECONDS)

soak-sim: $(VENV)/.installed
	@$(BIN)/python scripts/soak_sim.py $(SEEDS)

.PHONY: soak-nodes
soak-nodes: $(VENV)/.installed
	@nice $(BIN)/python scripts/soak_nodes.py $(NODES)

soak-memory: $(VENV)/.installed
	@$(BIN)/python scripts/soak_memory.py

soak-starts: $(VENV)/.installed
	@nice $(BIN)/python scripts/soak_starts.py $(STARTS)

soak-attack: $(VENV)/.installed
	@$(BIN)/python scripts/soak_attack.py $(SECONDS) $(SEED)

soak-line: $(VENV)/.installed
	@DSOFTBUS_WHOLE=1 $(BIN)/python -m pytest -q tests/core/test_slow_board.py

soak-values: $(VENV)/.installed
	@nice $(BIN)/python scripts/soak_values.py $(INPUTS) $(SEED)

soak-updates: $(VENV)/.installed
	@nice $(BIN)/python scripts/soak_updates.py $(LIVES)

soak-services: $(VENV)/.installed
	@nice $(BIN)/python scripts/soak_services.py $(SECONDS) $(SEED)

soak-fleet: $(VENV)/.installed
	@nice $(BIN)/python scripts/soak_fleet.py

soak-share: $(VENV)/.installed
	@DSOFTBUS_WHOLE=1 nice $(BIN)/python -m pytest -q tests/micropython/test_portable_on_unix.py -k shared_files
	@nice $(BIN)/python scripts/soak_share.py $(MB) $(KILLS) $(or $(SEED),1)

mutants: $(VENV)/.installed
	@nice $(BIN)/python scripts/mutants.py --number $(N) --seed $(or $(SEED),0)

sizes: $(VENV)/.installed
	@$(BIN)/python scripts/sizes.py

memory: $(VENV)/.installed build/node/.installed
	@$(BIN)/python scripts/memory.py
	@$(BIN)/python scripts/memory_boards.py
	@$(BIN)/python scripts/memory_heap.py

story: $(VENV)/.installed
	@DSOFTBUS_STORY_BYTES=1000000 DSOFTBUS_STORY_SLOW=1 $(BIN)/python -m pytest -q -s --durations=2 tests/board/test_story.py tests/board/test_share.py

boards: $(VENV)/.installed
	@$(BIN)/python scripts/boards.py

docs-states: $(VENV)/.installed
	@$(BIN)/python scripts/states.py

docs-floors: $(VENV)/.installed
	@$(BIN)/python scripts/floors.py

docs-figures: $(VENV)/.installed
	@$(BIN)/python scripts/figures.py

docs-api: $(VENV)/.installed
	@$(BIN)/python scripts/api.py

docs-commands: $(VENV)/.installed
	@$(BIN)/python scripts/command_help.py

screens: $(VENV)/.installed
	@DSOFTBUS_SCREENS=write $(BIN)/python -m pytest -q tests/host/test_screens.py

docs-story: $(VENV)/.installed
	@DSOFTBUS_WRITE_PAGES=1 $(BIN)/python -m pytest -q tests/machines/test_pages.py; git diff --stat README.md docs/tutorial.md

golden: $(VENV)/.installed
	@$(BIN)/python scripts/golden.py

clean:
	rm -rf $(VENV) build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
