package artifacts

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"sync"
)

// blockSize is how much is hashed, written or read at a time: enough that the
// hand-over between two goroutines costs nothing, little enough to stay in the
// processor's cache.
const blockSize = 1 << 20

// blocks are shared by everything that hashes.
var blocks = sync.Pool{New: func() any { b := make([]byte, 0, blockSize); return &b }}

func digestOf(b []byte) Digest {
	sum := sha256.Sum256(b)
	return hexDigest(sum[:])
}

func hexDigest(sum []byte) Digest { return Digest(hex.EncodeToString(sum)) }

// hashReader returns the digest of what r has left, and its length.
func hashReader(r io.Reader) (Digest, int64, error) {
	block := blocks.Get().(*[]byte)
	defer blocks.Put(block)
	h := sha256.New()
	n, err := io.CopyBuffer(h, onlyReader{r}, (*block)[:blockSize])
	if err != nil {
		return "", n, err
	}
	return hexDigest(h.Sum(nil)), n, nil
}

// onlyReader hides a file's WriteTo, which would bypass the block.
type onlyReader struct{ io.Reader }

// hashStream hashes blocks on a goroutine of its own, in the order of add,
// while the caller writes them elsewhere.
type hashStream struct {
	full  chan []byte
	empty chan []byte
	done  chan Digest
}

// blocksInFlight lets the slower of hashing and writing lag by two blocks.
const blocksInFlight = 3

func startHash() *hashStream {
	s := &hashStream{
		full:  make(chan []byte, blocksInFlight),
		empty: make(chan []byte, blocksInFlight),
		done:  make(chan Digest, 1),
	}
	for range blocksInFlight - 1 {
		s.empty <- nil // made when first asked for
	}
	go func() {
		h := sha256.New()
		for b := range s.full {
			h.Write(b)
			s.empty <- b[:0]
		}
		s.done <- hexDigest(h.Sum(nil))
	}()
	return s
}

// add hashes b, which must not be changed until block returns it.
func (s *hashStream) add(b []byte) { s.full <- b }

// block returns an empty block, as soon as one is free.
func (s *hashStream) block() []byte {
	if b := <-s.empty; cap(b) >= blockSize {
		return b
	}
	return make([]byte, 0, blockSize)
}

// sum ends the stream and returns the digest of all blocks.
func (s *hashStream) sum() Digest {
	close(s.full)
	return <-s.done
}
