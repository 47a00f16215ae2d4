package artifacts

import (
	"strings"
	"testing"
)

func TestDigestForm(t *testing.T) {
	good := Digest(strings.Repeat("0a", 32))
	if !good.Valid() || good.Short() != "0a0a0a0a0a0a" {
		t.Errorf("%q: %v, %q", good, good.Valid(), good.Short())
	}
	for _, d := range []Digest{"", "ab", good[1:], good + "0", Digest(strings.ToUpper(string(good))), good[:63] + "/", "../" + good[3:]} {
		if d.Valid() {
			t.Errorf("%q is taken for a digest", d)
		}
	}
}

func TestRefsThatNameNothing(t *testing.T) {
	sound := Ref{Type: Table, Digest: someDigest, Size: 1, Rows: 1}
	if err := sound.Validate(); err != nil {
		t.Error(err)
	}
	s := newStore(t)
	for want, change := range map[string]func(*Ref){
		`type "folder" is unknown`: func(r *Ref) { r.Type = "folder" },
		`digest "abc"`:             func(r *Ref) { r.Digest = "abc" },
		"negative size -1":         func(r *Ref) { r.Size = -1 },
		"negative row count -2":    func(r *Ref) { r.Rows = -2 },
	} {
		r := sound
		change(&r)
		if err := r.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		if s.Has(r) {
			t.Errorf("%+v is in the store", r)
		}
		if _, err := s.Open(r); err == nil {
			t.Errorf("%+v was opened", r)
		}
		if err := s.Record(keyOf("k"), &Record{Outputs: map[string]Ref{"out": r}}); err == nil {
			t.Errorf("%+v was recorded", r)
		}
		if err := s.Receive(r, strings.NewReader("x")); err == nil {
			t.Errorf("%+v was received", r)
		}
	}
}

func TestTypesAreChecked(t *testing.T) {
	s := newStore(t)
	if _, err := s.Create("weights", ""); err == nil {
		t.Error("an unknown type was created")
	}
	if _, err := s.CreateFolder(""); err == nil {
		t.Error("a folder without a type was created")
	}
	if _, err := s.Create(Model, FolderFormat); err == nil {
		t.Error("a folder was created as a file")
	}
	if _, err := s.OpenFolder(mustPut(t, s, []byte("x"))); err == nil || !strings.Contains(err.Error(), "single file") {
		t.Errorf("a file was opened as a folder: %v", err)
	}
	// Bytes that are no manifest, under a reference that says they are one.
	ref := mustPut(t, s, []byte(`{"version":1}`))
	ref.Format = FolderFormat
	if _, err := s.OpenFolder(ref); err == nil || !strings.Contains(err.Error(), "is no folder") {
		t.Errorf("error %v", err)
	}
	if s.Has(ref) {
		t.Error("a folder whose manifest cannot be read is there")
	}
}
