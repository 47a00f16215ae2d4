package stages

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
)

// generator gives the random numbers for one purpose: equal seeds and purposes
// give equal numbers, different ones have nothing to do with each other.
func generator(seed uint64, purpose string) *rand.Rand {
	return rand.New(rand.NewChaCha8(sha256.Sum256(binary.BigEndian.AppendUint64([]byte(purpose+"\x00"), seed))))
}
