// Package kernel owns the float32 loops under the neural engine: matrix products, element-wise arithmetic, transcendental
// functions, reductions, softmax, recurrent cells, optimiser steps, and the worker pool that spreads them over the cores.
//
// Slices are row-major and dense unless a leading dimension is given. Every function panics when a slice is shorter than
// the shape says, because that is a programmer's error. A destination may be the very slice of a source (in place); slices that
// overlap in any other way give undefined values.
//
// # Determinism
//
// On amd64 the loops exist for AVX-512 and for AVX2 with FMA, chosen once at start, and both give the same bits:
//
//   - Gemm adds the products of one element of C in the order of k, by one chain of fused multiply-adds.
//   - Sum, Dot and the sums inside Softmax use 64 lanes (element i goes to lane i mod 64) that are then folded in halves.
//   - Sums over the rows of a matrix, column by column, are in the order of the rows; those of a ColumnNorm are of chunks of rows, whose
//     number the shape alone decides, and the chunks' sums are then added in their order.
//   - Exp, Tanh and the rest evaluate the same polynomial by the same sequence of operations.
//
// Parallel splits the elements of a result, or such chunks, so GOMAXPROCS does not change a bit either. The portable loops that
// serve other machines are as accurate but promise no equal bits.
package kernel
