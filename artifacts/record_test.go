package artifacts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestRecordGolden(t *testing.T) {
	r := &Record{
		Version: 1, Key: keyOf("k"), Kind: "nn.train",
		Outputs: map[string]Ref{
			"model":   {Type: Model, Digest: someDigest, Size: 7, Format: FolderFormat},
			"history": {Type: Table, Digest: someDigest, Size: 8, Format: "parquet", Rows: 10},
		},
		Log:         &Ref{Type: File, Digest: someDigest, Size: 9},
		Started:     time.Date(2026, 1, 2, 3, 4, 5, 60, time.UTC),
		Finished:    time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC),
		Metrics:     json.RawMessage("{\n \"loss\": 0.5\n}"),
		Description: json.RawMessage(`{"kind": "nn.train"}`),
	}
	b, err := r.encode()
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(string(b), "\n")
	want := strings.ReplaceAll(fmt.Sprintf(`{"version":1,"key":"%s","kind":"nn.train","outputs":`+
		`{"history":{"type":"table","digest":"DIGEST","size":8,"format":"parquet","rows":10},`+
		`"model":{"type":"model","digest":"DIGEST","size":7,"format":"folder"}},`+
		`"log":{"type":"file","digest":"DIGEST","size":9},`+
		`"started":"2026-01-02T03:04:05.00000006Z","finished":"2026-01-02T03:04:06Z"}
{"loss":0.5}
{"kind":"nn.train"}
`, r.Key), "DIGEST", string(someDigest))
	if body != want {
		t.Errorf("got\n%swant\n%s", body, want)
	}
	if head != "pipe-record 1 "+string(DigestOf([]byte(body))) {
		t.Errorf("head %q", head)
	}
	if r.Metrics[1] != '\n' {
		t.Error("encoding changed the caller's record")
	}
}

func TestRecordsOfEveryShapeReadBack(t *testing.T) {
	for _, r := range []*Record{
		{},
		{Kind: `quoted "kind" \ <&> é 日本` + "\n\x01"},
		{Outputs: map[string]Ref{`port "a"`: {Type: File, Digest: someDigest}}},
		{Outputs: map[string]Ref{"a": {Type: File, Digest: someDigest, Size: 1 << 60, Rows: 1 << 50, Format: `f"x`}}},
		{Metrics: json.RawMessage(`{"a":"line\nbreak"}`)},
		{Description: json.RawMessage(`[1,2]`)},
		{Started: time.Unix(1, 999_999_999).UTC(), Finished: time.Unix(1<<33, 0).UTC()},
	} {
		r.Version, r.Key = recordVersion, keyOf("k")
		if r.Outputs == nil {
			r.Outputs = map[string]Ref{}
		}
		b, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseRecord(b)
		if err != nil {
			t.Errorf("%q: %v", b, err)
		} else if !reflect.DeepEqual(got, r) {
			t.Errorf("got  %+v\nwant %+v", got, r)
		}
	}
}

func TestRecordRefusesWhatIsNotJSON(t *testing.T) {
	s := newStore(t)
	for _, r := range []*Record{{Metrics: json.RawMessage(`{`)}, {Description: json.RawMessage("{}\n{}")}} {
		if err := s.Record(keyOf("k"), r); err == nil || !strings.Contains(err.Error(), "metrics or description") {
			t.Errorf("error %v", err)
		}
	}
	if err := s.Record("abc", &Record{}); err == nil {
		t.Error("a key that is none was accepted")
	}
}

// signed makes the first line that fits body, so that fuzzing gets past it.
func signed(body []byte) []byte {
	return append([]byte(recordPrefix+"1 "+string(DigestOf(body))+"\n"), body...)
}

func FuzzRecord(f *testing.F) {
	for _, r := range []*Record{
		{Outputs: map[string]Ref{}},
		{Outputs: map[string]Ref{"a": {Type: File, Digest: someDigest, Size: 3, Rows: 2, Format: "csv"}}, Log: &Ref{Type: File, Digest: someDigest}},
	} {
		r.Version, r.Key, r.Kind = recordVersion, keyOf("k"), "kind \"x\""
		b, err := r.encode()
		if err != nil {
			f.Fatal(err)
		}
		_, body, _ := bytes.Cut(b, []byte("\n"))
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := parseRecord(body); err == nil {
			t.Skip() // a whole record with a checksum of its own
		}
		r, err := parseRecord(signed(bytes.Clone(body)))
		if err != nil {
			return
		}
		again, err := r.encode()
		if err != nil {
			return // metrics that are not JSON; only encode could have signed them
		}
		second, err := parseRecord(again)
		if err != nil {
			t.Fatalf("%q is accepted, and as %q it is not: %v", body, again, err)
		}
		if second.Kind != r.Kind && json.Valid([]byte(body)) || len(second.Outputs) != len(r.Outputs) || second.Key != r.Key {
			t.Errorf("%q reads as %+v and then as %+v", body, r, second)
		}
	})
}

func FuzzStats(f *testing.F) {
	f.Add([]byte("1 2 3 4 5 " + string(someDigest) + " /a b\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		head := []byte(statPrefix + string(DigestOf(body)) + "\n")
		entries, err := parseStats(append(head, body...))
		if err != nil {
			return
		}
		again, err := parseStats(encodeStats(entries))
		if err != nil || !reflect.DeepEqual(again, entries) {
			t.Errorf("%q reads as %v and then as %v, %v", body, entries, again, err)
		}
	})
}
