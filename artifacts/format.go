package artifacts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// formatVersion is the version of the store's layout, its manifests, its key
// records and its stat cache, each of which repeats its own version.
const formatVersion = 1

const (
	formatFile   = "format"
	formatPrefix = "pipe-store "
)

// checkFormat refuses a store that this program would misread. A folder
// without a format is a new store unless it already has objects: then somebody
// lost the file, and guessing its version could read old bytes in a new way.
func checkFormat(dir string) error {
	path := filepath.Join(dir, formatFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		entries, _ := os.ReadDir(filepath.Join(dir, objectsDir))
		if len(entries) == 0 {
			return nil
		}
		// Another process may have made the store just now. It writes the format
		// before its first object, so a second look finds it.
		if b, err = os.ReadFile(path); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: store %s: there are objects but the file %q is missing; "+
				"if pipe of this version wrote them, restore it with the one line %q",
				ErrDamaged, dir, formatFile, formatPrefix+strconv.Itoa(formatVersion))
		}
	}
	if err != nil {
		return explainDir(dir, err)
	}
	rest, ok := strings.CutPrefix(strings.TrimSuffix(string(b), "\n"), formatPrefix)
	version, err := strconv.Atoi(rest)
	switch {
	case !ok || err != nil || version < 1:
		return fmt.Errorf("%w: store %s: the file %q holds %q where %q is expected: this is no store of pipe, or a damaged one",
			ErrDamaged, dir, formatFile, shorten(string(b), 40), formatPrefix+strconv.Itoa(formatVersion))
	case version > formatVersion:
		return fmt.Errorf("store %s: its format is %d and this pipe reads up to %d; use the newer pipe that wrote it, or another store",
			dir, version, formatVersion)
	}
	return nil
}

// writeFormat makes a folder a store. Version control has no business in a
// folder of large, machine-made files, hence the .gitignore.
func (s *Store) writeFormat() error {
	if _, err := os.Lstat(filepath.Join(s.dir, formatFile)); err == nil {
		return nil
	}
	if err := s.writeFile(filepath.Join(s.dir, ".gitignore"), []byte("*\n"), 0o666, syncNow); err != nil {
		return err
	}
	text := fmt.Sprintf("%s%d\n", formatPrefix, formatVersion)
	return s.writeFile(filepath.Join(s.dir, formatFile), []byte(text), 0o666, syncNow)
}

func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}
