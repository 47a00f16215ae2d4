package artifacts

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"testing"
)

func TestReceiveTakesOnlyWhatItIsTold(t *testing.T) {
	for _, size := range []int{10, 2*blockSize + 5} {
		s := newStore(t)
		content := randomBytes(1, size)
		ref := Ref{Type: File, Digest: DigestOf(content), Size: int64(size)}
		flipped := bytes.Clone(content)
		flipped[size/2] ^= 1
		for name, bad := range map[string][]byte{"flipped": flipped, "cut": content[:size-1], "longer": append(bytes.Clone(content), 0), "nothing": nil} {
			if err := s.Receive(ref, bytes.NewReader(bad)); err == nil || !strings.Contains(err.Error(), string(ref.Digest)) {
				t.Errorf("%s: error %v", name, err)
			}
		}
		if got := filesIn(t, s.Dir()+"/objects"); len(got) > 0 {
			t.Errorf("stored %q", got)
		}
		if left := remains(t, s); len(left) > 0 {
			t.Errorf("left in the session: %q", left)
		}
		if err := s.Receive(ref, bytes.NewReader(content)); err != nil || !s.Has(ref) {
			t.Error(err)
		}
	}
}

func TestRecordBytesAreThoseOfTheFile(t *testing.T) {
	s, other := newStore(t), newStore(t)
	k, ref := recordOf(t, s, "stage")
	b, err := s.RecordBytes(k)
	if err != nil {
		t.Fatal(err)
	}
	r, err := ParseRecord(k, b)
	if err != nil || r.Outputs["out"] != ref {
		t.Fatalf("%+v, %v", r, err)
	}
	mustPut(t, other, []byte("output of stage"))
	if err := other.Record(k, r); err != nil {
		t.Fatal(err)
	}
	if again, err := other.RecordBytes(k); err != nil || !bytes.Equal(again, b) {
		t.Errorf("got %q, want %q, %v", again, b, err)
	}
	if _, err := ParseRecord(keyOf("another"), b); err == nil {
		t.Error("a record was taken for another key's")
	}
	if _, err := s.RecordBytes(keyOf("another")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	if _, err := s.RecordBytes("../../format"); err == nil {
		t.Error("a path was taken for a key")
	}
}
