package transform

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// python finds an interpreter that has a package.
func python(t *testing.T, pkg string) string {
	t.Helper()
	name := os.Getenv("PIPE_PYTHON")
	if name == "" {
		name = "python3"
	}
	if out, err := exec.Command(name, "-c", "import "+pkg).CombinedOutput(); err != nil {
		t.Skipf("skipped: %s cannot import %s (set PIPE_PYTHON to one that can): %v %s", name, pkg, err, bytes.TrimSpace(out))
	}
	return name
}

// Hugging Face's library, reading our tokenizer.json, gives our ids.
func TestHuggingFaceGivesTheSameIDs(t *testing.T) {
	interpreter := python(t, "tokenizers")
	g := readKeras(t)
	for i := range g.Cases {
		v := g.fitted(t, i)
		files := folder{}
		if err := Save(files, v); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), tokenizerName)
		if err := os.WriteFile(path, files[tokenizerName].Data, 0o666); err != nil {
			t.Fatal(err)
		}
		texts := slices.DeleteFunc(slices.Clone(g.Apply), func(s string) bool {
			return strings.Contains(s, "Σ") || v.oov == 0 && hasUnknown(v, s)
		})
		input, err := json.Marshal(texts)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(interpreter, "testdata/encode.py", path)
		cmd.Stdin = bytes.NewReader(input)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("case %d: %v\n%s\n%s", i, err, stderr.Bytes(), files[tokenizerName].Data)
		}
		var ids [][]int32
		if err := json.Unmarshal(out, &ids); err != nil {
			t.Fatal(err)
		}
		for j, text := range texts {
			var in Input
			v.AppendText(&in, text)
			if !slices.Equal(in.IDs, ids[j]) {
				t.Errorf("case %d (%+v), text %q: %v, tokenizers: %v", i, g.Cases[i].Config, text, in.IDs, ids[j])
			}
		}
	}
}

func hasUnknown(v *Vectorizer, text string) bool {
	unknown := false
	v.split.tokens(text, func(token []byte) bool {
		unknown = unknown || v.id(token) == 0
		return true
	})
	return unknown
}
