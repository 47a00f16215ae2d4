package dag

import (
	"context"
	"fmt"
	"time"
)

// outsideVersion is what a Versioned kind said, and when it was asked.
type outsideVersion struct {
	is       string
	restless bool // nothing tells, so the stage runs each time
	asked    time.Time
}

// outside asks a Versioned kind, with the secrets put in; other kinds depend on
// nothing that has a version.
func (w *worker) outside(ctx context.Context, s *Stage, now time.Time) (v outsideVersion, err error) {
	if _, ok := s.Kind.(Versioned); !ok {
		return v, nil
	}
	kind, err := w.secrets.reveal(s)
	if err != nil {
		return v, err
	}
	version, ok, err := kind.(Versioned).OutsideVersion(ctx, now)
	if err != nil {
		return v, w.secrets.scrub(s.Secrets).err(err)
	}
	return outsideVersion{is: version, restless: !ok, asked: now}, nil
}

// sameOutside looks once more after a stage has run: what it read may have been
// of either version.
func (w *worker) sameOutside(ctx context.Context, s *Stage, before outsideVersion) error {
	after, err := w.outside(ctx, s, before.asked)
	if err == nil && after.is != before.is {
		err = fmt.Errorf("what the stage reads changed meanwhile, so its outputs are not kept: its version was %s and is %s", before.is, after.is)
	}
	return err
}
