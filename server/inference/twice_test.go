package inference

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTwice(t *testing.T) {
	var many strings.Builder
	for i := range 40 {
		fmt.Fprintf(&many, `"k%d":{"k%d":[],"x":[{"x":1}]},`, i, i)
	}
	for body, want := range map[string]string{
		`{"a":1,"b":{"a":2},"c":[{"a":1},{"a":2}]}`: "",
		`{"a":"a","b":"a"}`:                         "",
		`["a","a",{"a":["a","a"]}]`:                 "",
		`"a"`:                                       "",
		`{"a":1, "b":2, "a":3}`:                     "a",
		`[{"a":{"x":[1,{"y":1,"y":2}]}}]`:           "y",
		`{"a\"":1,"a\u0022":2}`:                     `a"`,
		`{"a":"\\","a":"}"}`:                        "a",
		`{` + many.String() + `"last":1}`:           "",
		`{` + many.String() + `"k7":1}`:             "k7",
		`{` + many.String() + `"last":1,"last":2}`:  "last",
		`{"":1,"":2}`:                               "",
	} {
		name, at := twice([]byte(body))
		if name != want || (at >= 0) != (want != "" || body == `{"":1,"":2}`) {
			t.Errorf("%.60s: %q at %d, want %q", body, name, at, want)
		}
	}
	var v any
	if err := decodeJSON([]byte("\ufeff{\"a\": 1}"), &v); err != nil {
		t.Error(err)
	}
	if err := decodeJSON([]byte(`{"a": 1, "a": 2}`), &v); err == nil || err.Error() != `the key "a" is there twice (byte 9)` {
		t.Error(err)
	}
	columns := []column{{name: "text", typ: "utf8"}, {name: "n", typ: "utf8"}}
	if _, err := csvRows(columns, []byte("text,n,text\nx,y,z\n")); err == nil || !strings.Contains(err.Error(), `"text" is there twice`) {
		t.Error(err)
	}
	if _, err := csvRows(columns, []byte("\ufefftext,n\nx,y\n")); err != nil && strings.Contains(err.Error(), "no column") {
		t.Error(err)
	}
}

// The decoder with a callback for each key is the reference.
func FuzzTwice(f *testing.F) {
	for _, s := range []string{`{"a":1,"a":2}`, `[{"a":{}},{"a":[]}]`, `{"\u0061":1,"a":2}`, `{"a":[{"b":1},{"b":2}],"b":"\\\""}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if !json.Valid(b) || !utf8.Valid(b) { // what is not UTF-8 is refused before
			return
		}
		_, at := twice(b)
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		if want := repeats(t, d); (at >= 0) != want {
			t.Fatalf("%q: at %d, and a key is there twice: %v", b, at, want)
		}
	})
}

func repeats(t *testing.T, d *json.Decoder) bool {
	tok, err := d.Token()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	switch tok {
	case json.Delim('['):
		for d.More() {
			found = repeats(t, d) || found
		}
	case json.Delim('{'):
		seen := map[any]bool{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				t.Fatal(err)
			}
			found = found || seen[key]
			seen[key] = true
			found = repeats(t, d) || found
		}
	default:
		return false
	}
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	return found
}
