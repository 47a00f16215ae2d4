#!/bin/sh
# Writes every generated file of package kernel. Run by `go generate`, in any folder.
set -eu
cd "$(dirname "$0")"
for family in gemm pack functions elementwise cells optimiser activations norms; do
	for isa in avx2 avx512; do
		go run . -family $family -isa $isa -pkg kernel -out ../${family}_${isa}_amd64.s -stubs ../${family}_${isa}_amd64.go
	done
done
