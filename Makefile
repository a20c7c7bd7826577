# `make help` lists what there is. Works with GNU make 3.81 and later.
.DEFAULT_GOAL := help
.PHONY: help run dev test check pictures conformance defences bench bench-peers redis build clean
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory
# Named, so that make 3.81 also searches the PATH below for a command without shell characters.
SHELL := /bin/bash

# The host's Node where it is new enough (package.json's engines), else one brought by npm.
RUNTIME := tools/runtime/node_modules
NODE_OK := $(shell node -e 'const [a,b]=process.versions.node.split(".").map(Number);console.log(a>24||(a===24&&b>=9)||(a===22&&b>=21)?1:0)' 2>/dev/null)
ifneq ($(NODE_OK),1)
export PATH := $(CURDIR)/$(RUNTIME)/.bin:$(PATH)
NODE_STAMP := $(RUNTIME)/.stamp
endif
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

NPM_CI := npm ci --no-audit --no-fund --no-update-notifier --loglevel=error

# port=, origins=, workers= and redis= on the command line are settings, taken as they were written.
ifeq ($(origin port),command line)
export PORT := $(value port)
endif
ifeq ($(origin origins),command line)
export ORIGINS := $(value origins)
endif
ifeq ($(origin workers),command line)
export WORKERS := $(value workers)
endif
ifeq ($(origin redis),command line)
export REDIS_URL := $(value redis)
endif

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  make run takes  port=3000  origins=https://one,https://two  workers=auto  redis=redis://host:6379 (empty: no Redis)'

run: dist/stamp ## The proxy, three mock origins and a Redis, until Ctrl-C
	@exec node dist/scripts/run.js

dev: node_modules/.stamp ## The same, built and started again when a source changes
	@$(COMPILE) || test -e dist/scripts/run.js
	@exec node dist/scripts/run.js --watch

test: dist/stamp ## Everything: format, lint, types, and all tests against a real Redis
	@biome check --error-on-warnings .
	@tsc --noEmit
	@tsc --noEmit -p src/admin/dashboard/client
	@server=$$(scripts/redis.sh --binary) && \
	  FRESHLINE_TEST_REDIS_SERVER="$$server" vitest run $(VITEST_FLAGS)

check: node_modules/.stamp ## The fast part of test: format, lint, types, policy and architecture; an audit of dependencies
	@biome check --error-on-warnings .
	@tsc --noEmit
	@tsc --noEmit -p src/admin/dashboard/client
	@vitest run test/policy test/architecture.test.ts
	@NODE_NO_WARNINGS=1 node scripts/audit-dependencies.ts

pictures: node_modules/.stamp ## The dashboard's pictures in assets/ anew, by the test that takes them in Chromium
	@PICTURES=assets vitest run test/browser/pictures.test.ts

conformance: node_modules/.stamp ## The survey's HTTP cache tests against the proxy: passes, reasons, docs/conformance.md
	@server=$$(scripts/redis.sh --binary) && \
	  FRESHLINE_TEST_REDIS_SERVER="$$server" NODE_NO_WARNINGS=1 node test/conformance/run.ts

defences: node_modules/.stamp ## Takes each defence out of a copy and sees its test fail; only=word chooses
	@server=$$(scripts/redis.sh --binary) && \
	  FRESHLINE_TEST_REDIS_SERVER="$$server" NODE_NO_WARNINGS=1 node test/defences/run.ts "only=$(only)"

bench: dist/stamp ## What Freshline costs beside its peers that are here: bench/results/; rows=hit-1k,304 chooses
	@node bench/run.ts rows=$(rows) rounds=$(rounds) seconds=$(seconds) entries=$(entries)

bench-peers: $(NODE_STAMP) ## Brings these peers: Debian's nginx, Varnish, HAProxy, Traffic Server, wrk; reply-from
	@bench/peers/install.sh

redis: ## A Redis of its own in the foreground, on redis_port=6379
	@server=$$(scripts/redis.sh --binary) && mkdir -p .redis/foreground && \
	  exec "$$server" --port $(redis_port) --bind 127.0.0.1 --dir .redis/foreground --save '' --appendonly no \
	    --maxmemory 256mb --maxmemory-policy allkeys-lfu
redis_port = 6379

build: dist/stamp ## dist/, from which bin/freshline.js runs
	@:

clean: ## Removes all that the other commands brought or built
	rm -rf dist coverage node_modules bench/peers/node_modules $(RUNTIME) .redis

# Writes the code also of what has errors, and then exits with 2. The dashboard's scripts know a browser and no Node.
COMPILE = tsc -p tsconfig.build.json --incremental --tsBuildInfoFile dist/tsbuildinfo && \
  tsc -p src/admin/dashboard/client && cp -R src/admin/dashboard/static dist/src/admin/dashboard/
SOURCES := $(shell find src mock-origin scripts -type f ! -name '*.sh' 2>/dev/null)
dist/stamp: $(SOURCES) tsconfig.json tsconfig.build.json node_modules/.stamp
	@$(COMPILE)
	@touch $@

node_modules/.stamp: package.json package-lock.json $(NODE_STAMP)
	@command -v npm >/dev/null || { echo 'Freshline needs npm beside Node: https://nodejs.org' >&2; exit 1; }
	@echo 'Installing packages (once) ...'
	@$(NPM_CI) >/dev/null
	@touch $@

$(RUNTIME)/.stamp: tools/runtime/package.json tools/runtime/package-lock.json
	@command -v npm >/dev/null || { \
	  echo 'Freshline needs Node 22.21, 24.9 or newer, or any Node with npm to bring one: https://nodejs.org' >&2; exit 1; }
	@echo 'Bringing Node 26 into tools/runtime (once) ...'
	@$(NPM_CI) --prefix tools/runtime >/dev/null
	@$(RUNTIME)/.bin/node --version >/dev/null 2>&1 || { \
	  echo 'npm brought no Node: there is none for this kind of machine, or the registry was not reached. Install Node 22.21, 24.9 or newer: https://nodejs.org' >&2; exit 1; }
	@touch $@
