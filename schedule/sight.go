package schedule

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"pipe/artifacts/table"
	"pipe/registry"
	"pipe/workspace"
)

// Sight is the Looker of a workspace: it sees files, tables, runs and models.
type Sight struct {
	Workspace *workspace.Workspace
	Lookup    func(param string) (string, bool)

	mu       sync.Mutex
	counted  map[string]int64        // the rows of a table, by what it is
	compared map[string]driftFigures // by model and data
}

// Look implements Looker.
func (l *Sight) Look(ctx context.Context, s Subject, seen string, now time.Time) (look Look, err error) {
	look.Holds = true
	if on := s.Spec.On; on != nil {
		switch {
		case on.Source != "":
			err = l.source(on.Source, seen, &look)
		case on.Rows != "":
			err = l.rows(on.Rows, int64(on.Added), seen, &look)
		case on.Pipeline != "":
			err = l.pipeline(ctx, on.Pipeline, seen, &look)
		case on.Alias != "":
			err = l.alias(ctx, on.Alias, seen, &look)
		}
		if err != nil {
			return look, err
		}
	}
	if s.Spec.When == "" {
		return look, nil
	}
	c := &condition{sight: l, subject: s, now: now, ctx: ctx}
	if look.Holds, look.Why, err = c.evaluate(); err != nil {
		return look, err
	}
	if s.Spec.On == nil { // it fires again for other data, or another model
		look.Value, err = c.identity()
	}
	return look, err
}

// source sees the content of files.
func (l *Sight) source(pattern, seen string, look *Look) error {
	digest, files, err := l.digest(pattern)
	if err != nil {
		return err
	}
	look.Value, look.Fires = digest, digest != seen
	look.Text = fmt.Sprintf("%s: %d files, %s", pattern, files, digest[:min(12, len(digest))])
	if look.Fires && seen != "" {
		look.Text += ", was " + seen[:min(12, len(seen))]
	}
	return nil
}

// digest is that of a file, a folder, or all files of a pattern. Files that are
// not there have one, too: that they come is a change.
func (l *Sight) digest(pattern string) (digest string, files int, err error) {
	paths, err := matches(pattern)
	if err != nil {
		return "", 0, err
	}
	h := sha256.New()
	for _, p := range paths {
		fp, err := l.Workspace.Store.Fingerprint(p)
		if errors.Is(err, os.ErrNotExist) {
			continue // it has gone since it was listed
		}
		if err != nil {
			return "", 0, err
		}
		files += fp.Files
		fmt.Fprintf(h, "%q %s\n", filepath.Base(p), fp.Digest)
	}
	return hex.EncodeToString(h.Sum(nil)), files, nil
}

// matches lists the files of a pattern in order; of a plain path, the path
// where it is there.
func matches(pattern string) ([]string, error) {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("%q is no pattern of files: %w", pattern, err)
	}
	return paths, nil
}

// rows sees how long tables are.
func (l *Sight) rows(pattern string, added int64, seen string, look *Look) error {
	n, err := l.countRows(pattern)
	if err != nil {
		return err
	}
	before, _ := strconv.ParseInt(seen, 10, 64)
	look.Value, look.Fires = strconv.FormatInt(n, 10), n-before >= added || n < before
	look.Text = fmt.Sprintf("%s: %d rows, %d more than when it last fired", pattern, n, n-before)
	return nil
}

func (l *Sight) countRows(pattern string) (n int64, err error) {
	paths, err := matches(pattern)
	if err != nil {
		return 0, err
	}
	for _, p := range paths {
		one, err := l.countFile(p)
		if err != nil {
			return 0, err
		}
		n += one
	}
	return n, nil
}

// countFile counts the rows of a file, once for each content of it.
func (l *Sight) countFile(path string) (n int64, err error) {
	fp, err := l.Workspace.Store.Fingerprint(path)
	if err != nil {
		return 0, err
	}
	l.mu.Lock()
	n, known := l.counted[string(fp.Digest)]
	l.mu.Unlock()
	if known {
		return n, nil
	}
	r, err := table.OpenFile(path, table.Options{})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if n = r.Rows(); n < 0 {
		n = 0
		for batch, err := range table.All(r) {
			if err != nil {
				return 0, fmt.Errorf("count the rows of %s: %w", path, err)
			}
			n += batch.NumRows()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counted == nil || len(l.counted) > 10_000 {
		l.counted = map[string]int64{}
	}
	l.counted[string(fp.Digest)] = n
	return n, nil
}

// pipeline sees the last run of another pipeline that has finished.
func (l *Sight) pipeline(ctx context.Context, name, seen string, look *Look) error {
	r, err := l.Workspace.Registry.LastFinished(ctx, name)
	if errors.Is(err, registry.ErrNotFound) {
		look.Text = "no run of " + name + " has finished"
		return nil
	}
	if err != nil {
		return err
	}
	look.Value, look.Fires = r.ID, r.ID != seen
	look.Text = fmt.Sprintf("run %s of %s has finished", r.ID[:8], name)
	return nil
}

// alias sees where an alias of a model points to.
func (l *Sight) alias(ctx context.Context, ref, seen string, look *Look) error {
	model, alias, _ := strings.Cut(ref, "@")
	v, err := l.Workspace.Registry.VersionByAlias(ctx, model, alias)
	if errors.Is(err, registry.ErrNotFound) {
		look.Text = ref + " does not exist"
		return nil
	}
	if err != nil {
		return err
	}
	look.Value = strconv.Itoa(v.Version)
	look.Fires = look.Value != seen
	look.Text = fmt.Sprintf("%s is version %d", ref, v.Version)
	return nil
}
