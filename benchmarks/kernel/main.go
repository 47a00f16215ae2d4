// Command kernel times Gemm of stages/nn/kernel and prints one JSON object per shape, in the form of peers.py beside it; run.py
// compares the two.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"time"

	"pipe/stages/nn/kernel"
)

// result is one measured shape: seconds per call, the median and the least.
type result struct {
	Library string  `json:"library"`
	Threads int     `json:"threads"`
	Shape   string  `json:"shape"`
	Median  float64 `json:"median"`
	Least   float64 `json:"least"`
}

func main() {
	threads := flag.Int("threads", 1, "GOMAXPROCS")
	seconds := flag.Float64("seconds", 0.3, "time for each shape")
	flag.Parse()
	runtime.GOMAXPROCS(*threads)
	out := json.NewEncoder(os.Stdout)
	for _, shape := range flag.Args() {
		var m, k, n int
		if _, err := fmt.Sscanf(shape, "%dx%dx%d", &m, &k, &n); err != nil {
			fmt.Fprintf(os.Stderr, "kernel: shape %q must be m×k×n, such as 32x128x512: %v\n", shape, err)
			os.Exit(3)
		}
		times := measure(m, k, n, time.Duration(*seconds*float64(time.Second)))
		if err := out.Encode(result{"pipe/" + kernel.Features(), *threads, shape, times[len(times)/2], times[0]}); err != nil {
			fmt.Fprintln(os.Stderr, "kernel:", err)
			os.Exit(1)
		}
	}
}

// measure returns the sorted times of calls.
func measure(m, k, n int, limit time.Duration) []float64 {
	a, b, c := random(m*k), random(k*n), make([]float32, m*n)
	call := func() { kernel.Gemm(false, false, m, n, k, 1, a, k, b, n, 0, c, n) }
	for range 3 {
		call()
	}
	var times []float64
	for begin := time.Now(); time.Since(begin) < limit || len(times) < 5; {
		start := time.Now()
		call()
		times = append(times, time.Since(start).Seconds())
	}
	slices.Sort(times)
	return times
}

func random(n int) []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}
