package workspace

import (
	"context"
	"errors"
	"fmt"
	"os"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
)

// Export copies an artifact out of the store to a path that is free: a folder
// as a folder, a table in the format that the path's name tells.
func (w *Workspace) Export(ref artifacts.Ref, path string) error {
	if ref.Format == artifacts.FolderFormat {
		f, err := w.Store.OpenFolder(ref)
		if err != nil {
			return err
		}
		return f.Extract(path)
	}
	if ref.Type == artifacts.Table {
		if format, err := table.FormatOf(path); err != nil {
			return err
		} else if string(format) != ref.Format {
			return w.exportTable(ref, path)
		}
	}
	if err := w.Store.Copy(ref, path); err != nil {
		return fmt.Errorf("export to %s: %w", path, errors.Join(err, remove(path)))
	}
	return nil
}

func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (w *Workspace) exportTable(ref artifacts.Ref, path string) error {
	r, err := dag.OpenTable(w.Store, ref, ref.Digest.Short())
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := table.Create(path, r.Schema())
	if err != nil {
		return err
	}
	defer f.Discard()
	for b, err := range table.All(r) {
		if err == nil {
			err = f.Write(b)
		}
		if err != nil {
			return err
		}
	}
	return f.Commit()
}

// Verify reads the whole store again, the registry, and the journals of runs,
// and tells what is damaged. The store's damage is repaired by the next run; a
// damaged registry or journal is left as it is.
func (w *Workspace) Verify(ctx context.Context, progress func(artifacts.VerifyProgress)) ([]artifacts.Finding, error) {
	findings, err := w.Store.Verify(ctx, progress)
	if err != nil {
		return nil, err
	}
	add := func(path, detail string) {
		findings = append(findings, artifacts.Finding{Problem: artifacts.FlippedBits, Path: path, Detail: detail})
	}
	faults, err := w.Registry.Check(ctx)
	if err != nil {
		return nil, err
	}
	for _, fault := range faults {
		add(w.Registry.Path(), fault)
	}
	runs, err := os.ReadDir(w.RunDir(""))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read the runs: %w", err)
	}
	for _, r := range runs {
		if err := dag.ReadJournal(w.RunDir(r.Name()), func(*dag.Event) error { return nil }); err != nil {
			add(w.RunDir(r.Name()), err.Error())
		}
	}
	return findings, nil
}
