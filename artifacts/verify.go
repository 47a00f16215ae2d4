package artifacts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Problem is a way in which a store can be damaged.
type Problem string

// What Verify can find.
const (
	FlippedBits Problem = "damaged" // the bytes of an object or record are not those that were stored
	Missing     Problem = "missing" // a record or a manifest names an object that is not there
	WrongSize   Problem = "size"    // an object has another size than what names it says
	Foreign     Problem = "foreign" // a file that pipe did not put there
)

// Finding is one thing that Verify found to be wrong.
type Finding struct {
	Problem Problem `json:"problem"`
	Path    string  `json:"path"` // of the file that is wrong, or that names what is
	Detail  string  `json:"detail"`
}

func (f Finding) String() string { return fmt.Sprintf("%s: %s: %s", f.Path, f.Problem, f.Detail) }

// VerifyProgress says how far Verify is.
type VerifyProgress struct {
	Files, TotalFiles int
	Bytes, TotalBytes int64
}

// Verify reads everything in the store again, whatever was verified before, and
// returns what is wrong, in a fixed order. Damaged objects go to quarantine and
// damaged records are removed, so that the next run makes both again: a store
// in which Verify found something is sound afterwards, only less is in it.
// progress, which may be nil, is called after each file. The error is that of
// ctx or of the file system; findings are no error.
func (s *Store) Verify(ctx context.Context, progress func(VerifyProgress)) ([]Finding, error) {
	v := &verifier{store: s, ctx: ctx, report: progress, objects: make(map[Digest]int64)}
	for _, step := range []func() error{v.measure, v.verifyObjects, v.verifyRecords, v.verifyStats, v.verifyMemos} {
		if err := step(); err != nil {
			return v.findings, fmt.Errorf("verify: %w", err)
		}
	}
	return v.findings, nil
}

type verifier struct {
	store    *Store
	ctx      context.Context
	report   func(VerifyProgress)
	progress VerifyProgress
	objects  map[Digest]int64 // sound ones, with their sizes
	findings []Finding
}

func (v *verifier) add(p Problem, path, format string, args ...any) {
	v.findings = append(v.findings, Finding{Problem: p, Path: path, Detail: fmt.Sprintf(format, args...)})
}

func (v *verifier) done(size int64) {
	v.progress.Files++
	v.progress.Bytes += size
	if v.report != nil {
		v.report(v.progress)
	}
}

// measure adds up the work, so that progress has an end.
func (v *verifier) measure() error {
	count := func(f storedFile) error {
		v.progress.TotalFiles++
		v.progress.TotalBytes += f.size
		return nil
	}
	if err := v.store.walk(v.ctx, objectsDir, count); err != nil {
		return err
	}
	return v.store.walk(v.ctx, keysDir, count)
}

func (v *verifier) verifyObjects() error {
	return v.store.walkAll(v.ctx, objectsDir, func(f storedFile, foreign string) error {
		if foreign != "" {
			v.add(Foreign, foreign, "the store keeps no such file; remove it")
			return nil
		}
		err := v.store.reverify(f)
		var corrupt *CorruptError
		switch {
		case err == nil:
			v.objects[f.name] = f.size
		case errors.As(err, &corrupt):
			detail := corrupt.Reason
			if corrupt.Quarantined != "" {
				detail += "; moved to " + corrupt.Quarantined
			}
			v.add(FlippedBits, v.store.objectPath(f.name), "%s", detail)
		case errors.Is(err, fs.ErrNotExist): // collected meanwhile
		default:
			return err
		}
		v.done(f.size)
		return nil
	})
}

// reverify hashes an object even if this process has done so before.
func (s *Store) reverify(f storedFile) error {
	s.mu.Lock()
	delete(s.verified, f.name)
	s.mu.Unlock()
	file, err := s.openFile(f.name)
	if err != nil {
		return err
	}
	defer file.Close()
	return s.check(file, f.name, f.size)
}

func (v *verifier) verifyRecords() error {
	return v.store.walkAll(v.ctx, keysDir, func(f storedFile, foreign string) error {
		if foreign != "" {
			v.add(Foreign, foreign, "the store keeps no such file; remove it")
			return nil
		}
		defer v.done(f.size)
		path := v.store.keyPath(Key(f.name))
		b, _, err := readSmall(path) // the file itself, whatever is remembered of it
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		var r *Record
		if err == nil {
			r, err = parseRecordOf(Key(f.name), b)
		}
		if err != nil {
			v.add(FlippedBits, path, "%v; removed", err)
			return os.Remove(path)
		}
		known := len(v.findings)
		for _, port := range sortedKeys(r.Outputs) {
			v.verifyRef(path, fmt.Sprintf("output %q", port), r.Outputs[port])
		}
		if r.Log != nil {
			v.verifyRef(path, "the log", *r.Log)
		}
		if len(v.findings) == known {
			return nil
		}
		// No look-up takes it, so nothing is lost, and the next Verify finds nothing.
		v.findings[len(v.findings)-1].Detail += "; removed"
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// verifyRef checks that an artifact which a record names is all there.
func (v *verifier) verifyRef(path, what string, ref Ref) {
	if !v.verifyNamed(path, what, ref.Digest, ref.Size) || !ref.IsFolder() {
		return
	}
	files, err := v.store.manifest(ref)
	if err != nil {
		v.add(FlippedBits, path, "%s: %v", what, err)
		return
	}
	for _, f := range files {
		v.verifyNamed(path, fmt.Sprintf("%s: file %q", what, f.Path), f.Digest, f.Size)
	}
}

func (v *verifier) verifyNamed(path, what string, d Digest, size int64) bool {
	have, ok := v.objects[d]
	if !ok && v.store.hasObject(d, size) {
		return true // committed since the objects were listed
	}
	if _, err := os.Lstat(path); err != nil {
		return false // the record was collected since it was read, and its objects after it
	}
	switch {
	case !ok:
		v.add(Missing, path, "%s: object %s is not in the store", what, d)
		return false
	case have != size:
		v.add(WrongSize, path, "%s: object %s has %d bytes and should have %d", what, d, have, size)
		return false
	}
	return true
}

// verifyStats checks the stat cache, whose damage costs time and nothing else.
func (v *verifier) verifyStats() error {
	path := v.store.stats.path
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := parseStats(b); err != nil {
		v.add(FlippedBits, path, "%v; removed", err)
		return os.Remove(path)
	}
	return nil
}
