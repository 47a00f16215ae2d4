package dag

import (
	"reflect"
	"strings"
	"testing"

	"pipe/artifacts"
)

func someMemo() *Memo {
	key := artifacts.Key(strings.Repeat("ab", 32))
	return &Memo{Variables: []string{"HOME", "TONE"}, sum: [32]byte{1, 2, 3}, Stages: []MemoStage{
		{Name: "rows", Kind: "source.csv", Key: key, In: []memoEdge{}, Files: []string{"a b\n.csv", strings.Repeat("x", 300)}},
		{Name: "train/0_1", Kind: "exec", Key: key, In: []memoEdge{{"in", "out", 0}, {"in", "log", 0}}, Files: []string{}},
	}}
}

func TestMemoComesBackAsItWas(t *testing.T) {
	m := someMemo()
	b, err := m.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	var got Memo
	if err := got.UnmarshalBinary(b); err != nil || !reflect.DeepEqual(&got, m) {
		t.Errorf("%v: %+v", err, got)
	}
	for n := range b {
		if new(Memo).UnmarshalBinary(b[:n]) == nil {
			t.Errorf("the first %d of %d bytes pass for a memo", n, len(b))
		}
	}
	if new(Memo).UnmarshalBinary(append(b, 0)) == nil {
		t.Error("a byte too many passes")
	}
}

// What can be read is written as it was read, or shorter.
func FuzzMemo(f *testing.F) {
	b, _ := someMemo().AppendBinary(nil)
	f.Add(b)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var m, again Memo
		if m.UnmarshalBinary(b) != nil {
			return
		}
		c, err := m.AppendBinary(nil)
		if err != nil || len(c) > len(b) {
			t.Fatalf("%v: %d bytes became %d", err, len(b), len(c))
		}
		if err := again.UnmarshalBinary(c); err != nil || !reflect.DeepEqual(m, again) {
			t.Fatalf("%v: %+v became %+v", err, m, again)
		}
	})
}
