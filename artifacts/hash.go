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

// DigestOf is the digest of an object with these bytes.
func DigestOf(b []byte) Digest {
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
