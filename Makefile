# For people; the build itself is CMake (see CMakePresets.json).
SHELL := /bin/bash
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
SOURCES = $(shell git ls-files -co --exclude-standard 'src/*.h' 'src/*.cc' 'tests/*.h' 'tests/*.cc')

.PHONY: help build demo test bench install format tidy asan clean

help:
	@echo "make build     build/mayfly, hardened, with what it needs installed first"
	@echo "make demo      build it, then show what a client sees: commands, receipts, denials"
	@echo "make test      install, build and run every test"
	@echo "make bench     what one sandbox costs"
	@echo "make install   PREFIX=$(PREFIX): puts mayfly into bin (after make build)"
	@echo "make format, tidy, asan    for those who change the code"

build:
	@scripts/install-deps.sh build
	@scripts/build.sh release mayfly

demo:
	@scripts/install-deps.sh build demo
	@scripts/build.sh release mayfly
	@scripts/demo.sh

test:
	@scripts/install-deps.sh build demo test vm
	@scripts/test.sh

bench: build
	@scripts/bench.sh

install:
	@test -x build/mayfly || { echo "nothing to install yet: run make build first" >&2; exit 1; }
	install -D -m 755 build/mayfly $(DESTDIR)$(PREFIX)/bin/mayfly

format:
	@scripts/install-deps.sh format
	clang-format -i $(SOURCES)

tidy:
	@scripts/install-deps.sh build format
	@scripts/build.sh tidy

asan:
	@scripts/install-deps.sh build test
	@scripts/build.sh asan
	ctest --preset asan -L 'unit|sandbox'

clean:
	rm -rf build
