package remote

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"gocloud.dev/gcerrors"

	"pipe/artifacts"
)

// Pull copies artifacts and records, with everything that they name, from the
// remote to the store, as far as the store does not have them. What came is
// checked before it is stored, so an interrupted pull leaves nothing that is
// wrong. The error matches fs.ErrNotExist when the remote has not all of it.
func (r *Remote) Pull(ctx context.Context, s *artifacts.Store, what artifacts.Roots) (Report, error) {
	var report Report
	err := r.pull(ctx, s, what, &report)
	if err != nil {
		err = fmt.Errorf("pull from %s: %w", r.name, err)
	}
	return report, err
}

func (r *Remote) pull(ctx context.Context, s *artifacts.Store, what artifacts.Roots, report *Report) error {
	whole := what.Refs
	var records []*artifacts.Record
	for _, k := range what.Keys {
		if _, ok := s.Lookup(k); ok {
			continue
		}
		record, err := r.record(ctx, k)
		if err != nil {
			return err
		}
		records = append(records, record)
		for ref := range record.Artifacts {
			whole = append(whole, ref)
		}
	}
	download := func(ctx context.Context, ref artifacts.Ref) (bool, error) { return r.download(ctx, s, ref) }
	// Manifests first: they say what else there is.
	if err := report.copyAll(ctx, whole, download); err != nil {
		return err
	}
	var files []artifacts.Ref
	for _, ref := range whole {
		parts, err := s.Objects(ref)
		if err != nil {
			return err
		}
		files = append(files, parts[1:]...)
	}
	if err := report.copyAll(ctx, files, download); err != nil {
		return err
	}
	for _, record := range records {
		if err := s.Record(record.Key, record); err != nil {
			return err
		}
		report.Records++
	}
	return nil
}

// Lookup is the store's Lookup, which asks the remote where the store does not
// know and then keeps the answer, so that a colleague's result counts as one's
// own. A miss is no error. With an error it is a miss as well: the remote could
// not be asked, or what it has is damaged, and the stage can still be run.
func (r *Remote) Lookup(ctx context.Context, s *artifacts.Store, k artifacts.Key) (*artifacts.Record, bool, error) {
	if record, ok := s.Lookup(k); ok {
		return record, true, nil
	}
	if !k.Valid() {
		return nil, false, nil
	}
	_, err := r.Pull(ctx, s, artifacts.Roots{Keys: []artifacts.Key{k}})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	record, ok := s.Lookup(k)
	return record, ok, nil
}

func (r *Remote) record(ctx context.Context, k artifacts.Key) (*artifacts.Record, error) {
	if !k.Valid() {
		return nil, fmt.Errorf("key %q is not 64 lower-case hexadecimal digits", k)
	}
	b, err := r.bucket.ReadAll(ctx, recordName(k))
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, fmt.Errorf("key %s has no record there: %w", k, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	record, err := artifacts.ParseRecord(k, b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; delete it there and push again", recordName(k), err)
	}
	return record, nil
}

// download copies one object unless the store has it. It does not ask for the
// files of a folder, only for its manifest.
func (r *Remote) download(ctx context.Context, s *artifacts.Store, ref artifacts.Ref) (copied bool, err error) {
	alone := ref
	alone.Format = ""
	if s.Has(alone) {
		return false, nil
	}
	reader, err := r.bucket.NewReader(ctx, objectName(ref.Digest), nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return false, fmt.Errorf("object %s is not there: %w", ref.Digest, fs.ErrNotExist)
	}
	if err != nil {
		return false, err
	}
	defer reader.Close()
	if err := s.Receive(ref, reader); err != nil {
		return false, fmt.Errorf("%s: %w; if it is damaged, delete it there and push again", objectName(ref.Digest), err)
	}
	return true, nil
}
