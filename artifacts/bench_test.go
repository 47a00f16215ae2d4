package artifacts

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The goals of these figures: 1,000 look-ups well under 15 ms; hash and commit
// of a large artifact at 80 % of the speed of the hash alone.

func BenchmarkLookup1000(b *testing.B) {
	dir := filepath.Join(b.TempDir(), ".pipe")
	s := openStore(b, dir)
	keys := make([]Key, 1000)
	for i := range keys {
		keys[i] = keyOf(fmt.Sprint("stage ", i))
		out, err := s.PutBytes(Table, "arrow", fmt.Appendf(nil, "output %d", i))
		if err != nil {
			b.Fatal(err)
		}
		err = s.Record(keys[i], &Record{
			Kind: "exec", Outputs: map[string]Ref{"out": out}, Started: time.Unix(1, 0), Finished: time.Unix(1, 5),
			Metrics:     []byte(`{"rows":12,"seconds":0.5}`),
			Description: []byte(`{"kind":"exec","version":1,"config":{"command":["sh","-c","sort in > out"]},"inputs":{"in":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"}}`),
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		fresh, err := Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		for _, k := range keys {
			if _, ok := fresh.Lookup(k); !ok {
				b.Fatal("miss")
			}
		}
		fresh.Close()
	}
}

// pattern is an endless reader that costs next to nothing, so that the store's work
// is what is measured.
type pattern struct{ block []byte }

func (p pattern) Read(b []byte) (int, error) { return copy(b, p.block), nil }

const largeSize = 256 << 20

func BenchmarkHashAlone(b *testing.B) {
	block := randomBytes(1, blockSize)
	b.SetBytes(largeSize)
	for b.Loop() {
		h := sha256.New()
		for range largeSize / blockSize {
			h.Write(block)
		}
		h.Sum(nil)
	}
}

func BenchmarkHashAndCommit(b *testing.B) {
	s := newStore(b)
	block := randomBytes(1, blockSize)
	b.SetBytes(largeSize)
	for i := 0; b.Loop(); i++ {
		block[0], block[1] = byte(i), byte(i>>8)
		d, err := s.Create(File, "")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := d.ReadFrom(io.LimitReader(pattern{block}, largeSize)); err != nil {
			b.Fatal(err)
		}
		ref, err := d.Commit()
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		os.Remove(s.objectPath(ref.Digest))
		b.StartTimer()
	}
}

func BenchmarkCommitSmall(b *testing.B) {
	s := newStore(b)
	for i := 0; b.Loop(); i++ {
		if _, err := s.PutBytes(File, "", fmt.Appendf(nil, "small %d", i)); err != nil {
			b.Fatal(err)
		}
	}
}

func writeSmallFiles(tb testing.TB, dir string, n int) {
	tb.Helper()
	for i := range n {
		sub := filepath.Join(dir, fmt.Sprint(i/100))
		if i%100 == 0 {
			if err := os.MkdirAll(sub, 0o777); err != nil {
				tb.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(sub, fmt.Sprint(i)), randomBytes(uint64(i), 2000), 0o666); err != nil {
			tb.Fatal(err)
		}
	}
}

func BenchmarkFingerprint10000(b *testing.B) {
	src := b.TempDir()
	writeSmallFiles(b, src, 10000)
	time.Sleep(2 * fineStamps)
	dir := filepath.Join(b.TempDir(), ".pipe")
	fingerprint := func(b *testing.B) {
		s, err := Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Fingerprint(src); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			os.Remove(filepath.Join(dir, "stat"))
			b.StartTimer()
			fingerprint(b)
		}
	})
	b.Run("unchanged", func(b *testing.B) {
		for b.Loop() {
			fingerprint(b)
		}
	})
}

func BenchmarkImport10000(b *testing.B) {
	src := b.TempDir()
	writeSmallFiles(b, src, 10000)
	for b.Loop() {
		dir := filepath.Join(b.TempDir(), ".pipe")
		s, err := Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.ImportFolder(src, File, nil, Copied); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
