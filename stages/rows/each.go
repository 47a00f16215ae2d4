package rows

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Each calls f with 0 to n-1 on all cores, each as soon as one is free: for rows that
// take long, such as pictures. The error is that of the least number that has one, which
// is returned as well, and n without one; f was called with all before it.
func Each(n int, f func(i int) error) (int, error) {
	var next, bad atomic.Int64
	bad.Store(int64(n))
	errs, panics := make([]error, n), make([]any, n)
	work := func() {
		for {
			i := next.Add(1) - 1
			if i >= bad.Load() {
				return
			}
			func() {
				// A panic here would end the process, and in the caller only the stage.
				defer func() { panics[i] = recover() }()
				errs[i] = f(int(i))
			}()
			for least := bad.Load(); (errs[i] != nil || panics[i] != nil) && i < least && !bad.CompareAndSwap(least, i); {
				least = bad.Load()
			}
		}
	}
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		wg.Go(work)
	}
	wg.Wait()
	at := int(bad.Load())
	if at == n {
		return n, nil
	}
	if panics[at] != nil {
		panic(panics[at])
	}
	return at, errs[at]
}
