package rows

import (
	"runtime"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// leastPart is the fewest rows that are worth a goroutine.
const leastPart = 1024

// parallel divides n rows into runs and calls f with each at the same time. The
// error of the first run that has one is returned, so that the number of cores
// does not decide which row is blamed.
func parallel(parts, n int, f func(part, from, to int) error) error {
	if parts == 1 {
		return f(0, 0, n)
	}
	errs, panics := make([]error, parts), make([]any, parts)
	var wg sync.WaitGroup
	for p := range parts {
		wg.Go(func() {
			// A panic here would end the process, and in the caller only the stage.
			defer func() { panics[p] = recover() }()
			errs[p] = f(p, p*n/parts, (p+1)*n/parts)
		})
	}
	wg.Wait()
	for _, p := range panics {
		if p != nil {
			panic(p)
		}
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// partsOf is into how many runs n rows are divided: one a core.
func partsOf(n int) int { return max(1, min(runtime.GOMAXPROCS(0), n/leastPart)) }

// Build makes a column of n values on all cores: fill appends those of the rows
// from and up to, without, to. The caller releases the result.
func Build(t arrow.DataType, n int, fill func(b array.Builder, from, to int) error) (arrow.Array, error) {
	return build(t, partsOf(n), n, func(b array.Builder, _, from, to int) error { return fill(b, from, to) })
}

func build(t arrow.DataType, parts, n int, fill func(b array.Builder, part, from, to int) error) (arrow.Array, error) {
	pieces := make([]arrow.Array, parts)
	defer func() {
		for _, p := range pieces {
			if p != nil {
				p.Release()
			}
		}
	}()
	err := parallel(parts, n, func(part, from, to int) error {
		b := array.NewBuilder(memory.DefaultAllocator, t)
		defer b.Release()
		b.Reserve(to - from)
		if err := fill(b, part, from, to); err != nil {
			return err
		}
		pieces[part] = b.NewArray()
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(pieces) == 1 {
		pieces[0].Retain()
		return pieces[0], nil
	}
	return array.Concatenate(pieces, memory.DefaultAllocator)
}
