package artifacts

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// LookupEach is Lookup for many keys, on all cores. It asks took for each
// record, several at a time, and is true unless one was missing or refused.
func (s *Store) LookupEach(records []Seen, took func(i int, r *Record) bool) bool {
	return inParts(len(records), func(i int) bool {
		r, ok := s.Lookup(records[i].Key)
		return ok && took(i, r)
	})
}

// SameFiles tells whether outside files and folders have the fingerprints that
// were taken of them.
func (s *Store) SameFiles(prints []Fingerprint) bool {
	return inParts(len(prints), func(i int) bool {
		was := &prints[i]
		is, err := s.Fingerprint(was.Path)
		return err == nil && is.Digest == was.Digest && is.Size == was.Size && is.Files == was.Files
	})
}

// inParts asks for each of n, on all cores, until one says no.
func inParts(n int, ask func(i int) bool) bool {
	const part = 64
	var next atomic.Int64
	var no atomic.Bool
	work := func() {
		for !no.Load() {
			from := int(next.Add(part)) - part
			if from >= n {
				return
			}
			for i := from; i < min(from+part, n); i++ {
				if !ask(i) {
					no.Store(true)
					return
				}
			}
		}
	}
	var others sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), (n+part-1)/part) - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
	return !no.Load()
}
