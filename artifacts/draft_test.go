package artifacts

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestDraftOfAnySizeReadsBack(t *testing.T) {
	s := newStore(t)
	for _, size := range []int{0, 1, 4095, 4096, 4097, blockSize - 1, blockSize, blockSize + 1, 3*blockSize + 17, 9 * blockSize} {
		want := randomBytes(uint64(size), size)
		for name, write := range map[string]func(*Draft) error{
			"Write in odd pieces": func(d *Draft) error {
				for rest := want; len(rest) > 0; {
					n := min(len(rest), 77777)
					if _, err := d.Write(rest[:n]); err != nil {
						return err
					}
					rest = rest[n:]
				}
				return nil
			},
			"ReadFrom": func(d *Draft) error {
				_, err := d.ReadFrom(bytes.NewReader(want))
				return err
			},
		} {
			d, err := s.Create(Table, "parquet")
			if err != nil {
				t.Fatal(err)
			}
			if err := write(d); err != nil {
				t.Fatalf("%s %d: %v", name, size, err)
			}
			d.SetRows(5)
			ref, err := d.Commit()
			if err != nil {
				t.Fatalf("%s %d: %v", name, size, err)
			}
			d.Abort()
			sum := sha256.Sum256(want)
			if ref != (Ref{Type: Table, Digest: Digest(hex.EncodeToString(sum[:])), Size: int64(size), Format: "parquet", Rows: 5}) {
				t.Fatalf("%s %d: ref %+v", name, size, ref)
			}
			if got, err := s.ReadAll(ref); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s %d: read back %d bytes, %v", name, size, len(got), err)
			}
			if !s.Has(ref) {
				t.Errorf("%s %d: Has is false", name, size)
			}
		}
	}
	if left := remains(t, s); len(left) > 0 {
		t.Errorf("left in the session: %q", left)
	}
}

func TestObjectFilesAreReadOnlyAndNamedByTheirHash(t *testing.T) {
	s := newStore(t)
	ref := mustPut(t, s, []byte("hello"))
	const sum = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	if ref.Digest != sum {
		t.Fatalf("digest %s", ref.Digest)
	}
	info, err := os.Stat(filepath.Join(s.Dir(), "objects", sum[:2], sum[2:]))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm()&0o222 != 0 {
		t.Errorf("object has mode %v", info.Mode())
	}
}

func TestAbortedDraftLeavesNothing(t *testing.T) {
	s := newStore(t)
	for _, size := range []int{10, 5 * blockSize} {
		d, err := s.Create(File, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Write(randomBytes(1, size)); err != nil {
			t.Fatal(err)
		}
		d.Abort()
		if _, err := d.Commit(); err == nil {
			t.Error("a draft was committed after Abort")
		}
		if _, err := d.Write([]byte("x")); err == nil {
			t.Error("a draft was written after Abort")
		}
	}
	if got := filesIn(t, filepath.Join(s.Dir(), "objects")); len(got) > 0 {
		t.Errorf("objects %q", got)
	}
	if left := remains(t, s); len(left) > 0 {
		t.Errorf("left in the session: %q", left)
	}
}

func TestOpenedObjectCanBeReadInAllWays(t *testing.T) {
	s := newStore(t)
	want := randomBytes(3, blockSize+100)
	o, err := s.Open(mustPut(t, s, want))
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if o.Size() != int64(len(want)) {
		t.Errorf("size %d", o.Size())
	}
	part := make([]byte, 50)
	if _, err := o.ReadAt(part, blockSize); err != nil || !bytes.Equal(part, want[blockSize:blockSize+50]) {
		t.Errorf("ReadAt: %v", err)
	}
	if m, err := o.Map(); err != nil || !bytes.Equal(m, want) {
		t.Errorf("Map: %v", err)
	}
	if _, err := o.Seek(100, io.SeekStart); err != nil {
		t.Error(err)
	}
	if got, err := io.ReadAll(o); err != nil || !bytes.Equal(got, want[100:]) {
		t.Errorf("ReadAll: %v", err)
	}
	empty, err := s.Open(mustPut(t, s, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Close()
	if m, err := empty.Map(); err != nil || len(m) != 0 {
		t.Errorf("Map of nothing: %v, %v", m, err)
	}
}
