package artifacts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"
)

// Lookup returns what the stage with that key produced, if the store knows and
// still has it all. Every doubt is a miss: a record that is torn or damaged, of
// another version or filed under another key, an output that is missing, of
// the wrong size, or changed since the record was written.
func (s *Store) Lookup(k Key) (*Record, bool) {
	if !k.Valid() || s.gcLock.acquire() != nil {
		return nil, false
	}
	defer s.gcLock.release()
	s.leases.take(leaseKey, string(k))
	r, st, err := s.readRecord(k)
	if err != nil {
		return nil, false
	}
	written, seen := modTime(&st), identifyStat(&st)
	hashed := &sounding{since: written}
	if s.missing(r, hashed) != "" {
		return nil, false
	}
	if now := s.now(); hashed.any || now.Sub(written) > touchInterval {
		// Whether this works or not, the record is as good as before.
		_ = os.Chtimes(s.keyPath(k), now, now)
		seen = seen.touched(s.keyPath(k))
	}
	s.sight(k, seen, r)
	return r, true
}

// sounding makes a look for objects hash those that are newer than a record
// which names them. Objects come before their record, so such a one was either
// edited in its place or made anew.
type sounding struct {
	since time.Time
	any   bool // one was hashed
}

// missing returns an artifact that r names and the store has not in full, or
// nothing. Any will do, so that no order is needed.
func (s *Store) missing(r *Record, newer *sounding) Digest {
	for _, ref := range r.Outputs {
		if !s.present(ref, newer) {
			return ref.Digest
		}
	}
	if r.Log != nil && !s.present(*r.Log, newer) {
		return r.Log.Digest
	}
	return ""
}

// touchInterval is how exact the time of a record's last use is. The collector
// goes by it, in days; writing it at each look-up would only wear the disk.
const touchInterval = time.Hour

// readRecord also gives the stat of the record's file: its time is when the
// record was written or, if later, last used.
func (s *Store) readRecord(k Key) (r *Record, st syscall.Stat_t, err error) {
	began := s.now()
	path := s.keyPath(k)
	if err := lstat(path, &st); err != nil {
		return nil, st, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if b, ok := s.records.get(k, identifyStat(&st)); ok {
		r, err = parseChecked(b)
		r, err = ofKey(k, r, err)
		return r, st, err
	}
	b, st, err := readSmall(path)
	if err != nil {
		return nil, st, err
	}
	r, err = parseRecordOf(k, b)
	if err == nil {
		s.records.put(k, identifyStat(&st), b, began)
	}
	return r, st, err
}

// loadRecord is readRecord for those who need no time.
func (s *Store) loadRecord(k Key) (*Record, error) {
	r, _, err := s.readRecord(k)
	return r, err
}

func parseRecordOf(k Key, b []byte) (*Record, error) {
	r, err := parseRecord(b)
	return ofKey(k, r, err)
}

func ofKey(k Key, r *Record, err error) (*Record, error) {
	if err == nil && r.Key != k {
		return nil, fmt.Errorf("record: it belongs to the key %s", r.Key)
	}
	return r, err
}

// slowStage is how long a stage must have run for its result to be worth a
// wait for the disk. A record that a power failure takes is a miss, and costs
// what the stage costs.
const slowStage = 200 * time.Millisecond

// Record notes what the stage with that key produced, for Lookup here and in
// every other process. All outputs must be in the store. It sets r.Version and
// r.Key, and keeps times in UTC.
func (s *Store) Record(k Key, r *Record) error {
	if !k.Valid() {
		return fmt.Errorf("key %q is not 64 lower-case hexadecimal digits", k)
	}
	r.Version, r.Key = recordVersion, k
	r.Started, r.Finished = r.Started.UTC(), r.Finished.UTC()
	if err := r.validate(); err != nil {
		return err
	}
	b, err := r.encode()
	if err != nil {
		return err
	}
	if err := s.gcLock.acquire(); err != nil {
		return err
	}
	defer s.gcLock.release()
	s.leases.take(leaseKey, string(k))
	if d := s.missing(r, nil); d != "" {
		return fmt.Errorf("record of key %s: %w", k, &MissingError{Digest: d})
	}
	mode := syncNever
	if r.Finished.Sub(r.Started) >= slowStage {
		mode = syncNow
		if err := s.Flush(); err != nil {
			return err
		}
	}
	if err := s.writeFile(s.keyPath(k), b, 0o444, mode); err != nil {
		return fmt.Errorf("record of key %s: %w", k, err)
	}
	var st syscall.Stat_t
	if lstat(s.keyPath(k), &st) == nil {
		s.sight(k, identifyStat(&st), r)
	}
	return nil
}

// Forget removes the record of a key, so that the next run of the stage is not
// a hit. To forget what is not known is no error.
func (s *Store) Forget(k Key) error {
	if !k.Valid() {
		return fmt.Errorf("key %q is not 64 lower-case hexadecimal digits", k)
	}
	if err := os.Remove(s.keyPath(k)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// lockPoll is how often a waiting process looks whether a lock is free: often
// enough for short stages, while an hour's wait costs no measurable time.
const (
	lockPollMin = time.Millisecond
	lockPollMax = 50 * time.Millisecond
)

// LockKey waits until no other holder, in this process or another, works on
// the key. Look the key up again afterwards: whoever held it may have produced
// the result. The lock ends with unlock, or with the process however it ends.
// The error is that of ctx, or says why the lock's file cannot be used.
// While it waits it calls waits, unless that is nil, again and again with how
// long it has waited.
func (s *Store) LockKey(ctx context.Context, k Key, waits func(time.Duration)) (unlock func(), err error) {
	if !k.Valid() {
		return nil, fmt.Errorf("key %q is not 64 lower-case hexadecimal digits", k)
	}
	began, wait := time.Now(), lockPollMin
	for {
		unlock, err := s.tryLockKey(k)
		if err != nil {
			return nil, fmt.Errorf("lock key %s: %w", k, err)
		}
		if unlock != nil {
			return sync.OnceFunc(unlock), nil
		}
		if waits != nil {
			waits(time.Since(began))
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
		wait = min(2*wait, lockPollMax)
	}
}
