# `make` alone prints this help.

GOLANGCI  := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
FUZZTIME  ?= 60s

.PHONY: help run build deps test test-race test-crash fuzz bench lint fmt golden check up down

help: ## print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## run it for development: SQLite, nothing to install
	go run ./cmd/hookrouter serve --dev

build: ## build static binaries into bin/
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/...

deps: ## install what the tests need (Debian packages: PostgreSQL's programs, a C compiler for the race detector)
	@scripts/install-test-deps

test: deps ## run every test, on SQLite and on a private PostgreSQL that the tests start themselves
	@scripts/test

test-race: deps ## run every test under the race detector (slower to build)
	go test -race -timeout 15m ./...

test-crash: deps ## the long crash campaign: kill -9 under load, both databases
	TEST_KILLS=100 go test -count=1 -timeout 60m -run 'TestCrash' -v ./cmd/hookrouter

fuzz: ## fuzz each target for FUZZTIME (default 60s)
	@scripts/fuzz $(FUZZTIME)

bench: ## benchmarks beside the code
	go test -run '^$$' -bench . -benchmem ./...

lint: ## static checks
	$(GOLANGCI) run ./...

fmt: ## format
	$(GOLANGCI) fmt ./...

golden: ## rewrite golden files and generated documents
	go test ./cmd/hookrouter ./delivery -run 'ConfigDocument|Golden' -update

check: lint test ## exactly what CI runs

up: ## run with PostgreSQL in containers (needs a .env file, see .env.example)
	docker compose up --build --wait

down: ## stop the containers, keep the data
	docker compose down
