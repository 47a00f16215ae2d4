package artifacts

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
)

// Fingerprint says what an outside file or folder contained.
type Fingerprint struct {
	// Path is the path as it was given.
	Path string `json:"path"`
	// Digest is that of the bytes of a file. Of a folder it is the digest of
	// the line "pipe-folder 1" and, for each file in the order of the relative
	// slash-separated paths, the path, a NUL, the file's digest and a newline.
	Digest Digest `json:"digest"`
	// Size is the number of bytes in all files, and Files how many there are.
	Size  int64 `json:"size"`
	Files int   `json:"files"`

	keep  Keep
	files []outsideFile // of a folder
}

// Keep says which files and folders below a fingerprinted folder count. rel is
// slash-separated and relative to that folder. Nothing below a folder that is
// not kept is looked at.
type Keep func(rel string, isDir bool) bool

// Fingerprint returns the digest of a file, or of all files of a folder,
// hidden ones included. Symbolic links count as what they lead to. Files that
// have not changed since they were last hashed, by this process or another,
// cost one stat each.
func (s *Store) Fingerprint(path string) (Fingerprint, error) {
	return s.FingerprintTree(path, nil)
}

// FingerprintTree is Fingerprint for those files of a folder that keep wants.
func (s *Store) FingerprintTree(path string, keep Keep) (Fingerprint, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Fingerprint{}, fmt.Errorf("fingerprint: %w", err)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return Fingerprint{}, fmt.Errorf("fingerprint: %w", err)
	}
	fp := Fingerprint{Path: path, keep: keep}
	if !info.IsDir() {
		if !info.Mode().IsRegular() {
			return Fingerprint{}, fmt.Errorf("fingerprint: %s is a %s and neither a file nor a folder", path, info.Mode().Type())
		}
		file := outsideFile{path: abs, id: identify(info)}
		if err := s.digestFile(&file); err != nil {
			return Fingerprint{}, fmt.Errorf("fingerprint: %w", err)
		}
		fp.Digest, fp.Size, fp.Files = file.digest, file.id.size, 1
		return fp, nil
	}
	go s.stats.preload() // while the folder is listed
	if fp.files, _, err = listOutside(abs, keep); err != nil {
		return Fingerprint{}, fmt.Errorf("fingerprint: %w", err)
	}
	if err := s.digestFiles(fp.files); err != nil {
		return Fingerprint{}, fmt.Errorf("fingerprint: %w", err)
	}
	fp.sum()
	return fp, nil
}

func (fp *Fingerprint) sum() {
	h := sha256.New()
	line := []byte("pipe-folder 1\n")
	for _, f := range fp.files {
		h.Write(line)
		line = append(line[:0], f.rel...)
		line = append(line, 0)
		line = append(line, f.digest...)
		line = append(line, '\n')
		fp.Size += f.id.size
	}
	h.Write(line)
	fp.Files = len(fp.files)
	fp.Digest = hexDigest(h.Sum(nil))
}

// digestFiles fills in the digests, several at a time where bytes have to be
// hashed.
func (s *Store) digestFiles(files []outsideFile) error {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range files {
		f := &files[i]
		var ok bool
		if f.digest, ok = s.stats.get(f.path, f.id); !ok {
			g.Go(func() error { return s.digestFile(f) })
		}
	}
	return g.Wait()
}

// maxTries is how often a file is read that changes while it is being read.
const maxTries = 3

// digestFile fills in the digest of a file, hashing it unless the stat cache
// knows it.
func (s *Store) digestFile(f *outsideFile) error {
	for range maxTries {
		if d, ok := s.stats.get(f.path, f.id); ok {
			f.digest = d
			return nil
		}
		steady, err := s.hashOutside(f)
		if err != nil || steady {
			return err
		}
	}
	return fmt.Errorf("%s keeps changing while it is being read; wait until it is complete", f.path)
}

// hashOutside hashes a file and reports whether it stayed the same meanwhile.
func (s *Store) hashOutside(f *outsideFile) (steady bool, err error) {
	file, err := os.Open(f.path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	before, err := file.Stat()
	if err != nil {
		return false, err
	}
	started := s.now()
	if f.digest, _, err = hashReader(file); err != nil {
		return false, err
	}
	// By name, to notice a file that was replaced as well.
	after, err := os.Stat(f.path)
	if err != nil {
		return false, err
	}
	f.id = identify(after)
	if identify(before) != f.id {
		return false, nil
	}
	s.stats.put(f.path, f.id, f.digest, started)
	return true, nil
}

// Unchanged returns an error that names what has changed since fp was taken.
// A stage calls it when it has read its input: only then is it certain that
// the bytes it read are those that its key speaks of. A file that was merely
// touched has not changed.
func (s *Store) Unchanged(fp Fingerprint) error {
	now, err := s.FingerprintTree(fp.Path, fp.keep)
	if err != nil {
		return fmt.Errorf("input %s changed while it was in use: %w", fp.Path, err)
	}
	if now.Digest == fp.Digest {
		return nil
	}
	what := fp.Path
	if name := firstDifference(fp.files, now.files); name != "" {
		what = filepath.Join(fp.Path, name)
	}
	return fmt.Errorf("input %s changed while it was in use; run again when nothing writes to it", what)
}

// firstDifference returns the first path that is not the same in both lists,
// which are sorted.
func firstDifference(a, b []outsideFile) string {
	for i := range min(len(a), len(b)) {
		if a[i].rel != b[i].rel {
			return min(a[i].rel, b[i].rel)
		}
		if a[i].digest != b[i].digest {
			return a[i].rel
		}
	}
	if longer := slices.MaxFunc([][]outsideFile{a, b}, func(x, y []outsideFile) int { return len(x) - len(y) }); len(a) != len(b) {
		return longer[min(len(a), len(b))].rel
	}
	return ""
}
