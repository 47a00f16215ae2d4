package artifacts

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// statCache remembers the digest of outside files together with what stat said
// about them, so that an unchanged file of any size costs one stat. It is kept
// in the store's file "stat":
//
//	pipe-stat 1 5f0c…                                    (SHA-256 of what follows)
//	dev ino size mtime ctime digest path                 (times in ns since 1970)
//
// A file that cannot be read as that counts as empty: the only loss is time.
type statCache struct {
	path string

	mu      sync.Mutex
	loaded  bool
	entries map[string]statEntry // by absolute path
	used    map[string]bool      // paths that this process looked up or hashed
	changed map[string]bool      // paths that this process hashed
}

type statEntry struct {
	id     identity
	digest Digest
}

const statPrefix = "pipe-stat 1 "

// get returns the digest of the file at path if it is still the file that was
// hashed.
func (c *statCache) get(path string, id identity) (Digest, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.load()
	e, ok := c.entries[path]
	if !ok || e.id != id {
		return "", false
	}
	c.used[path] = true
	return e.digest, true
}

// Time stamps are as exact as the file system makes them: a few milliseconds
// on today's, two seconds on FAT, and those that are whole milliseconds were
// made by one that counts in at least that.
const (
	fineStamps   = 100 * time.Millisecond
	coarseStamps = 2 * time.Second
)

// racy tells whether a file was so young when reading it began that it could be
// changed once more without its time stamp showing it (git's word). The ctime
// is what counts: programs can set the mtime as they like.
func racy(id identity, read time.Time) bool {
	grain := fineStamps
	if id.ctime%int64(time.Millisecond) == 0 {
		grain = coarseStamps
	}
	return read.UnixNano()-id.ctime <= int64(grain)
}

// put remembers a digest, unless the file is too young. hashed is when reading
// began.
func (c *statCache) put(path string, id identity, d Digest, hashed time.Time) {
	if racy(id, hashed) || strings.ContainsRune(path, '\n') {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.load()
	c.entries[path] = statEntry{id: id, digest: d}
	c.used[path], c.changed[path] = true, true
}

// preload reads the cache before it is needed.
func (c *statCache) preload() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.load()
}

func (c *statCache) load() {
	if c.loaded {
		return
	}
	c.loaded = true
	c.entries = readStats(c.path)
	c.used, c.changed = make(map[string]bool, len(c.entries)), make(map[string]bool)
}

func readStats(path string) map[string]statEntry {
	b, err := os.ReadFile(path)
	if err != nil {
		return make(map[string]statEntry)
	}
	entries, err := parseStats(b)
	if err != nil {
		return make(map[string]statEntry)
	}
	return entries
}

func parseStats(b []byte) (map[string]statEntry, error) {
	body, ok := unseal(statPrefix, b)
	if !ok {
		return nil, errors.New("stat cache: it is torn, damaged or of another version")
	}
	entries := make(map[string]statEntry, bytes.Count(body, []byte("\n")))
	for line := range strings.Lines(string(body)) {
		path, e, err := parseStat(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, fmt.Errorf("stat cache: line %q: %w", shorten(line, 80), err)
		}
		entries[path] = e
	}
	return entries, nil
}

func parseStat(line string) (path string, e statEntry, err error) {
	var numbers [5]int64
	for i := range numbers {
		field, rest, ok := strings.Cut(line, " ")
		if !ok {
			return "", e, errors.New("too few fields")
		}
		// The inode and device numbers may use all 64 bits.
		if u, uerr := strconv.ParseUint(field, 10, 64); uerr == nil {
			numbers[i] = int64(u)
		} else if numbers[i], err = strconv.ParseInt(field, 10, 64); err != nil {
			return "", e, err
		}
		line = rest
	}
	digest, path, ok := strings.Cut(line, " ")
	if !ok || path == "" || !Digest(digest).Valid() {
		return "", e, errors.New("no digest or no path")
	}
	id := identity{dev: uint64(numbers[0]), ino: uint64(numbers[1]), size: numbers[2], mtime: numbers[3], ctime: numbers[4]}
	return path, statEntry{id: id, digest: Digest(digest)}, nil
}

func encodeStats(entries map[string]statEntry) []byte {
	var body []byte
	for _, path := range slices.Sorted(maps.Keys(entries)) {
		e := entries[path]
		body = strconv.AppendUint(body, e.id.dev, 10)
		body = strconv.AppendUint(append(body, ' '), e.id.ino, 10)
		for _, n := range []int64{e.id.size, e.id.mtime, e.id.ctime} {
			body = strconv.AppendInt(append(body, ' '), n, 10)
		}
		body = append(append(body, ' '), e.digest...)
		body = append(append(body, ' '), path...)
		body = append(body, '\n')
	}
	return seal(statPrefix, body)
}

// saveStats writes what this process has hashed, beside what others have saved
// in the meantime. Files that are gone are dropped.
func (s *Store) saveStats() error {
	c := &s.stats
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.changed) == 0 {
		return nil
	}
	lock, err := lockFile(filepath.Join(s.dir, locksDir, "stat"), exclusive)
	if err != nil {
		return err
	}
	defer lock.Close()
	entries := readStats(c.path)
	for path := range c.changed {
		entries[path] = c.entries[path]
	}
	for path := range entries {
		if c.used[path] {
			continue
		}
		if _, err := os.Lstat(path); err != nil {
			delete(entries, path)
		}
	}
	if err := s.writeFile(c.path, encodeStats(entries), 0o666, syncNever); err != nil {
		return fmt.Errorf("save the stat cache: %w", err)
	}
	clear(c.changed)
	return nil
}
