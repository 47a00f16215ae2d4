package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"pipe/artifacts"
	"pipe/registry"
	"pipe/stages/mlmodel"
)

// Outputs are the outputs of runs as files, the way that MLflow's clients look
// at them: STAGE/PORT, a model with the flavour that MLflow loads.
type Outputs struct {
	w      *Workspace
	mlflow string
	mu     sync.Mutex // one flavour is made at a time
}

// NewOutputs gives the outputs of a workspace; mlflow is the release whose form
// of a model is meant.
func NewOutputs(w *Workspace, mlflow string) *Outputs { return &Outputs{w: w, mlflow: mlflow} }

// Run returns the files of a run's outputs; the error is fs.ErrNotExist where
// the run was made by no pipeline.
func (o *Outputs) Run(ctx context.Context, id string) (fs.FS, error) {
	stages, err := o.w.Registry.Stages(ctx, id)
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		return nil, err
	}
	if len(stages) == 0 {
		return nil, fs.ErrNotExist
	}
	t := make(tree)
	for _, s := range stages {
		for port, ref := range s.Outputs {
			name := port
			if !ref.IsFolder() && ref.Format != "" {
				name += "." + ref.Format
			}
			t[s.Name+"/"+name] = func() (fs.FS, error) { return o.open(ref, name) }
		}
	}
	return t, nil
}

// open gives an artifact as files; a single one is a file of that name.
func (o *Outputs) open(ref artifacts.Ref, name string) (fs.FS, error) {
	if ref.IsFolder() {
		return o.folder(ref)
	}
	return single{o.w.Store, ref, name}, nil
}

// Model returns the files of a registered model by its digest.
func (o *Outputs) Model(ctx context.Context, digest string) (fs.FS, error) {
	ref, err := o.w.Registry.FindArtifact(ctx, digest)
	if errors.Is(err, registry.ErrNotFound) || err == nil && (ref.Type != artifacts.Model || !ref.IsFolder()) {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	return o.folder(ref)
}

// folder is a folder's own files and, for a model, those of the flavour.
func (o *Outputs) folder(ref artifacts.Ref) (fs.FS, error) {
	own, err := o.w.Store.OpenFolder(ref)
	if err != nil || ref.Type != artifacts.Model {
		return own, err
	}
	dir, err := o.flavour(ref, own)
	if errors.Is(err, mlmodel.ErrNoFlavour) {
		return own, nil
	}
	if err != nil {
		return nil, err
	}
	return layers{own, os.DirFS(dir)}, nil
}

// flavour returns the folder of a model's flavour, which is made once. It can
// be made again from the model at any time, so nothing is lost with it.
func (o *Outputs) flavour(ref artifacts.Ref, own fs.FS) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	dir := filepath.Join(o.w.Dir, "mlflavours", o.mlflow, string(ref.Digest))
	if _, err := os.Stat(filepath.Join(dir, mlmodel.MLmodelFile)); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return "", err
	}
	draft, err := os.MkdirTemp(filepath.Dir(dir), ".unfinished-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(draft)
	if err := mlmodel.Write(draft, own, mlmodel.About{Digest: string(ref.Digest), MLflow: o.mlflow}); err != nil {
		return "", fmt.Errorf("the model as MLflow's loaders read it: %w", err)
	}
	if err := os.Rename(draft, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return dir, nil
}

// tree has file systems at paths of two names.
type tree map[string]func() (fs.FS, error)

// below finds the file system that a path lies in and the path inside of it;
// nil for the tree's own folders.
func (t tree) below(name string) (fsys fs.FS, rest string, err error) {
	parts := strings.SplitN(name, "/", 3)
	if len(parts) < 2 {
		return nil, "", nil
	}
	at, ok := t[parts[0]+"/"+parts[1]]
	if !ok {
		return nil, "", &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	rest = "."
	if len(parts) == 3 {
		rest = parts[2]
	}
	fsys, err = at()
	return fsys, rest, err
}

// ReadDir implements fs.ReadDirFS: a file system below may be one of layers,
// which no opened folder of one of them shows.
func (t tree) ReadDir(name string) ([]fs.DirEntry, error) {
	fsys, rest, err := t.below(name)
	if err != nil {
		return nil, err
	}
	if fsys != nil {
		return fs.ReadDir(fsys, rest)
	}
	f, err := t.Open(name)
	if err != nil {
		return nil, err
	}
	return f.(*listed).ReadDir(-1)
}

// Open implements fs.FS.
func (t tree) Open(name string) (fs.File, error) {
	fsys, rest, err := t.below(name)
	if err != nil {
		return nil, err
	}
	if fsys != nil {
		return fsys.Open(rest)
	}
	var names []string
	for p := range t {
		stage, port, _ := strings.Cut(p, "/")
		if name == "." {
			names = append(names, stage)
		} else if stage == name {
			names = append(names, port)
		}
	}
	if names == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	slices.Sort(names)
	return &listed{name: name, fsys: t, names: slices.Compact(names)}, nil
}

// listed is a folder of a tree.
type listed struct {
	name  string
	fsys  tree
	names []string
}

func (d *listed) Stat() (fs.FileInfo, error) { return d, nil }
func (d *listed) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: errors.New("it is a folder")}
}
func (d *listed) Close() error       { return nil }
func (d *listed) Name() string       { return d.name[strings.LastIndexByte(d.name, '/')+1:] }
func (d *listed) Size() int64        { return 0 }
func (d *listed) Mode() fs.FileMode  { return fs.ModeDir | 0o555 }
func (d *listed) ModTime() time.Time { return time.Time{} }
func (d *listed) IsDir() bool        { return true }
func (d *listed) Sys() any           { return nil }

// ReadDir implements fs.ReadDirFile; what cannot be opened is left out.
func (d *listed) ReadDir(int) ([]fs.DirEntry, error) {
	var list []fs.DirEntry
	for _, n := range d.names {
		path := n
		if d.name != "." {
			path = d.name + "/" + n
		}
		info, err := fs.Stat(d.fsys, path)
		if err != nil {
			continue
		}
		list = append(list, fs.FileInfoToDirEntry(named{info, n}))
	}
	return list, nil
}

// named is a file under another name.
type named struct {
	fs.FileInfo
	name string
}

func (n named) Name() string { return n.name }

// single is an artifact of one file, which is all that it holds.
type single struct {
	store *artifacts.Store
	ref   artifacts.Ref
	name  string
}

// Open implements fs.FS; "." is the file itself.
func (s single) Open(name string) (fs.File, error) {
	if name != "." {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	o, err := s.store.Open(s.ref)
	if err != nil {
		return nil, err
	}
	return singleFile{o, s}, nil
}

type singleFile struct {
	*artifacts.Object
	of single
}

func (f singleFile) Stat() (fs.FileInfo, error) { return singleInfo{f.of}, nil }

type singleInfo struct{ of single }

func (i singleInfo) Name() string       { return i.of.name }
func (i singleInfo) Size() int64        { return i.of.ref.Size }
func (i singleInfo) Mode() fs.FileMode  { return 0o444 }
func (i singleInfo) ModTime() time.Time { return time.Time{} }
func (i singleInfo) IsDir() bool        { return false }
func (i singleInfo) Sys() any           { return nil }

// layers are file systems over each other; the first that has a file gives it.
type layers []fs.FS

// Open implements fs.FS.
func (l layers) Open(name string) (fs.File, error) {
	var err error
	for _, fsys := range l {
		var f fs.File
		if f, err = fsys.Open(name); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return nil, err
}

// ReadDir implements fs.ReadDirFS.
func (l layers) ReadDir(name string) (all []fs.DirEntry, err error) {
	found := false
	for _, fsys := range l {
		list, err := fs.ReadDir(fsys, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = true
		for _, e := range list {
			if !slices.ContainsFunc(all, func(have fs.DirEntry) bool { return have.Name() == e.Name() }) {
				all = append(all, e)
			}
		}
	}
	if !found {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return all, nil
}
