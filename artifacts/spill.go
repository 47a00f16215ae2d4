package artifacts

import (
	"crypto/sha256"
	"os"
	"sync/atomic"
)

// spill takes the blocks of a large artifact, in order, to its file and to its
// hash, each on a goroutine of its own, while the caller fills the next one.
type spill struct {
	file, hash chan *spillBlock
	empty      chan *spillBlock
	failed     atomic.Pointer[error] // of the file
	written    chan struct{}
	digest     chan Digest
}

// spillBlock is empty again when both have done with it.
type spillBlock struct {
	bytes []byte
	users atomic.Int32
}

// blocksInFlight lets the slowest of the three lag by three blocks.
const blocksInFlight = 4

func startSpill(f *os.File) *spill {
	s := &spill{
		file:    make(chan *spillBlock, blocksInFlight),
		hash:    make(chan *spillBlock, blocksInFlight),
		empty:   make(chan *spillBlock, blocksInFlight),
		written: make(chan struct{}),
		digest:  make(chan Digest, 1),
	}
	for range blocksInFlight - 1 {
		s.empty <- &spillBlock{} // its memory is made when first asked for
	}
	go s.write(f)
	go s.sum()
	return s
}

func (s *spill) write(f *os.File) {
	defer close(s.written)
	at := int64(0)
	for b := range s.file {
		if s.err() == nil {
			n, err := f.Write(b.bytes)
			if err != nil {
				s.failed.Store(&err)
			}
			startWriteback(f, at, int64(n))
			at += int64(n)
		}
		s.done(b)
	}
}

func (s *spill) sum() {
	h := sha256.New()
	for b := range s.hash {
		h.Write(b.bytes)
		s.done(b)
	}
	s.digest <- hexDigest(h.Sum(nil))
}

func (s *spill) done(b *spillBlock) {
	if b.users.Add(-1) == 0 {
		s.empty <- b
	}
}

// err is that of the file, as soon as it is known.
func (s *spill) err() error {
	if err := s.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// add takes a full block and gives an empty one for it, as soon as one is free.
func (s *spill) add(full []byte) []byte {
	b := <-s.empty
	b.bytes, full = full, b.bytes
	b.users.Store(2)
	s.file <- b
	s.hash <- b
	if cap(full) < blockSize {
		return make([]byte, 0, blockSize)
	}
	return full[:0]
}

// close waits until all is written and returns the digest of all blocks.
func (s *spill) close() (Digest, error) {
	close(s.file)
	close(s.hash)
	<-s.written
	return <-s.digest, s.err()
}
