package dag

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"pipe/artifacts"
	"pipe/artifacts/table"
)

// partKind reads so many batches of its input, all for -1, and does not close it;
// unless it closes it, it succeeds whatever it has read.
type partKind struct {
	batches int
	closes  bool // and gives what the reader's last words were
	ended   error
}

func (k *partKind) Ports() (in, out []Port) {
	return []Port{{Name: "in", Type: artifacts.Table}}, []Port{{Name: Out, Type: artifacts.Table}}
}

func (k *partKind) Check(*Check) {}

func (k *partKind) Run(_ context.Context, env *Env) error {
	r, err := env.Table("in")
	if err != nil {
		return err
	}
	for n := 0; n != k.batches && k.ended == nil; n++ {
		_, k.ended = r.Next()
	}
	if k.closes && !errors.Is(k.ended, io.EOF) {
		return errors.Join(k.ended, r.Close())
	}
	_, err = env.CreateTable(Out, r.Schema(), table.Arrow)
	return err
}

// A large table is checked while it is being read, and nothing that a stage made
// of damaged bytes is kept, however little of them it has read.
func TestDamagedTableLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".pipe")
	s, err := artifacts.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	ref := numbers(t, s, 400_000)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]*partKind{"one batch": {batches: 1}, "all": {batches: -1}, "all, and closed": {batches: -1, closes: true}} {
		t.Run(name, func(t *testing.T) {
			whole := flipLast(t, dir, ref)
			s, err := artifacts.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			out, _, err := RunKind(t.Context(), s, k, map[string][]artifacts.Ref{"in": {ref}}, 1, nil, t.TempDir(), nil)
			var corrupt *artifacts.CorruptError
			if !errors.As(err, &corrupt) || corrupt.Digest != ref.Digest || corrupt.Quarantined == "" || out != nil {
				t.Errorf("outputs %v, error %v", out, err)
			} else if n := strings.Count(err.Error(), "is damaged"); n != 1 {
				t.Errorf("the damage is told %d times: %v", n, err)
			}
			if k.batches < 0 && !errors.As(k.ended, &corrupt) {
				t.Errorf("the reader ended with %v", k.ended)
			}
			put, err := s.Import(whole, artifacts.Table, string(table.Arrow), artifacts.Copied)
			if err != nil || put.Digest != ref.Digest {
				t.Fatalf("%+v, %v", put, err)
			}
			k.ended = nil
			if _, _, err := RunKind(t.Context(), s, k, map[string][]artifacts.Ref{"in": {ref}}, 1, nil, t.TempDir(), nil); err != nil {
				t.Errorf("after the repair: %v", err)
			}
		})
	}
}

func numbers(t *testing.T, s *artifacts.Store, n int) artifacts.Ref {
	t.Helper()
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	for i := range n {
		b.Append(int64(i))
	}
	col := b.NewArray()
	defer col.Release()
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	batch := array.NewRecordBatch(schema, []arrow.Array{col}, int64(n))
	defer batch.Release()
	d, err := s.Create(artifacts.Table, string(table.Arrow))
	if err != nil {
		t.Fatal(err)
	}
	w, err := table.NewArrowWriter(d, schema)
	if err == nil {
		err = errors.Join(w.Write(batch), w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	ref, err := d.Commit()
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// flipLast flips a bit of a value of the last batch and gives a whole copy.
func flipLast(t *testing.T, dir string, ref artifacts.Ref) (whole string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, "objects"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil || int64(len(b)) != ref.Size {
			return err
		}
		whole = filepath.Join(t.TempDir(), "whole.arrow")
		if err := os.WriteFile(whole, b, 0o666); err != nil {
			return err
		}
		b[len(b)-len(b)/20] ^= 1
		if err := os.Chmod(path, 0o666); err != nil {
			return err
		}
		return os.WriteFile(path, b, 0o666)
	})
	if err != nil || whole == "" {
		t.Fatalf("object of %d bytes: %v", ref.Size, err)
	}
	return whole
}
