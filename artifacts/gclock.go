package artifacts

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// gcLock keeps the collector and everybody else apart. Whoever uses the store
// holds it shared, from looking for a thing to having leased it; the collector
// holds it exclusively, from reading the leases to the last removal.
//
// A run takes it thousands of times a second, so a process keeps it for a
// moment after the last use, and writes its leases in one go before it lets
// go. So that a busy store does not starve the collector, there are two files:
// both sides pass through "gc-turn", and the collector stays there while it
// waits for the users who are in to leave "gc".
type gcLock struct {
	beforeUnlock func() (keep bool) // writes the leases; keep: do not unlock

	mu      sync.Mutex
	turn    *os.File
	file    *os.File
	holders int
	held    bool
	expired bool // the moment is over: the last holder unlocks
	timer   *time.Timer
}

// gcLinger is how long a process keeps the shared lock for further uses, and so
// about how long a collector waits.
const gcLinger = 10 * time.Millisecond

func openGCLock(storeDir string) (*gcLock, error) {
	turn, err := openLock(filepath.Join(storeDir, locksDir, "gc-turn"))
	if err != nil {
		return nil, err
	}
	file, err := openLock(filepath.Join(storeDir, locksDir, "gc"))
	if err != nil {
		turn.Close()
		return nil, err
	}
	l := &gcLock{turn: turn, file: file}
	l.timer = time.AfterFunc(time.Hour, l.expire)
	l.timer.Stop()
	return l, nil
}

// acquire takes the shared lock. It may be nested.
func (l *gcLock) acquire() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.held {
		if err := flock(l.turn, syscall.LOCK_SH); err != nil {
			return err
		}
		err := flock(l.file, syscall.LOCK_SH)
		if uerr := flock(l.turn, syscall.LOCK_UN); err == nil {
			err = uerr
		}
		if err != nil {
			return err
		}
		l.held, l.expired = true, false
		l.timer.Reset(gcLinger)
	}
	l.holders++
	return nil
}

func (l *gcLock) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holders--
	if l.expired {
		l.unlock()
	}
}

func (l *gcLock) expire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expired = true
	l.unlock()
}

// unlock lets go if nobody in this process holds the lock.
func (l *gcLock) unlock() {
	if l.holders > 0 || !l.held || l.beforeUnlock() {
		return
	}
	// To unlock an open, locked file cannot fail; and if it did, the only harm
	// would be a collector that waits for this process.
	_ = flock(l.file, syscall.LOCK_UN)
	l.held = false
}

// close gives the lock up, together with everything that was leased under it.
func (l *gcLock) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer.Stop()
	l.held = false
	l.turn.Close()
	l.file.Close()
}

// lockForGC waits until nobody uses the store and keeps it so until unlock.
func lockForGC(ctx context.Context, storeDir string) (unlock func(), err error) {
	var files []*os.File
	unlock = func() {
		for _, f := range files {
			f.Close()
		}
	}
	for _, name := range []string{"gc-turn", "gc"} {
		f, err := openLock(filepath.Join(storeDir, locksDir, name))
		if err != nil {
			unlock()
			return nil, err
		}
		files = append(files, f)
		if err := waitLock(ctx, f); err != nil {
			unlock()
			return nil, err
		}
	}
	return unlock, nil
}

// waitLock waits for an exclusive lock, or for ctx to end.
func waitLock(ctx context.Context, f *os.File) error {
	for {
		got, err := tryLock(f, exclusive)
		if err != nil || got {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockPollMin):
		}
	}
}
