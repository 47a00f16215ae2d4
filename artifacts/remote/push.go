package remote

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"pipe/artifacts"
)

// Push copies artifacts and records, with everything that they name, from the
// store to the remote, as far as they are not there. An interrupted push leaves
// nothing that is wrong, and the next one continues it.
func (r *Remote) Push(ctx context.Context, s *artifacts.Store, what artifacts.Roots) (Report, error) {
	var report Report
	err := r.push(ctx, s, what, &report)
	if err != nil {
		err = fmt.Errorf("push to %s: %w", r.name, err)
	}
	return report, err
}

func (r *Remote) push(ctx context.Context, s *artifacts.Store, what artifacts.Roots, report *Report) error {
	whole := what.Refs
	records := make([][]byte, len(what.Keys))
	for i, k := range what.Keys {
		b, err := s.RecordBytes(k)
		if err != nil {
			return err
		}
		record, err := artifacts.ParseRecord(k, b)
		if err != nil {
			return err
		}
		records[i] = b
		for ref := range record.Artifacts {
			whole = append(whole, ref)
		}
	}
	var objects []artifacts.Ref
	for _, ref := range whole {
		parts, err := s.Objects(ref)
		if err != nil {
			return err
		}
		objects = append(objects, parts...)
	}
	err := report.copyAll(ctx, objects, func(ctx context.Context, ref artifacts.Ref) (bool, error) {
		return r.upload(ctx, s, ref)
	})
	if err != nil {
		return err
	}
	// The records last: one that is there can be used.
	for i, k := range what.Keys {
		if err := r.pushRecord(ctx, k, records[i], report); err != nil {
			return err
		}
	}
	return nil
}

func (r *Remote) pushRecord(ctx context.Context, k artifacts.Key, b []byte, report *Report) error {
	old, err := r.bucket.ReadAll(ctx, recordName(k))
	if err == nil && bytes.Equal(old, b) {
		return nil
	}
	if err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return err
	}
	if err := r.bucket.WriteAll(ctx, recordName(k), b, nil); err != nil {
		return err
	}
	report.Records++
	return nil
}

// upload copies one object unless the remote has one of that name and size.
func (r *Remote) upload(ctx context.Context, s *artifacts.Store, ref artifacts.Ref) (copied bool, err error) {
	name := objectName(ref.Digest)
	attributes, err := r.bucket.Attributes(ctx, name)
	if err == nil && attributes.Size == ref.Size {
		return false, nil
	}
	if err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return false, err
	}
	o, err := s.Open(ref)
	if err != nil {
		return false, err
	}
	defer o.Close()
	// A writer whose context has ended before Close leaves nothing.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := r.bucket.NewWriter(ctx, name, &blob.WriterOptions{ContentType: "application/octet-stream"})
	if err != nil {
		return false, err
	}
	if _, err := io.Copy(w, o); err != nil {
		cancel()
		w.Close()
		return false, err
	}
	return true, w.Close()
}
