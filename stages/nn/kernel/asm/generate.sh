#!/bin/sh
# Writes every generated file of package kernel, into the parent folder or the one that is named. Run by `go generate`.
set -eu
cd "$(dirname "$0")"
out=${1:-..}
generator=$(mktemp)
trap 'rm -f "$generator"' EXIT
go build -o "$generator" .
for family in gemm pack pooled columns depthwise functions elementwise cells optimiser activations norms burn; do
	for isa in avx2 avx512; do
		"$generator" -family $family -isa $isa -pkg kernel \
			-out "$out/${family}_${isa}_amd64.s" -stubs "$out/${family}_${isa}_amd64.go"
	done
done
