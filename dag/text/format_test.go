package text

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFormat(t *testing.T) {
	for _, c := range [][2]string{
		{"a:   1  \r\n\r\n\r\n\r\nb: 2", "a:   1\n\nb: 2\n"},
		{"a:\n    b:\n        - x\n        -   y: 1\n            z: 2\n    #note\n    c: 3\n", "a:\n  b:\n    - x\n    - y: 1\n      z: 2\n  # note\n  c: 3\n"},
		{"a:\n- x\n- y:\n    z: 1\n", "a:\n- x\n- y:\n    z: 1\n"},
		{"run:\n    text: |\n        one  \n\n\n          two\n    more: 1\n", "run:\n  text: |\n      one  \n\n\n        two\n  more: 1\n"},
		{"a: { b: [1,\n      2], c: \"x\n   y\" }\n", "a: { b: [1,\n      2], c: \"x\n   y\" }\n"},
		{"# top\n\n\n#second\na: 1 # why\n\n\n\n# last\n", "# top\n\n# second\na: 1 # why\n\n# last\n"},
		{"\n\na: 'it''s # no comment'\nb: it's\nc: {x: 1}\n", "a: 'it''s # no comment'\nb: it's\nc: {x: 1}\n"},
	} {
		got, err := Format(&File{Name: "f", Data: []byte(c[0])})
		if err != nil || string(got) != c[1] {
			t.Errorf("%q: %q (%v), want %q", c[0], got, err, c[1])
		}
	}
	for _, bad := range []string{"a: [", "a: 1\na: 2\n"} {
		if _, err := Format(&File{Name: "f", Data: []byte(bad)}); err == nil {
			t.Errorf("%q is formatted", bad)
		}
	}
}

// TestFormatLeavesOurPipelines: what the project ships is written this way.
func TestFormatLeavesOurPipelines(t *testing.T) {
	files, err := filepath.Glob("../../pipelines/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no pipeline: %v", err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Format(&File{Name: file, Data: src}); err != nil || string(got) != string(src) {
			t.Errorf("%s: pipe fmt would change it (%v)", file, err)
		}
	}
}

// TestFormatLastBlock: a file may end with a block scalar of every kind.
func TestFormatLastBlock(t *testing.T) {
	var files []string
	for _, glob := range []string{"../../pipelines/*.yaml", "../../examples/*/*.yaml"} {
		found, err := filepath.Glob(glob)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v (%v)", glob, found, err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, head := range []string{"|", "|-", "|+", ">", ">-", ">+", "|2", "|1-", "| # why"} {
			for _, body := range []string{"      echo one\n      echo two", "      if x; then\n        echo one\n\n      fi"} {
				for _, end := range []string{"", "\n", "\n\n", "\n\n\n", "\n# after\n"} {
					text := strings.TrimRight(string(src), "\n") + "\nx-last:\n    last:\n      run: " + head + "\n  " + strings.ReplaceAll(body, "\n", "\n  ") + end
					got, err := Format(&File{Name: file, Data: []byte(text)})
					if err != nil {
						t.Fatalf("%s with %s, %q: %v", file, head, end, err)
					}
					again, err := Format(&File{Name: file, Data: got})
					if err != nil || string(again) != string(got) {
						t.Fatalf("%s with %s, %q: not the same again (%v)", file, head, end, err)
					}
				}
			}
		}
	}
	for in, want := range map[string]string{
		"a:\n  run: |\n    x\n":        "a:\n  run: |\n    x\n",
		"a:\n  run: |\n    x\n\n\n":    "a:\n  run: |\n    x\n",
		"a:\n    run: |+\n      x\n\n": "a:\n  run: |+\n    x\n\n",
		"a:\n  run: >-\n    x":         "a:\n  run: >-\n    x\n",
	} {
		if got, err := Format(&File{Name: "f", Data: []byte(in)}); err != nil || string(got) != want {
			t.Errorf("%q: %q (%v), want %q", in, got, err, want)
		}
	}
}

// FuzzFormat: what is written is formatted already and means what was read;
// Format itself sees to both and says where it cannot.
func FuzzFormat(f *testing.F) {
	for _, s := range []string{"a:\n   - b: 1\n     c: |\n       x\n", "a: {b: [1, 'x\n y']}\n# c\n", "- - - a\n  - b\n", "a: &x 1\nb: *x\n", "? a\n: b\n", "a: >-\n x\n\n y\n", "a: |\n  x\n", "a:\n    b: |+\n      x\n\n", "a: |2\n   x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		file := &File{Name: "f", Data: []byte(s)}
		out, err := Format(file)
		if err != nil {
			return
		}
		again, err := Format(&File{Name: "f", Data: out})
		if err != nil || string(again) != string(out) {
			t.Fatalf("%q becomes %q, and that %q (%v)", s, out, again, err)
		}
	})
}
