# make demo: two sites joined, on this machine, in network namespaces.   make test: everything that proves it.
NODE ?= node
BIN = node_modules/.bin

.PHONY: all demo test check build bench fuzz install clean setup lint types unit
all: build

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund
	@touch $@

setup:
	@sh scripts/setup

build: node_modules/.package-lock.json
	$(NODE) scripts/build.mjs

types: node_modules/.package-lock.json
	$(BIN)/tsc --noEmit

lint: node_modules/.package-lock.json
	$(BIN)/biome lint --config-path=scripts/lint.json --error-on-warnings src test scripts

unit: build
	$(NODE) scripts/test.mjs

check: types lint unit
	$(NODE) scripts/size.mjs

clean:
	rm -rf dist .cache test/out
