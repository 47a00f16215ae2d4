package nn

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
)

// derive hashes a seed, a purpose and counters into the 128 bits that seed a
// PCG. Generators of different purposes or counters share nothing, and any of
// them can be had again without having drawn the ones before it.
func derive(seed uint64, purpose string, counters ...int) (hi, lo uint64) {
	var buf [128]byte
	b := binary.LittleEndian.AppendUint64(buf[:0], seed)
	b = append(b, purpose...)
	for _, c := range counters {
		b = binary.LittleEndian.AppendUint64(b, uint64(c))
	}
	sum := sha256.Sum256(b)
	return binary.LittleEndian.Uint64(sum[:8]), binary.LittleEndian.Uint64(sum[8:16])
}

// generator returns the random source for one purpose.
func generator(seed uint64, purpose string, counters ...int) *rand.Rand {
	return rand.New(rand.NewPCG(derive(seed, purpose, counters...)))
}

// permutation fills order with the numbers 0 to len(order)-1 in the order that
// the epoch visits them.
func permutation(order []int, seed uint64, epoch int) {
	for i := range order {
		order[i] = i
	}
	generator(seed, "shuffle", epoch).Shuffle(len(order), func(i, j int) {
		order[i], order[j] = order[j], order[i]
	})
}
