# make        builds ./pipe
# make check  is what a change must pass

GO ?= go
FUZZTIME ?= 10s
RACE ?= ./...

.PHONY: build test check fmt vet staticcheck race fuzz generated

build:
	$(GO) build -o pipe ./cmd/pipe

test:
	$(GO) test ./...

check: fmt vet staticcheck race fuzz generated

fmt:
	@out=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "not formatted: $$out"; exit 1; }

vet:
	$(GO) vet ./...

staticcheck:
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

race:
	$(GO) test -race $(RACE)

# Each fuzz target for a while; a target is found by its name.
fuzz:
	@for f in $$(git grep -l '^func Fuzz' -- '*_test.go'); do \
		for t in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$f); do \
			echo "fuzz $$t ($$(dirname $$f))"; \
			$(GO) test -run '^$$' -fuzz "^$$t$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x ./$$(dirname $$f) || exit 1; \
		done; done

# Reference pages are generated from the code; a stale one fails.
generated:
	$(GO) test ./cmd/pipe -run TestGenerated
