package artifacts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Roots are what the collector must keep: what runs, models and pins refer to.
type Roots struct {
	Refs []Ref // artifacts; of a folder, its files too
	Keys []Key // records, with everything that they name
}

// GCOptions bounds what is kept beyond the roots. With neither bound, nothing
// is.
type GCOptions struct {
	// MaxAge keeps what was used more recently than that; 0 is no such bound.
	MaxAge time.Duration
	// MaxSize keeps what was used last, until all objects together are as large
	// as that many bytes; 0 is no such bound. What the roots need is kept even
	// if it is larger. With both bounds, what is kept satisfies both.
	MaxSize int64
	// DryRun removes nothing and reports what would be removed.
	DryRun bool
}

// GCReport says what the collector removed, or would remove.
type GCReport struct {
	RemovedRecords, RemovedObjects int
	RemovedBytes                   int64
	RemovedQuarantined             int // damaged objects
	KeptRecords, KeptObjects       int
	KeptBytes                      int64
}

// GC removes the records and objects that nothing needs: neither the roots, nor
// a live process, which may be in the middle of a run, nor the bounds. It keeps
// the store to itself for as long as it takes; other processes wait for it at
// their next use. roots is called within that time, so that it sees whatever a
// run that has just ended wrote.
func (s *Store) GC(ctx context.Context, roots func() (Roots, error), opt GCOptions) (GCReport, error) {
	unlock, err := lockForGC(ctx, s.dir)
	if err != nil {
		return GCReport{}, fmt.Errorf("gc: wait for the other users of the store: %w", err)
	}
	defer unlock()
	keep, err := roots()
	if err != nil {
		return GCReport{}, fmt.Errorf("gc: %w", err)
	}
	leased, err := s.readLeases()
	if err != nil {
		return GCReport{}, fmt.Errorf("gc: %w", err)
	}
	c := &collector{store: s, opt: opt, live: make(map[Digest]bool)}
	if err := c.scan(ctx); err != nil {
		return GCReport{}, fmt.Errorf("gc: %w", err)
	}
	c.keepRoots(keep)
	c.keepRoots(leased)
	c.keepRecent(s.now())
	if err := c.sweep(ctx); err != nil {
		return c.report, fmt.Errorf("gc: %w", err)
	}
	return c.report, nil
}

// collector is one mark and sweep.
type collector struct {
	store   *Store
	opt     GCOptions
	objects map[Digest]storedFile
	records map[Key]*storedRecord
	live    map[Digest]bool
	size    int64 // of the live objects
	report  GCReport
}

// storedFile is a file in objects/ or keys/.
type storedFile struct {
	name Digest
	size int64
	used time.Time
}

type storedRecord struct {
	storedFile
	refs  []Ref
	sound bool // it can be read; otherwise it is a miss for everybody
	keep  bool
}

// scan lists objects and records.
func (c *collector) scan(ctx context.Context) error {
	c.objects = make(map[Digest]storedFile)
	c.records = make(map[Key]*storedRecord)
	err := c.store.walk(ctx, objectsDir, func(f storedFile) error {
		c.objects[f.name] = f
		return nil
	})
	if err != nil {
		return err
	}
	return c.store.walk(ctx, keysDir, func(f storedFile) error {
		r := &storedRecord{storedFile: f}
		if record, err := c.store.loadRecord(Key(f.name)); err == nil {
			r.sound, r.refs = true, slices.Collect(record.Artifacts)
		}
		c.records[Key(f.name)] = r
		return nil
	})
}

func (c *collector) keepRoots(roots Roots) {
	for _, ref := range roots.Refs {
		c.mark(ref)
	}
	for _, k := range roots.Keys {
		if r := c.records[k]; r != nil {
			c.keepRecord(r)
		}
	}
}

func (c *collector) keepRecord(r *storedRecord) {
	r.keep = true
	for _, ref := range r.refs {
		c.mark(ref)
	}
}

// mark keeps an artifact: of a folder, its files too, even when the manifest
// was marked before as the object that it also is.
func (c *collector) mark(ref Ref) {
	for _, d := range c.digests(ref) {
		if f, ok := c.objects[d]; ok && !c.live[d] {
			c.live[d] = true
			c.size += f.size
		}
	}
}

// digests returns the objects that an artifact consists of, as far as the store
// has them.
func (c *collector) digests(ref Ref) []Digest {
	f, ok := c.objects[ref.Digest]
	if !ok {
		return nil
	}
	all := []Digest{ref.Digest}
	if ref.IsFolder() {
		ref.Size = f.size // a leased folder comes without its size
		// A manifest that cannot be read leads nowhere for anybody.
		files, _ := c.store.manifest(ref)
		for _, file := range files {
			all = append(all, file.Digest)
		}
	}
	return all
}

// keepRecent keeps what the bounds allow, the last used first. An object that
// no record names stands for itself; there is no reason to keep it other than
// its age, as nothing would find it again.
func (c *collector) keepRecent(now time.Time) {
	if c.opt.MaxAge <= 0 && c.opt.MaxSize <= 0 {
		return
	}
	young := func(f storedFile) bool { return c.opt.MaxAge <= 0 || now.Sub(f.used) < c.opt.MaxAge }
	named := make(map[Digest]bool)
	var byUse []*storedRecord
	for _, r := range c.records {
		byUse = append(byUse, r)
		for _, ref := range r.refs {
			for _, d := range c.digests(ref) {
				named[d] = true
			}
		}
	}
	slices.SortFunc(byUse, func(a, b *storedRecord) int {
		return cmp.Or(b.used.Compare(a.used), cmp.Compare(a.name, b.name))
	})
	for _, r := range byUse {
		if !r.keep && r.sound && young(r.storedFile) && c.fits(r.refs) {
			c.keepRecord(r)
		}
	}
	if c.opt.MaxAge <= 0 {
		return
	}
	for _, d := range sortedKeys(c.objects) {
		f := c.objects[d]
		if !named[d] && young(f) && c.fitsBytes(f.size) {
			c.mark(Ref{Digest: d})
		}
	}
}

func (c *collector) fits(refs []Ref) bool {
	var more int64
	seen := make(map[Digest]bool)
	for _, ref := range refs {
		for _, d := range c.digests(ref) {
			if !c.live[d] && !seen[d] {
				seen[d] = true
				more += c.objects[d].size
			}
		}
	}
	return c.fitsBytes(more)
}

func (c *collector) fitsBytes(more int64) bool {
	return c.opt.MaxSize <= 0 || c.size+more <= c.opt.MaxSize
}

// sweep removes the records first: an object without a record is only waste, a
// record without its object is a miss that was a hit.
func (c *collector) sweep(ctx context.Context) error {
	for _, k := range sortedKeys(c.records) {
		if c.records[k].keep {
			c.report.KeptRecords++
			continue
		}
		if err := c.remove(ctx, c.store.keyPath(k)); err != nil {
			return err
		}
		c.report.RemovedRecords++
	}
	for _, d := range sortedKeys(c.objects) {
		size := c.objects[d].size
		if c.live[d] {
			c.report.KeptObjects++
			c.report.KeptBytes += size
			continue
		}
		if err := c.remove(ctx, c.store.objectPath(d)); err != nil {
			return err
		}
		c.report.RemovedObjects++
		c.report.RemovedBytes += size
	}
	if err := c.remove(ctx, filepath.Join(c.store.dir, memosDir)); err != nil {
		return err
	}
	return c.sweepQuarantine(ctx)
}

// sweepQuarantine removes damaged objects that nobody has looked at for MaxAge.
func (c *collector) sweepQuarantine(ctx context.Context) error {
	dir := filepath.Join(c.store.dir, quarantineDir)
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || c.opt.MaxAge > 0 && c.store.now().Sub(info.ModTime()) < c.opt.MaxAge {
			continue
		}
		if err := c.remove(ctx, filepath.Join(dir, e.Name())); err != nil {
			return err
		}
		c.report.RemovedQuarantined++
	}
	return nil
}

func (c *collector) remove(ctx context.Context, path string) error {
	if err := ctx.Err(); err != nil || c.opt.DryRun {
		return err
	}
	return os.RemoveAll(path)
}
