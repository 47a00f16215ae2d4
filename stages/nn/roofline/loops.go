package roofline

import (
	"fmt"
	"math/rand/v2"
	"time"

	"pipe/stages/nn/kernel"
)

// product is the shape of C = A·B, m×k times k×n.
type product struct{ m, k, n int }

// products are those of the networks that docs/benchmarks.md compares.
var products = []product{{32, 128, 512}, {64, 512, 2048}, {3200, 128, 512}, {1024, 1024, 1024}, {1280, 512, 10000}}

// Measure measures each loop for about the given time and hands it to yield.
func Measure(p Peak, limit time.Duration, yield func(Result)) {
	for _, s := range products {
		a, b, c := random(s.m*s.k), random(s.k*s.n), make([]float32, s.m*s.n)
		seconds := best(limit, func() { kernel.Gemm(false, false, s.m, s.n, s.k, 1, a, s.k, b, s.n, 0, c, s.n) })
		yield(p.judge(fmt.Sprintf("product %d×%d×%d", s.m, s.k, s.n), 2*float64(s.m)*float64(s.k)*float64(s.n),
			4*float64(len(a)+len(b)+len(c)), seconds))
	}
	const n = 1 << 23 // 32 MiB each
	x, y, z, w := random(n), random(n), make([]float32, n), make([]float32, n)
	for _, l := range []struct {
		name       string
		operations float64 // of an element; functions count what their polynomials take
		arrays     float64 // that are read or written
		call       func()
	}{
		{"add", 1, 3, func() { kernel.Add(z, x, y) }},
		{"relu", 1, 2, func() { kernel.Relu(z, x) }},
		{"exp", 18, 2, func() { kernel.Exp(z, x) }},
		{"tanh", 24, 2, func() { kernel.Tanh(z, x) }},
		{"gelu", 40, 2, func() { kernel.Gelu(z, x) }},
		{"softmax, rows of 1024", 22, 2, func() { kernel.Softmax(z, x, n/1024, 1024) }},
		{"layer norm, rows of 1024", 9, 3, func() { kernel.NormRows(z, w, y[:n/1024], x, x[:1024], x[1024:2048], n/1024, 1024, 1e-5, true) }},
		{"adam", 16, 7, func() { kernel.Adam(z, x, w, y, 1e-9, 0.9, 0.999, 1e-7, 0, false, 10) }},
	} {
		clear(w)
		for i, v := range y { // the second moment of adam is no less than 0
			y[i] = max(v, -v)
		}
		yield(p.judge(l.name, l.operations*n, 4*l.arrays*n, best(limit, l.call)))
	}
}

func random(n int) []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, n)
	for i := range x {
		x[i] = r.Float32() - 0.5
	}
	return x
}
