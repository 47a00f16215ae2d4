package artifacts

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"strings"
	"testing"
)

var someDigest = DigestOf([]byte("x"))

func TestManifestGolden(t *testing.T) {
	b, err := encodeManifest(Model, folderList{
		{Path: "w/<b>.safetensors", Digest: someDigest, Size: 1},
		{Path: "run.sh", Digest: someDigest, Size: 1, Mode: ModeExecutable},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(`{
 "version": 1,
 "type": "model",
 "files": [
  {
   "path": "run.sh",
   "digest": "DIGEST",
   "size": 1,
   "mode": "0755"
  },
  {
   "path": "w/<b>.safetensors",
   "digest": "DIGEST",
   "size": 1
  }
 ]
}
`, "DIGEST", string(someDigest))
	if string(b) != want {
		t.Errorf("got\n%s", b)
	}
	if m, err := parseManifest(b); err != nil || len(m.Files) != 2 {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestManifestRefuses(t *testing.T) {
	entry := func(path string) string {
		return fmt.Sprintf(`{"path":%q,"digest":%q,"size":1}`, path, someDigest)
	}
	for name, text := range map[string]string{
		"nothing":        ``,
		"newer":          `{"version":2,"type":"file","files":[]}`,
		"no list":        `{"version":1,"type":"file"}`,
		"type":           `{"version":1,"type":"folder","files":[]}`,
		"parent":         `{"version":1,"type":"file","files":[` + entry("../x") + `]}`,
		"absolute":       `{"version":1,"type":"file","files":[` + entry("/x") + `]}`,
		"order":          `{"version":1,"type":"file","files":[` + entry("b") + "," + entry("a") + `]}`,
		"twice":          `{"version":1,"type":"file","files":[` + entry("a") + "," + entry("a") + `]}`,
		"file and dir":   `{"version":1,"type":"file","files":[` + entry("a") + "," + entry("a-b") + "," + entry("a/b") + `]}`,
		"digest":         `{"version":1,"type":"file","files":[{"path":"a","digest":"abc","size":1}]}`,
		"negative size":  strings.Replace(`{"version":1,"type":"file","files":[`+entry("a")+`]}`, `"size":1`, `"size":-1`, 1),
		"mode":           strings.Replace(`{"version":1,"type":"file","files":[`+entry("a")+`]}`, `"size":1`, `"size":1,"mode":"4755"`, 1),
		"other spelling": `{"version":1,"type":"file","files":[]}`,
	} {
		if _, err := parseManifest([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		} else if name == "other spelling" && !strings.Contains(err.Error(), "canonical") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestNamesStayInside generates names from the pieces that make trouble and
// checks that what is accepted is a clean path below the folder.
func TestNamesStayInside(t *testing.T) {
	pieces := []string{"a", "b", "..", ".", "/", "//", `\`, "\x00", "\n", "é", "\xff", " ", "...", "-", "C:"}
	rng := rand.New(rand.NewPCG(1, 1))
	accepted := 0
	for range 20_000 {
		var name string
		for range 1 + rng.IntN(6) {
			name += pieces[rng.IntN(len(pieces))]
		}
		if checkName(name) != nil {
			continue
		}
		accepted++
		if path.Clean(name) != name || !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\\x00\n") ||
			!strings.HasPrefix(path.Join("/base", name), "/base/") {
			t.Errorf("accepted %q", name)
		}
	}
	if accepted < 100 {
		t.Errorf("only %d names were accepted", accepted)
	}
}

func FuzzManifest(f *testing.F) {
	b, err := encodeManifest(Table, folderList{{Path: "a/b", Digest: someDigest, Size: 3}, {Path: "c", Digest: someDigest, Size: 0, Mode: ModeExecutable}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"version":1,"type":"file","files":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseManifest(b)
		if err != nil {
			return
		}
		again, err := encodeManifest(m.Type, m.Files)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("accepted %q, which encodes as %q, %v", b, again, err)
		}
	})
}
