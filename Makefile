# `make help` lists what there is. Everything works on a fresh Debian, Ubuntu or macOS
# machine that has Go; what else is needed is installed by scripts/bootstrap.sh. On Linux
# the fault matrix mounts small disk images, with sudo when it does not run as root.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/.tools/bin:$(CURDIR)/.tools/node/node_modules/node/bin:$(PATH)

# The patterns of every module but the black-box suites, which have targets of their own.
MODULES := $(shell go list -f '{{.Dir}}' -m | sed 's|^$(CURDIR)/||')
PACKAGES := $(foreach module,$(filter-out deploy/%,$(MODULES)),./$(module)/...)
ALL_PACKAGES := $(foreach module,$(MODULES),./$(module)/...)
BENCHMARKS := ./pkg/anomaly ./pkg/scrub ./pkg/sdk/go ./services/gateway/... ./services/analyzer/... ./deploy/bench
BENCHTIME ?= 1s
FUZZTIME ?= 60s
DETECT ?= # flags of bench-detect: -without measures what each view earns
NOTIFY ?= # flags of bench-notify, such as -rate -1
VERIFY ?= # flags of bench-verify: -seeds, -from
FAULTS ?= full
RUN ?= .
GOTESTSUM := gotestsum --format pkgname --format-hide-empty-pkg
# How tests ended, for the last step of `make test`.
RESULTS := $(CURDIR)/.tools/results

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

.PHONY: up
up: ## install what is missing, build, and run everything in one process
	@scripts/bootstrap.sh run
	@$(MAKE) --no-print-directory build
	@exec bin/specter up

.PHONY: down
down: ## stop what `make up` started
	@scripts/down.sh

.PHONY: build
build: web ## build the web app and all binaries into bin/
	@mkdir -p bin
	go build -o bin/ $(wildcard ./services/*/cmd/*)

.PHONY: web
web: ## build the dashboard's web app when its sources changed
	@scripts/web.sh

.PHONY: test
test: ## everything, from unit to browser, with the race detector
	@scripts/bootstrap.sh test
	@scripts/tools.sh
	@rm -rf $(RESULTS)
	@$(MAKE) --no-print-directory web
	@$(MAKE) --no-print-directory vet lint
	@$(MAKE) --no-print-directory verify
	@$(MAKE) --no-print-directory test-js
	@$(MAKE) --no-print-directory test-go
	@$(MAKE) --no-print-directory e2e
	@$(MAKE) --no-print-directory e2e-faults FAULTS=short
	@go run ./deploy/e2e/promises/cmd/promises check $(RESULTS)/*.json

.PHONY: vet
vet: ## go vet over every module
	go vet $(ALL_PACKAGES)

.PHONY: test-go
test-go: ## unit and integration tests of every module
	@scripts/tools.sh gotestsum
	@mkdir -p $(RESULTS)
	$(GOTESTSUM) --jsonfile $(RESULTS)/go.json -- -race -p 2 -timeout 15m $(PACKAGES)

.PHONY: test-js
test-js: ## tests of the SDK, the script tag and the web app
	@scripts/test-js.sh

.PHONY: e2e
e2e: ## the black-box suites against the real binaries and a real browser
	@scripts/tools.sh gotestsum
	@$(MAKE) --no-print-directory build
	@mkdir -p $(RESULTS)
	$(GOTESTSUM) --jsonfile $(RESULTS)/e2e.json -- -count=1 -p 1 -parallel 2 -timeout 20m $(filter-out %/e2e/faults,$(shell go list ./deploy/e2e/...))

.PHONY: e2e-faults
e2e-faults: build ## the fault matrix of docs/DURABILITY.md, whole (about 25 min; Linux, root or sudo) or FAULTS=short; RUN picks rows
	@mkdir -p $(RESULTS)
	go test -c -o .tools/faults.test ./deploy/e2e/faults
	cd deploy/e2e/faults && SPECTER_FAULTS=$(FAULTS) gotestsum --format standard-verbose --jsonfile $(RESULTS)/faults.json --raw-command -- \
		go tool test2json -t -p github.com/draftlabs/specter/deploy/e2e/faults $(CURDIR)/.tools/faults.test -test.v=test2json -test.timeout 90m -test.run '$(RUN)'

.PHONY: test-auth
test-auth: ## the local auth server's suite, and the same against the Supabase Auth of SPECTER_SUPABASE_AUTH_URL
	go test -count=1 -timeout 30m -run '^TestConformance$$' -v ./services/specter/infra/auth

.PHONY: lint
lint: ## golangci-lint and buf lint
	@scripts/tools.sh golangci-lint buf
	golangci-lint run $(ALL_PACKAGES)
	cd proto && buf lint

.PHONY: generate
generate: ## write every generated file anew
	@scripts/tools.sh buf protoc-gen-go oapi-codegen sqlc
	cd proto && buf generate
	for config in services/*/sqlc.yaml; do sqlc generate -f $$config || exit 1; done
	go generate $(ALL_PACKAGES)

.PHONY: verify
verify: ## fail when a generated file, the formatting or a go.mod is out of date
	@scripts/verify.sh

.PHONY: bench
bench: build ## benchmarks of the hot code and load on the whole, BENCHTIME each (1s)
	go test -run '^$$' -bench . -benchtime $(BENCHTIME) -benchmem -p 1 -timeout 30m $(BENCHMARKS)

.PHONY: bench-ingest
bench-ingest: build ## the way in, durable, against bare handlers, the bare broker and plain COPY (4 min)
	@go build -o bin/bench-ingest ./deploy/bench/cmd/ingest
	@bin/bench-ingest -gateway bin/gateway

.PHONY: bench-detect
bench-detect: ## the detector of `specter detect` on simulated and real series, beside plain ones (1 min)
	@go run ./deploy/bench/cmd/detect $(DETECT)

.PHONY: bench-verify
bench-verify: ## the before/after test of verdicts on simulated and real series, beside others (3 min)
	@go run ./deploy/bench/cmd/verify $(VERIFY)

.PHONY: bench-analysis
bench-analysis: ## what analyses find in simulated products, and that their time does not grow (12 min)
	@go run ./services/analyzer/internal/bench $(if $(SEEDS),-seeds $(SEEDS))

.PHONY: bench-notify
bench-notify: ## 10,000 webhooks while a fifth of the endpoints are silent and a tenth fail first (4 min)
	@go run ./deploy/bench/cmd/notify $(NOTIFY)

.PHONY: bench-export
bench-export: ## the archive of a million signals: time, and the builder's memory (3 min)
	@go test -run '^$$' -bench Export -benchtime 1x -timeout 20m ./services/retention

.PHONY: fuzz
fuzz: ## every fuzz target, FUZZTIME each (60s); stops at the first input that fails
	@FUZZTIME=$(FUZZTIME) scripts/fuzz.sh $(FUZZ)

.PHONY: tidy
tidy: ## go mod tidy in every module
	@for module in $(MODULES); do echo "tidy $$module"; (cd $$module && go mod tidy) || exit 1; done
