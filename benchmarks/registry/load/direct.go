package main

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"pipe/registry"
	"pipe/workspace"
)

// fillStore makes the runs that fill makes, in a store that no server has open:
// a million of them over HTTP would take half an hour.
func fillStore(dir string, n int) any {
	began := time.Now()
	ctx := context.Background()
	w, err := workspace.Open(ctx, dir)
	if err != nil {
		log.Fatal(err)
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 64 { // so that they share transactions
		wg.Go(func() {
			for {
				i := next.Add(1)
				if i > int64(n) {
					return
				}
				run, err := w.Registry.CreateRun(ctx, registry.NewRun{Status: registry.Finished, Name: "run", Start: began.Add(time.Duration(i) * time.Millisecond),
					Params: []registry.Pair{{Key: "lr", Value: fmt.Sprint(rand.IntN(100))}}, Tags: []registry.Pair{{Key: "team", Value: "a"}}})
				if err != nil {
					log.Fatal(err)
				}
				metrics := make([]registry.Metric, 10)
				for k := range metrics {
					metrics[k] = registry.Metric{Key: fmt.Sprint("m", k), Value: rand.Float64(), Time: time.UnixMilli(1)}
				}
				if err := w.Registry.LogMetrics(ctx, run.ID, metrics); err != nil {
					log.Fatal(err)
				}
			}
		})
	}
	wg.Wait()
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
	return map[string]any{"work": "fill", "store": filepath.Base(dir), "runs": n, "seconds": time.Since(began).Seconds()}
}
