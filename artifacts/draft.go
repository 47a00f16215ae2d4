package artifacts

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Draft is an artifact that is being written: an io.Writer whose bytes become
// an object at Commit and leave no trace otherwise. A Draft is used by one
// goroutine at a time.
type Draft struct {
	store   *Store
	ref     Ref
	want    *Ref   // what the bytes must turn out to be; nil when they may be anything
	spill   *spill // takes what did not fit in buf; nil while all does
	buf     []byte
	file    *os.File // the temporary file of a large artifact
	written int64
	err     error // sticky: once a write failed there is nothing to commit
	done    bool
}

var errDraftDone = errors.New("draft was committed or aborted before")

// Create begins an artifact of one file. Call Commit or Abort; Abort after
// Commit does nothing, so it can be deferred.
func (s *Store) Create(t Type, format string) (*Draft, error) {
	if !t.Valid() {
		return nil, fmt.Errorf("artifact type %q is unknown", t)
	}
	if format == FolderFormat {
		return nil, fmt.Errorf("format %q is for CreateFolder", format)
	}
	return s.newDraft(t, format), nil
}

func (s *Store) newDraft(t Type, format string) *Draft {
	return &Draft{store: s, ref: Ref{Type: t, Format: format}}
}

// SetRows notes the number of rows, which Commit puts into the Ref.
func (d *Draft) SetRows(n int64) { d.ref.Rows = n }

// expect prepares for n bytes and one read that finds the end.
func (d *Draft) expect(n int64) { d.buf = make([]byte, 0, min(n+1, blockSize)) }

// Write appends p. Small artifacts stay in memory until Commit; large ones go
// to a temporary file and are hashed while the file is being written.
func (d *Draft) Write(p []byte) (int, error) {
	if d.done {
		return 0, errDraftDone
	}
	if d.err != nil {
		return 0, d.err
	}
	total := len(p)
	for len(p) > 0 {
		if len(d.buf) == cap(d.buf) {
			if err := d.makeRoom(len(p)); err != nil {
				return total - len(p), err
			}
		}
		n := min(len(p), cap(d.buf)-len(d.buf))
		d.buf = append(d.buf, p[:n]...)
		p = p[n:]
	}
	return total, nil
}

// ReadFrom appends everything that r has, without a copy in between.
func (d *Draft) ReadFrom(r io.Reader) (int64, error) {
	if d.done {
		return 0, errDraftDone
	}
	var total int64
	for d.err == nil {
		if len(d.buf) == cap(d.buf) {
			if err := d.makeRoom(1); err != nil {
				return total, err
			}
		}
		n, err := r.Read(d.buf[len(d.buf):cap(d.buf)])
		d.buf = d.buf[:len(d.buf)+n]
		total += int64(n)
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
	return total, d.err
}

// makeRoom grows the buffer up to a block and then sends full blocks on.
func (d *Draft) makeRoom(wanted int) error {
	if cap(d.buf) < blockSize {
		grown := make([]byte, len(d.buf), min(blockSize, max(4096, 2*cap(d.buf), len(d.buf)+wanted)))
		copy(grown, d.buf)
		d.buf = grown
		return nil
	}
	return d.flush()
}

// flush sends the block on to the temporary file and takes an empty one.
func (d *Draft) flush() error {
	if d.spill == nil {
		f, err := d.store.createTemp()
		if err != nil {
			return d.fail(err)
		}
		d.file, d.spill = f, startSpill(f)
	}
	d.written += int64(len(d.buf))
	d.buf = d.spill.add(d.buf)
	if err := d.spill.err(); err != nil {
		return d.fail(err)
	}
	return nil
}

func (d *Draft) size() int64 { return d.written + int64(len(d.buf)) }

func (d *Draft) fail(err error) error {
	if d.err == nil {
		err = noSpace(d.store.dir, d.describe(), max(d.size(), 1), err)
		d.err = fmt.Errorf("write artifact: %w", err)
	}
	return d.err
}

func (d *Draft) describe() string {
	if d.ref.Format == "" {
		return "a " + string(d.ref.Type)
	}
	return fmt.Sprintf("a %s (%s)", d.ref.Type, d.ref.Format)
}

// Commit makes the bytes written so far an immutable object and returns its
// name. An object that the store already has is kept as it is. After an error
// nothing of the draft is left.
func (d *Draft) Commit() (Ref, error) {
	if d.done {
		return Ref{}, errDraftDone
	}
	defer d.Abort()
	if d.err != nil {
		return Ref{}, d.err
	}
	if err := d.finish(); err != nil {
		return Ref{}, d.fail(err)
	}
	return d.ref, nil
}

func (d *Draft) finish() error {
	d.ref.Size = d.size()
	if d.spill == nil {
		d.ref.Digest = DigestOf(d.buf)
		if err := d.checkWanted(); err != nil {
			return err
		}
		return d.store.putObject(d.ref, d.buf)
	}
	if len(d.buf) > 0 {
		if err := d.flush(); err != nil {
			return err
		}
	}
	digest, err := d.spill.close()
	d.spill = nil
	if err != nil {
		return err
	}
	d.ref.Digest = digest
	if err := d.checkWanted(); err != nil {
		return err
	}
	if err := d.file.Sync(); err != nil {
		return err
	}
	_, err = d.store.adopt(d.ref, d.file.Name())
	return err
}

func (d *Draft) checkWanted() error {
	if d.want == nil || d.want.Digest == d.ref.Digest && d.want.Size == d.ref.Size {
		return nil
	}
	return fmt.Errorf("what came for object %s of %d bytes has the digest %s after %d bytes",
		d.want.Digest, d.want.Size, d.ref.Digest, d.ref.Size)
}

// Abort forgets the draft.
func (d *Draft) Abort() {
	if d.done {
		return
	}
	d.done = true
	if d.spill != nil {
		_, _ = d.spill.close()
	}
	if d.file != nil {
		d.file.Close()
		os.Remove(d.file.Name()) // gone already if it became the object
	}
	d.buf = nil
}

// PutBytes stores b as an artifact of one file.
func (s *Store) PutBytes(t Type, format string, b []byte) (Ref, error) {
	d, err := s.Create(t, format)
	if err != nil {
		return Ref{}, err
	}
	d.buf = b // at its full capacity, so that nothing is appended to the caller's bytes
	return d.Commit()
}
