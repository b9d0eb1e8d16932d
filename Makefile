# make demo: two sites joined, on this machine, in network namespaces.   make demo-modem: the same over a telephone line.
# make test: everything that proves it.
NODE ?= node
BIN = node_modules/.bin
PREFIX ?= /usr/local

.PHONY: all demo demo-modem test check build format generate bench fuzz mutants install clean setup setup-peers prove lint types unit unit-quickjs cross net rig ipk apk dist routers soak
all: build

setup:
	@sh scripts/setup

# With the peers that the interoperability tests and make bench talk to.
setup-peers:
	@sh scripts/setup --peers

# The lock file of what is installed: as new as package-lock.json once npm ci has run.
node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund
	@touch $@

build: node_modules/.package-lock.json
	$(NODE) scripts/build.mjs

# What follows from the schema of options: LuCI's tables, the handler's lists, the templates for translators, the reference, the manual page.
generate: node_modules/.package-lock.json
	$(NODE) scripts/generate.mjs

types: node_modules/.package-lock.json
	$(BIN)/tsc --noEmit

lint: node_modules/.package-lock.json
	$(BIN)/biome check --config-path=scripts/lint.json --error-on-warnings src test scripts
	@sh scripts/clang-format --check

# The layout that `make lint` asks for.
format: node_modules/.package-lock.json
	$(BIN)/biome check --config-path=scripts/lint.json --linter-enabled=false --write src test scripts
	@sh scripts/clang-format

unit: build
	COVERAGE=1 $(NODE) scripts/test.mjs

# Quick, and needs neither root nor peers.
check: types lint unit
	$(NODE) scripts/mutants.mjs --fit
	$(NODE) scripts/size.mjs

# The same tests inside the router's engine.
unit-quickjs: build
	$(NODE) scripts/test-quickjs.mjs

# Codecs, cryptography and ESP on a CPU of 32 bits and on a big-endian one.
cross: build
	sh scripts/cross

net: build
	$(NODE) scripts/test.mjs test/net

rig: build
	$(NODE) scripts/test.mjs test/rig

# Everything, with what is installed; a test that lacks something says so and is skipped.
prove:
	RUNS=all $(MAKE) check
	FAULTS=all $(NODE) scripts/test.mjs test/sim/faults.test.ts
	SOAK_HOURS=6 $(NODE) scripts/soak.mjs
	$(NODE) scripts/test-quickjs.mjs
	sh scripts/cross
	SLOW=2 RUNTIME="qjs node" $(NODE) scripts/test.mjs test/net test/rig test/openwrt/browser
	FUZZ_TOTAL=120 $(NODE) scripts/fuzz.mjs
	$(NODE) scripts/mutants.mjs --some 10

# The same, and what it needs is installed first.
test: setup-peers
	@$(MAKE) --no-print-directory prove

demo:
	@sh scripts/setup
	@$(MAKE) --no-print-directory build
	@if [ -x dist/l2tpsec ]; then dist/l2tpsec demo; else $(NODE) dist/l2tpsec.cjs demo; fi

demo-modem:
	@sh scripts/setup
	@$(MAKE) --no-print-directory build
	@$(NODE) scripts/demo-modem.mjs

bench: setup-peers build
	$(NODE) scripts/bench.mjs

# A virtual SOAK_HOURS=72 of SOAK_USERS=50 on a bad network (SOAK_SEED); then SOAK_SECONDS=600 real ones
# with SOAK_LINKS=200 links and the native library under sanitizers.
soak: build
	$(NODE) scripts/soak.mjs
	$(NODE) scripts/soak-real.mjs

fuzz: build
	$(NODE) scripts/fuzz.mjs

# Do the tests notice? One-line faults in what keeps the promises, each of which a test must find.
mutants: build
	$(NODE) scripts/mutants.mjs

install: build
	install -d $(DESTDIR)$(PREFIX)/lib/l2tpsec $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/share/man/man8
	install -m 755 dist/l2tpsec.cjs $(DESTDIR)$(PREFIX)/lib/l2tpsec/
	install -m 644 dist/*.node dist/l2tpsec.cjs.map $(DESTDIR)$(PREFIX)/lib/l2tpsec/
	install -m 644 src/cli/l2tpsec.8 $(DESTDIR)$(PREFIX)/share/man/man8/
	ln -sf ../lib/l2tpsec/l2tpsec.cjs $(DESTDIR)$(PREFIX)/sbin/l2tpsec

# The packages for a router with opkg (24.10) or apk (25.12), without the SDK; L2TPSEC= and ARCH= name another executable.
ipk:
	$(NODE) scripts/ipk.mjs

apk:
	$(NODE) scripts/apk.mjs

# dist/routers: the executable for each of the usual CPUs, with musl, and what of its unit tests needs no libcrypto, emulated.
# ROUTERS= names some of them. Some minutes a CPU.
ROUTERS ?= aarch64 armv7 mips mipsel x86_64
routers: node_modules/.package-lock.json
	@sh scripts/setup --routers
	sh scripts/routers $(ROUTERS)

# A release: the archive that a feed builds without Node, its hash, and the feed's folder for it.
dist: node_modules/.package-lock.json
	$(NODE) scripts/dist.mjs

clean:
	rm -rf dist .cache test/out
