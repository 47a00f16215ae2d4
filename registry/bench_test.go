package registry

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pipe/artifacts"
)

// processorTime reports the processor time of an operation, which on a busy
// machine says more than the wall's.
func processorTime(b *testing.B) func() {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric(float64((used()-before).Microseconds())/float64(b.N), "cpu-µs/op") }
}

func BenchmarkLogMetric(b *testing.B) {
	for _, clients := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			r := openTest(b)
			var n atomic.Int64
			b.SetParallelism((clients + 1) / 2)
			defer processorTime(b)()
			b.RunParallel(func(pb *testing.PB) {
				run := must(r.CreateRun(context.Background(), NewRun{}))(b)
				for pb.Next() {
					i := n.Add(1)
					ok(b, r.LogMetrics(context.Background(), run.ID, []Metric{dot("loss", float64(i), epoch, i)}))
				}
			})
		})
	}
}

func BenchmarkLogBatch1000(b *testing.B) {
	for _, keys := range []int{1, 10, 1000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			r := openTest(b)
			run := must(r.CreateRun(context.Background(), NewRun{}))(b)
			list := make([]Metric, 1000)
			defer processorTime(b)()
			for i := 0; b.Loop(); i++ {
				for j := range list {
					list[j] = dot(fmt.Sprintf("m%d", j%keys), float64(j), epoch.Add(time.Duration(i)*time.Second), int64(i*1000+j))
				}
				ok(b, r.LogMetrics(context.Background(), run.ID, list))
			}
		})
	}
}

func BenchmarkPutStages1000(b *testing.B) {
	r := openTest(b)
	ref := func(i int) artifacts.Ref {
		return artifacts.Ref{Type: artifacts.Table, Digest: artifacts.Digest(fmt.Sprintf("%064x", i)), Size: 1, Format: "parquet"}
	}
	list := make([]StageRecord, 1000)
	for i := range list {
		list[i].Stage = Stage{Name: fmt.Sprintf("stage%d", i), Kind: "exec", Key: artifacts.Key(ref(i + 5000).Digest), State: StageCached,
			Started: epoch, Finished: epoch, Outputs: map[string]artifacts.Ref{"out": ref(i)}}
		if i >= 10 {
			list[i].Stage.Inputs = map[string]artifacts.Ref{"in": ref(i - 10)}
		}
	}
	defer processorTime(b)()
	for b.Loop() {
		run := must(r.CreateRun(context.Background(), NewRun{}))(b)
		ok(b, r.PutStages(context.Background(), run.ID, list))
	}
}

// fillRuns writes n runs of 10 metrics, 3 params and 2 tags.
func fillRuns(tb testing.TB, r *Registry, n int) int64 {
	ctx := context.Background()
	e := must(r.EnsureExperiment(ctx, "bench"))(tb)
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	for done := 0; done < n; {
		ok(tb, r.update(ctx, func(t *tx) error {
			for range min(1000, n-done) {
				id, err := r.newID()
				if err != nil {
					return err
				}
				run, err := addRun(t, NewRun{ID: id, Experiment: e.ID, Name: "run", Status: Finished, User: "ada",
					Start:  epoch.Add(time.Duration(done) * time.Second),
					Params: []Pair{{"lr", fmt.Sprint(rng.IntN(100))}, {"model", "lstm"}, {"units", fmt.Sprint(rng.IntN(5))}},
					Tags:   []Pair{{runNameTag, "run"}, {"mlflow.user", "ada"}}})
				if err != nil {
					return err
				}
				var list []Metric
				for k := range 10 {
					list = append(list, dot(fmt.Sprintf("m%d", k), rng.Float64(), epoch, 1))
				}
				if err := putMetrics(t, run, groupMetrics(list)); err != nil {
					return err
				}
				done++
			}
			return nil
		}))
	}
	return e.ID
}

func BenchmarkSearch(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		if testing.Short() && n > 1_000 {
			b.Skip("skipped: -short")
		}
		path := filepath.Join(b.TempDir(), "registry.db")
		r := openAt(b, path)
		e := fillRuns(b, r, n)
		for _, c := range []struct {
			name string
			q    RunQuery
		}{
			{"newest", RunQuery{}},
			{"metric and order", RunQuery{Filter: "metrics.m3 > 0.5", OrderBy: []string{"metrics.m3 DESC"}}},
			{"other metric order", RunQuery{Filter: "metrics.m3 > 0.5", OrderBy: []string{"metrics.m4 ASC"}}},
			{"rare metric", RunQuery{Filter: "metrics.m3 > 0.9999"}},
			{"param", RunQuery{Filter: "params.lr = '7' and metrics.m1 < 0.5"}},
			{"order by param", RunQuery{OrderBy: []string{"params.lr DESC"}}},
		} {
			for _, limit := range []int{100, 1000} {
				c.q.Limit, c.q.Experiments = limit, []int64{e}
				b.Run(fmt.Sprintf("runs=%d/%s/page=%d", n, c.name, limit), func(b *testing.B) {
					defer processorTime(b)()
					for b.Loop() {
						_, _, err := r.Runs(context.Background(), c.q)
						ok(b, err)
					}
				})
			}
		}
		b.Run(fmt.Sprintf("runs=%d/open", n), func(b *testing.B) {
			for b.Loop() {
				second := must(Open(context.Background(), path))(b)
				ok(b, second.Close())
			}
		})
	}
}

func BenchmarkHistoryOfAMillion(b *testing.B) {
	ctx := context.Background()
	r := openTest(b)
	run := must(r.CreateRun(ctx, NewRun{}))(b)
	list := make([]Metric, 1000)
	for i := range 1000 {
		for j := range list {
			n := i*len(list) + j
			list[j] = dot("long", rand.Float64(), epoch.Add(time.Duration(n)*time.Millisecond), int64(n))
		}
		ok(b, r.LogMetrics(ctx, run.ID, list))
	}
	b.Run("sampled", func(b *testing.B) {
		for b.Loop() {
			must(r.HistorySampled(ctx, []string{run.ID}, "long", 0, 1<<40, 1000))(b)
		}
	})
	b.Run("interval", func(b *testing.B) {
		for b.Loop() {
			must(r.HistoryInterval(ctx, run.ID, "long", 0, 1<<40, 1000))(b)
		}
	})
	b.Run("last page", func(b *testing.B) {
		for b.Loop() {
			must(first2(r.History(ctx, run.ID, "long", 999_900, 100)))(b)
		}
	})
}

// first2 drops whether there is more.
func first2[T any](v T, _ bool, err error) (T, error) { return v, err }
