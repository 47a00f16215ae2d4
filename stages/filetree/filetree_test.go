package filetree

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

type member struct{ name, content string }

var wanted = []member{{"a/1.txt", "one"}, {"a/2.txt", ""}, {"b.txt", strings.Repeat("long ", 1000)}}

// The same files in an order that is not theirs, beside what is left out.
var members = []member{{"b.txt", wanted[2].content}, {"a/2.txt", ""}, {".hidden", "x"}, {"__MACOSX/a/1.txt", "x"}, {"a/.DS_Store", "x"}, {"a/1.txt", "one"}, {"a/no.md", "x"}}

func writeZip(t *testing.T, members []member) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		f, err := w.Create(m.name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(f, m.content)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return write(t, "x.zip", b.Bytes())
}

func writeTar(t *testing.T, members []member, links ...*tar.Header) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, m := range members {
		if err := w.WriteHeader(&tar.Header{Name: m.name, Mode: 0o644, Size: int64(len(m.content)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(w, m.content)
	}
	for _, h := range links {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return write(t, "x.tar.gz", b.Bytes())
}

func write(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func writeFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, m := range members {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, m.name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, m.name), []byte(m.content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	secret := write(t, "secret.txt", []byte("secret"))
	if err := os.Symlink(secret, filepath.Join(dir, "link.txt")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func read(name string, o Options) (found []member, err error) {
	tree, err := Open(name, o)
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	for f, err := range tree.Files() {
		if err != nil {
			return nil, err
		}
		b, err := f.Read()
		if err != nil {
			return nil, err
		}
		found = append(found, member{f.Path, string(b)})
	}
	return found, nil
}

func TestFoldersAndArchivesAreReadAlike(t *testing.T) {
	link := &tar.Header{Name: "link.txt", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink}
	for kind, path := range map[string]string{"folder": writeFolder(t), "zip": writeZip(t, members), "tar": writeTar(t, members, link)} {
		got, err := read(path, Options{MaxBytes: 5000, Keep: func(p string) bool { return strings.HasSuffix(p, ".txt") }})
		if err != nil || !reflect.DeepEqual(got, wanted) {
			t.Errorf("%s: %d files, %v; want %d", kind, len(got), err, len(wanted))
		}
		if _, err := read(path, Options{MaxBytes: 4999}); err == nil || !strings.Contains(err.Error(), "b.txt is larger than the 4999 bytes") {
			t.Errorf("%s: a file that is too large: %v", kind, err)
		}
	}
}

func TestArchivesStayInside(t *testing.T) {
	for _, name := range []string{"../x", "/etc/x", "a/../../x", `a\..\x`, "."} {
		for kind, path := range map[string]string{"zip": writeZip(t, []member{{name, "x"}}), "tar": writeTar(t, []member{{name, "x"}})} {
			if got, err := read(path, Options{MaxBytes: 10}); err == nil || !strings.Contains(err.Error(), "leads out of it") {
				t.Errorf("%s with %q: %v, %v", kind, name, got, err)
			}
		}
	}
}

func TestWhatIsNoArchive(t *testing.T) {
	whole, err := os.ReadFile(writeTar(t, members))
	if err != nil {
		t.Fatal(err)
	}
	for want, path := range map[string]string{
		"neither a folder, a zip nor a": write(t, "a.zip", []byte("just a text")),
		"is neither a folder":           write(t, "empty", nil),
		"damaged or cut short":          write(t, "cut.tgz", whole[:len(whole)/2]),
		"no such file":                  filepath.Join(t.TempDir(), "absent"),
		"two files":                     writeZip(t, []member{{"a", "1"}, {"a", "2"}}),
	} {
		if _, err := read(path, Options{MaxBytes: 1 << 20}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
