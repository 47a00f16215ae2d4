package artifacts

import (
	"encoding/binary"
	"syscall"
	"time"
)

// Sight is how the file of a key's record looked when this process wrote or read
// the record: binary, and "" for not at all. A record is never changed in its
// place, so while its file looks the same, it says the same.
type Sight string

// Seen is a record that was seen once.
type Seen struct {
	Key   Key
	Sight Sight
}

// Since is an artifact, and the time (in ns since 1970) of the oldest record that
// names it.
type Since struct {
	Ref
	Recorded int64
}

const sightSize = 5 * 8

// appendSight writes dev, ino, size, mtime and ctime, 8 bytes each.
func (id identity) appendSight(b []byte) []byte {
	for _, n := range []uint64{id.dev, id.ino, uint64(id.size), uint64(id.mtime), uint64(id.ctime)} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return b
}

// touched is what a file is after its times were changed: nothing known, where
// another one has taken its place.
func (id identity) touched(path string) identity {
	var st syscall.Stat_t
	if lstat(path, &st) != nil {
		return identity{}
	}
	now := identifyStat(&st)
	if now.dev != id.dev || now.ino != id.ino || now.size != id.size {
		return identity{}
	}
	return now
}

// Recorded is when the record was written or, if later, last used; 0 of no
// record.
func (s Sight) Recorded() int64 {
	if len(s) != sightSize {
		return 0
	}
	return int64(binary.LittleEndian.Uint64([]byte(s[3*8 : 4*8])))
}

// sighting is what a process has seen of a record.
type sighting struct {
	id  identity
	log *Ref
}

func (s *Store) sight(k Key, id identity, r *Record) {
	if id == (identity{}) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sightings[k] = sighting{id, r.Log}
}

// Sight is what this process has last seen of a key's record, and the log that
// it names; of a key that it has neither looked up nor recorded it is "".
func (s *Store) Sight(k Key) (Sight, *Ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, ok := s.sightings[k]
	if !ok {
		return "", nil
	}
	return Sight(x.id.appendSight(nil)), x.log
}

// Still tells whether Lookup would give for all keys what it gave when their
// records were seen; artifacts are what those records name. It costs a stat of
// each file. False means only that Lookup has to be asked.
func (s *Store) Still(records []Seen, artifacts []Since) bool {
	if s.gcLock.acquire() != nil {
		return false
	}
	defer s.gcLock.release()
	s.leases.takeKeys(records)
	now := s.now().UnixNano()
	return inParts(len(records), func(i int) bool {
		return s.stillRecorded(&records[i], now)
	}) && inParts(len(artifacts), func(i int) bool {
		a := &artifacts[i]
		newer := &sounding{since: time.Unix(0, a.Recorded)}
		return a.Digest.Valid() && s.present(a.Ref, newer) && !newer.any
	})
}

// stillRecorded also wants a record whose time of use Lookup would renew.
func (s *Store) stillRecorded(r *Seen, now int64) bool {
	var st syscall.Stat_t
	if !r.Key.Valid() || lstat(s.keyPath(r.Key), &st) != nil {
		return false
	}
	id := identifyStat(&st)
	return string(id.appendSight(make([]byte, 0, sightSize))) == string(r.Sight) && now-id.mtime <= int64(touchInterval)
}
