package fetch

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

type member struct{ name, data, link string }

func zipOf(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Deflate}
		if m.link != "" {
			h.SetMode(fs.ModeSymlink | 0o777)
			m.data = m.link
		}
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = f.Write([]byte(m.data))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tarOf(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Size: int64(len(m.data)), Mode: 0o644, Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}
		if m.link != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, m.link
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(m.data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func packed(t testing.TB, how string, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var err error
	switch how {
	case "gz":
		w := gzip.NewWriter(&out)
		_, err = w.Write(b)
		w.Close()
	case "xz":
		w, _ := xz.NewWriter(&out)
		_, err = w.Write(b)
		w.Close()
	case "zst":
		w, _ := zstd.NewWriter(&out)
		_, err = w.Write(b)
		w.Close()
	default:
		return b
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// unpack unpacks below a folder, and gives what is there and beside it.
func unpack(t testing.TB, archive []byte, member string, l Limits) (files map[string]string, err error) {
	t.Helper()
	top := t.TempDir()
	file, dir := filepath.Join(top, "archive"), filepath.Join(top, "in")
	if err := os.WriteFile(file, archive, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	_, err = Unpack(file, dir, member, l)
	files = map[string]string{}
	werr := filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || p == file {
			return err
		}
		b, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		files[filepath.ToSlash(rel)] = string(b)
		return err
	})
	if werr != nil {
		t.Fatal(werr)
	}
	return files, err
}

func TestUnpack(t *testing.T) {
	members := []member{{name: "a.csv", data: "x"}, {name: "deep/er/b.csv", data: "y"}}
	for _, archive := range [][]byte{zipOf(t, members...), tarOf(t, members...), packed(t, "gz", tarOf(t, members...)), packed(t, "xz", tarOf(t, members...)), packed(t, "zst", tarOf(t, members...))} {
		files, err := unpack(t, archive, "", DefaultLimits)
		if err != nil || len(files) != 2 || files["a.csv"] != "x" || files["deep/er/b.csv"] != "y" {
			t.Errorf("%v: %v", err, files)
		}
		files, err = unpack(t, archive, "deep/er/b.csv", DefaultLimits)
		if err != nil || len(files) != 1 || files["deep/er/b.csv"] != "y" {
			t.Errorf("%v: %v", err, files)
		}
		if _, err = unpack(t, archive, "deep/b.csv", DefaultLimits); err == nil || err.Error() != `the archive has no file "deep/b.csv"; it has a.csv, deep/er/b.csv` {
			t.Error(err)
		}
	}
}

// Nothing is ever written beside the folder, and bombs end early.
func TestUnpackRefuses(t *testing.T) {
	zeros := strings.Repeat("\x00", 2<<20)
	for name, c := range map[string]struct {
		members []member
		want    string
	}{
		"up":       {[]member{{name: "../out.csv", data: "x"}}, `"../out.csv" in the archive leads out of its folder`},
		"deep up":  {[]member{{name: "a/../../out.csv", data: "x"}}, "leads out of its folder"},
		"absolute": {[]member{{name: "/tmp/out.csv", data: "x"}}, "leads out of its folder"},
		"windows":  {[]member{{name: `a\..\..\out.csv`, data: "x"}}, "leads out of its folder"},
		"link":     {[]member{{name: "l", link: "/etc"}, {name: "l/passwd", data: "x"}}, `"l" in the archive is a link or no file`},
		"twice":    {[]member{{name: "a", data: "x"}, {name: "a", data: "y"}}, "file exists"},
		"bomb":     {[]member{{name: "a", data: zeros}}, "it is refused as a bomb"},
		"many":     {[]member{{name: "a"}, {name: "b"}, {name: "c"}, {name: "d"}}, "the archive has more than 3 files"},
	} {
		l := Limits{Files: 3, Bytes: 1 << 40, Ratio: 250, Free: 1 << 20}
		for how, archive := range map[string][]byte{"zip": zipOf(t, c.members...), "tar.gz": packed(t, "gz", tarOf(t, c.members...)), "tar.zst": packed(t, "zst", tarOf(t, c.members...))} {
			files, err := unpack(t, archive, "", l)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s as %s: %v, want %s", name, how, err, c.want)
			}
			for f := range files {
				if strings.HasPrefix(f, "..") {
					t.Errorf("%s as %s wrote %s", name, how, f)
				}
			}
		}
	}
	for _, b := range []string{"", "no archive", "PK\x03\x04 broken", "\x1f\x8b broken", "BZh broken", "\xfd7zXZ\x00"} {
		if _, err := unpack(t, []byte(b), "", DefaultLimits); err == nil {
			t.Errorf("%q is an archive", b)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(zipOf(f, member{name: "a/b", data: "x"}, member{name: "../c", data: "y"}))
	f.Add(packed(f, "gz", tarOf(f, member{name: "a/b", data: "x"}, member{name: "l", link: "/etc"})))
	f.Fuzz(func(t *testing.T, archive []byte) {
		files, _ := unpack(t, archive, "", Limits{Files: 10, Bytes: 1 << 20, Ratio: 10, Free: 1000})
		for name := range files {
			if strings.HasPrefix(name, "..") {
				t.Errorf("%s was written outside", name)
			}
		}
	})
}
