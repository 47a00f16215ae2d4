package mlflow

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pipe/registry"
)

// post sends a body over a client's own connection, as a separate process
// would, and wants 200.
func post(tb testing.TB, c *http.Client, url string, body []byte) []byte {
	res, err := c.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK {
		tb.Fatalf("%d %s %v", res.StatusCode, text, err)
	}
	return text
}

func BenchmarkHTTPLogMetric(b *testing.B) {
	for _, clients := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			web, _ := start(b)
			var n atomic.Int64
			var wg sync.WaitGroup
			runs := make([]string, clients)
			for i := range runs {
				runs[i] = client{b, web.URL}.run()
			}
			b.ResetTimer()
			for i := range clients {
				wg.Go(func() {
					c := &http.Client{Transport: &http.Transport{}}
					for {
						step := n.Add(1)
						if step > int64(b.N) {
							return
						}
						post(b, c, web.URL+api+"runs/log-metric",
							fmt.Appendf(nil, `{"run_id": %q, "key": "loss", "value": %g, "timestamp": %d, "step": %d}`, runs[i], rand.Float64(), 1700000000000+step, step))
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
		})
	}
}

func BenchmarkHTTPLogBatch1000(b *testing.B) {
	web, _ := start(b)
	run := client{b, web.URL}.run()
	for i := 0; b.Loop(); i++ {
		body := fmt.Appendf(nil, `{"run_id": %q, "metrics": [`, run)
		for j := range 1000 {
			if j > 0 {
				body = append(body, ',')
			}
			body = fmt.Appendf(body, `{"key": "m%d", "value": %g, "timestamp": %d, "step": %d}`, j%10, rand.Float64(), 1700000000000+i*1000+j, i*1000+j)
		}
		post(b, http.DefaultClient, web.URL+api+"runs/log-batch", append(body, ']', '}'))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "batch/s")
}

func BenchmarkHTTPSearch(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		if testing.Short() && n > 1_000 {
			b.Skip("skipped: -short")
		}
		web, reg := start(b)
		fill(b, reg, n)
		for name, query := range map[string]string{
			"first page":       `{"experiment_ids": ["0"], "max_results": 100}`,
			"metric and order": `{"experiment_ids": ["0"], "max_results": 100, "filter": "metrics.m3 > 0.5", "order_by": ["metrics.m3 DESC"]}`,
			"page of 1000":     `{"experiment_ids": ["0"], "max_results": 1000}`,
		} {
			b.Run(fmt.Sprintf("runs=%d/%s", n, name), func(b *testing.B) {
				for b.Loop() {
					post(b, http.DefaultClient, web.URL+api+"runs/search", []byte(query))
				}
			})
		}
	}
}

// fill writes n runs of 10 metrics.
func fill(b *testing.B, reg *registry.Registry, n int) {
	ctx := context.Background()
	var wg sync.WaitGroup
	for part := range 16 { // so that they share transactions
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(part), 1))
			for i := part; i < n; i += 16 {
				run, err := reg.CreateRun(ctx, registry.NewRun{Name: "run", Status: registry.Finished, Start: time.UnixMilli(int64(i)),
					Params: []registry.Pair{{Key: "lr", Value: fmt.Sprint(rng.IntN(100))}}, Tags: []registry.Pair{{Key: "mlflow.runName", Value: "run"}}})
				if err != nil {
					b.Error(err)
					return
				}
				metrics := make([]registry.Metric, 10)
				for k := range metrics {
					metrics[k] = registry.Metric{Key: fmt.Sprint("m", k), Value: rng.Float64(), Time: time.UnixMilli(1)}
				}
				if err := reg.LogMetrics(ctx, run.ID, metrics); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
