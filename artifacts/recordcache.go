package artifacts

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// recordCache remembers the records that were last looked up, with what stat
// said about their files, so that a look-up of an unchanged record costs one
// stat instead of an open, a read and a hash: half of the time of a run that
// has nothing to do. It is kept in the store's file "records":
//
//	pipe-records 1 5f0c…       (SHA-256 of what follows)
//	for each record: dev, ino, size, mtime, ctime (little-endian, 8 bytes each,
//	times in ns since 1970), the 64 digits of its key, its file's bytes
//
// A file that cannot be read as that counts as empty: the only loss is time.
type recordCache struct {
	path string

	mu      sync.Mutex
	loaded  bool
	entries map[Key]recordEntry
	used    map[Key]bool // looked up by this process
	changed bool         // an entry is not in the file
}

type recordEntry struct {
	id   identity
	text []byte
}

const recordsPrefix = "pipe-records 1 "

// fewRecords is how many look-ups are not worth a file of their own, and
// mostRecords how many bytes of records are kept.
const (
	fewRecords  = 32
	mostRecords = 32 << 20
)

// get returns the text of the record in the file with that identity.
func (c *recordCache) get(k Key, id identity) ([]byte, bool) {
	if id == (identity{}) {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.load()
	e, ok := c.entries[k]
	if !ok || e.id != id {
		return nil, false
	}
	c.used[k] = true
	return e.text, true
}

// put remembers a text that was found to be whole. read is when reading it
// began: what is as young as its time stamps are exact could be changed once
// more without their showing it.
func (c *recordCache) put(k Key, id identity, text []byte, read time.Time) {
	if id == (identity{}) || racy(id, read) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.load()
	c.entries[k] = recordEntry{id, text}
	c.used[k], c.changed = true, true
}

func (c *recordCache) load() {
	if c.loaded {
		return
	}
	c.loaded = true
	c.entries = readRecords(c.path)
	c.used = make(map[Key]bool, len(c.entries))
}

func readRecords(path string) map[Key]recordEntry {
	b, err := os.ReadFile(path)
	if err != nil {
		return make(map[Key]recordEntry)
	}
	entries, err := parseRecords(b)
	if err != nil {
		return make(map[Key]recordEntry)
	}
	return entries
}

const (
	keyDigits       = 2 * sha256.Size
	recordEntryHead = 5*8 + keyDigits
)

func parseRecords(b []byte) (map[Key]recordEntry, error) {
	body, ok := unseal(recordsPrefix, b)
	if !ok {
		return nil, errors.New("records: the file is torn, damaged or of another version")
	}
	entries := make(map[Key]recordEntry, len(body)/(recordEntryHead+500))
	for len(body) > 0 {
		if len(body) < recordEntryHead {
			return nil, errors.New("records: the last one is cut short")
		}
		number := func(i int) uint64 { return binary.LittleEndian.Uint64(body[8*i:]) }
		id := identity{dev: number(0), ino: number(1), size: int64(number(2)), mtime: int64(number(3)), ctime: int64(number(4))}
		k := Key(body[5*8 : recordEntryHead])
		body = body[recordEntryHead:]
		if id.size < 0 || id.size > int64(len(body)) || !k.Valid() {
			return nil, errors.New("records: one of them has no key or a size that cannot be")
		}
		entries[k] = recordEntry{id, body[:id.size:id.size]}
		body = body[id.size:]
	}
	return entries, nil
}

// encodeRecords writes those that were used first: they stay where not all have
// room.
func encodeRecords(entries map[Key]recordEntry, used map[Key]bool) []byte {
	keys := slices.SortedFunc(maps.Keys(entries), func(a, b Key) int {
		if used[a] != used[b] {
			return map[bool]int{true: -1, false: 1}[used[a]]
		}
		return bytes.Compare([]byte(a), []byte(b))
	})
	var body []byte
	for _, k := range keys {
		e := entries[k]
		if len(body)+recordEntryHead+len(e.text) > mostRecords {
			break
		}
		for _, n := range []uint64{e.id.dev, e.id.ino, uint64(e.id.size), uint64(e.id.mtime), uint64(e.id.ctime)} {
			body = binary.LittleEndian.AppendUint64(body, n)
		}
		body = append(body, k...)
		body = append(body, e.text...)
	}
	return seal(recordsPrefix, body)
}

// saveRecords writes what this process has looked up, beside what others have
// saved in the meantime. Records that are gone are dropped.
func (s *Store) saveRecords() error {
	c := &s.records
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.changed || len(c.used) < fewRecords {
		return nil
	}
	lock, err := lockFile(filepath.Join(s.dir, locksDir, "records"), exclusive)
	if err != nil {
		return err
	}
	defer lock.Close()
	entries := readRecords(c.path)
	for k := range entries {
		var st syscall.Stat_t
		if lstat(s.keyPath(k), &st) != nil {
			delete(entries, k)
		}
	}
	for k := range c.used {
		entries[k] = c.entries[k]
	}
	if err := s.writeFile(c.path, encodeRecords(entries, c.used), 0o666, syncNever); err != nil {
		return fmt.Errorf("save the records: %w", err)
	}
	c.changed = false
	return nil
}
