package dag

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pipe/artifacts"
)

func someMemo() *Memo {
	key, digest := artifacts.Key(strings.Repeat("ab", 32)), artifacts.Digest(strings.Repeat("cd", 32))
	return &Memo{Variables: []string{"HOME", "TONE"}, values: [32]byte{1, 2, 3},
		refs: []artifacts.Ref{{Type: artifacts.Table, Digest: digest, Size: 1 << 40, Format: "parquet", Rows: 300}, {Type: artifacts.File, Digest: digest}},
		Stages: []MemoStage{
			{Name: "rows", Kind: "source.csv", Key: key, sight: "binary\x00\xff", log: []int{}, in: []memoPort{}, out: []memoPort{{"out", 0}},
				files: []artifacts.Fingerprint{{Path: "a b\n.csv", Digest: digest, Size: 300, Files: 1}, {Path: strings.Repeat("x", 300)}}},
			{Name: "train/<0_1>", Kind: "exec", Key: key, log: []int{1}, in: []memoPort{{"in.0", 0}, {"in.1", 1}}, out: []memoPort{},
				metrics: `[{"name":"loss","value":0.5,"step":1,"time":"2026-11-28T00:00:00Z"},{"name":"odd","value":"NaN","step":2,"time":"2026-11-28T00:00:00Z"}]`, files: []artifacts.Fingerprint{}},
		}}
}

// The lines that a memo gives a journal are those of its events.
func TestMemoWritesTheLinesOfItsEvents(t *testing.T) {
	m, now := someMemo(), time.Now()
	for _, run := range []string{"", "0123"} {
		direct, events := t.TempDir(), t.TempDir()
		j, err := CreateJournal(direct, nil)
		if err != nil {
			t.Fatal(err)
		}
		m.write(j, run, now)
		k, kerr := CreateJournal(events, nil)
		if kerr != nil {
			t.Fatal(kerr)
		}
		for e := range m.Events() {
			e.Time, e.Run = now, run
			k.Event(e)
		}
		if err := errors.Join(j.Close(), k.Close()); err != nil {
			t.Fatal(err)
		}
		got, gerr := os.ReadFile(filepath.Join(direct, JournalFile))
		want, werr := os.ReadFile(filepath.Join(events, JournalFile))
		if err := errors.Join(gerr, werr); err != nil || len(want) == 0 || string(got) != string(want) {
			t.Errorf("%v: a memo writes\n%s\nand its events are\n%s", err, got, want)
		}
	}
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
