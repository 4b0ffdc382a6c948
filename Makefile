# What a developer runs, and CI too: `make test`. `make help` lists the rest.

SHELL := /bin/bash

# MINUTES is how long `make soak` simulates (a fraction is allowed), FUZZTIME how long `make fuzz` fuzzes each target.
MINUTES  ?= 30
FUZZTIME ?= 1m

# Where the program is known to build; it runs on more.
PLATFORMS := linux/amd64 linux/arm64 darwin/arm64

.PHONY: help test needs lint format vet staticcheck platforms unit system simulate mutants soak fuzz bench build fmt generate clean

help: ## this list
	@sed -nE 's/^([a-z]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

test: needs lint platforms unit system simulate mutants ## everything CI runs: lint, builds, tests under -race, a minute of simulation, mutants

needs: ## find the programs that tests talk to; in CI or as root, install those that are missing
	@.ci/needs

lint: format vet staticcheck ## formatting, go vet, staticcheck

format:
	@files=$$(go tool gofumpt -l .) && if [[ -n $$files ]]; then echo "not formatted (make fmt):"; echo "$$files"; exit 1; fi

vet:
	go vet ./...

staticcheck:
	go tool staticcheck ./...

platforms: ## build for every platform that is promised
	@for p in $(PLATFORMS); do echo "build $$p"; GOOS=$${p%/*} GOARCH=$${p#*/} go build ./... || exit 1; done

unit: ## every test but those of `system` and `mutants`, with the race detector; seeds of fuzz targets and guards included
	go test -race -timeout 15m $$(go list ./... | grep -v -e /system_test$$ -e /sim/mutants$$)

# Alone, because it measures times; and within its folder, because go test shows only then what it prints at the end.
system: ## processes of table-server with real ZooKeeper servers, killed, stopped and cut off
	go test -C system_test -race -timeout 10m

simulate: ## a minute of simulated clusters, with fresh seeds
	@go run ./sim/soak -minutes 1

# Alone, because it keeps two processors busy, for two or three minutes.
mutants: ## the rules of the protocol, broken one at a time: the simulator must notice each
	go test -C sim/mutants -count 1 -timeout 20m -v -run '^TestMutants$$' .

soak: ## MINUTES of simulated clusters, with fresh seeds; the last line is the verdict
	@go run ./sim/soak -minutes $(MINUTES)

fuzz: ## FUZZTIME of each fuzz target
	@go list -f '{{if .TestGoFiles}}{{.ImportPath}}{{else if .XTestGoFiles}}{{.ImportPath}}{{end}}' ./... | while read -r pkg; do \
		for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "fuzz $$pkg $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done

bench: ## every benchmark, briefly
	go test -run '^$$' -bench . -benchtime 1s ./...

build: ## ./table-server and ./table-client
	go build -trimpath -o . ./cmd/...

fmt: ## format all Go files
	go tool gofumpt -w .

generate: ## Go code of api/*.proto
	api/generate

clean: ## remove what build made
	rm -f table-server table-client
