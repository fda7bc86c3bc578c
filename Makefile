# `make` alone prints this help.

GOLANGCI  := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
TEMPL     := go run github.com/a-h/templ/cmd/templ@v0.3.977
FUZZTIME  ?= 60s

.PHONY: help run build generate screenshots deps test test-race test-crash test-outage test-backlog test-retention test-cluster test-pages fuzz bench bench-table lint fmt golden check up down

help: ## print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## run it for development: SQLite, nothing to install
	go run ./cmd/hookrouter serve --dev

build: ## build static binaries into bin/
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/...

generate: ## write the Go code of the pages' templates again
	$(TEMPL) generate -path web

screenshots: deps ## take the pictures of docs/screenshots
	go test -count=1 ./web/webtest -screenshots $(CURDIR)/docs/screenshots

deps: ## install what the tests need (Debian packages: PostgreSQL's programs, a C compiler for the race detector, Chromium)
	@scripts/install-test-deps

test: deps ## run every test, on SQLite and on a private PostgreSQL that the tests start themselves
	@scripts/test

test-race: deps ## run every test under the race detector (slower to build)
	go test -race -timeout 15m ./...

test-crash: deps ## the long crash campaign: kill -9 under load, both databases
	TEST_KILLS=100 go test -count=1 -timeout 60m -run 'TestCrash' -v ./cmd/hookrouter

test-outage: ## an endpoint that is down for six hours under 50 events a second, in virtual time (takes half a minute)
	TEST_OUTAGE_EVENTS=50 go test -count=1 -timeout 10m -run 'TestSixHoursDown' -v ./delivery

test-cluster: deps ## the long campaign with several instances: kill, suspend, rolling restart, roles
	TEST_CLUSTER_ROUNDS=10 go test -count=1 -timeout 60m -run 'TestCluster' -v ./cmd/hookrouter

test-retention: deps ## drop a day of 5,000,000 events beside load and print what that does to the delays (takes minutes)
	TEST_RETENTION_ROWS=5000000 go test -count=1 -timeout 60m -run 'TestRetentionBesideLoad' -v ./store

test-backlog: deps ## drain 1,000,000 pending deliveries on both databases and print the rate and the claims of each tenth (takes minutes)
	TEST_BACKLOG=1000000 go test -count=1 -timeout 60m -run 'TestBacklogDrains' -v ./cmd/hookrouter

test-pages: deps ## time every page beside 10,000 subscriptions and 1,000,000 deliveries on both databases (takes minutes)
	TEST_PAGES_SUBSCRIPTIONS=10000 TEST_PAGES_DELIVERIES=1000000 go test -count=1 -timeout 60m -run 'TestPagesWithACrowd' -v ./web/webtest

fuzz: ## fuzz each target for FUZZTIME (default 60s)
	@scripts/fuzz $(FUZZTIME)

bench: ## benchmarks beside the code
	go test -run '^$$' -bench . -benchmem ./...

bench-table: deps ## every figure of docs/performance.md on both databases, in some twenty minutes
	@mkdir -p bin
	go run ./cmd/hookbench table -json bin/hookbench.json

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
