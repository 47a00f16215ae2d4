package kernel

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// withCores runs f under GOMAXPROCS n.
func withCores(n int, f func()) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
	f()
}

func TestParallelCoversTheRangeOnce(t *testing.T) {
	for _, cores := range []int{1, 2, 7} {
		withCores(cores, func() {
			for _, n := range []int{0, 1, 2, 5, 64, 1000} {
				for _, grain := range []int{-1, 0, 1, 3, 64, 5000} {
					seen := make([]atomic.Int32, n)
					Parallel(n, grain, func(lo, hi int) {
						if lo >= hi || hi-lo < grain && hi != n {
							t.Errorf("n=%d grain=%d: chunk [%d, %d)", n, grain, lo, hi)
						}
						for i := lo; i < hi; i++ {
							seen[i].Add(1)
						}
					})
					for i := range seen {
						if c := seen[i].Load(); c != 1 {
							t.Fatalf("n=%d grain=%d cores=%d: element %d was done %d times", n, grain, cores, i, c)
						}
					}
				}
			}
		})
	}
}

func TestParallelNestsAndIsShared(t *testing.T) {
	withCores(4, func() {
		var total atomic.Int64
		var callers sync.WaitGroup
		for range 8 {
			callers.Go(func() {
				for range 50 {
					Parallel(20, 1, func(lo, hi int) {
						for range hi - lo {
							Parallel(30, 1, func(lo, hi int) { total.Add(int64(hi - lo)) })
						}
					})
				}
			})
		}
		callers.Wait()
		if got := total.Load(); got != 8*50*20*30 {
			t.Fatalf("%d elements were done, want %d", got, 8*50*20*30)
		}
	})
}

func TestParallelRaisesThePanicInTheCaller(t *testing.T) {
	withCores(4, func() {
		for range 20 {
			func() {
				defer func() {
					if r := recover(); r != "element 77" {
						t.Errorf("recovered %v", r)
					}
				}()
				Parallel(100, 1, func(lo, hi int) {
					if lo <= 77 && 77 < hi {
						panic("element 77")
					}
				})
				t.Error("no panic")
			}()
		}
		// The pool must still work.
		var n atomic.Int64
		Parallel(100, 1, func(lo, hi int) { n.Add(int64(hi - lo)) })
		if n.Load() != 100 {
			t.Errorf("after a panic %d elements were done, want 100", n.Load())
		}
	})
}

// counter is a Task.
type counter struct{ n atomic.Int64 }

func (c *counter) Range(lo, hi int) { c.n.Add(int64(hi - lo)) }

func TestParallelTaskAllocatesNothing(t *testing.T) {
	withCores(2, func() {
		var c counter
		call := func() { ParallelTask(100, 1, &c) }
		call()
		if n := testing.AllocsPerRun(100, call); n != 0 {
			t.Errorf("ParallelTask allocates %v times", n)
		}
	})
}

func BenchmarkParallelHandOver(b *testing.B) {
	var c counter
	for b.Loop() {
		ParallelTask(8, 1, &c)
	}
}
