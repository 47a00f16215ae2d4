// Package workspace owns a folder that pipe works in: it opens the store and
// the registry under .pipe/, loads pipeline files, and runs them so that the
// journal and the registry tell what happened.
package workspace

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/text"
	"pipe/registry"
	"pipe/stages/all"
)

// Folder is the name of pipe's folder in a workspace.
const Folder = ".pipe"

// Workspace is an opened folder. Close it.
type Workspace struct {
	Dir      string // .pipe itself
	Store    *artifacts.Store
	Registry *registry.Registry
	Kinds    *dag.Kinds

	// Lost is how many runs have a journal and no row, where the registry was
	// missing and Open has made a new one; 0 where it was there.
	Lost int

	underWay sync.Map // from the id of a run of this process to its context.CancelFunc
}

// ErrNoWorkspace says that nothing has run here yet.
var ErrNoWorkspace = errors.New("there is no .pipe folder here: nothing has been run yet")

// ErrNoFile says that the pipeline that was named is not there, or cannot be read.
var ErrNoFile = errors.New("there is no file")

// Open opens the store and the registry in dir, usually ".pipe", and creates
// what is missing.
func Open(ctx context.Context, dir string) (*Workspace, error) {
	store, err := artifacts.Open(dir)
	if err != nil {
		return nil, err
	}
	return open(ctx, dir, store)
}

// open is Open for a store that is open; it is closed where the error is not
// nil.
func open(ctx context.Context, dir string, store *artifacts.Store) (*Workspace, error) {
	// Runs whose process was killed are told apart from those that go on.
	reg, err := registry.Open(ctx, filepath.Join(dir, "registry.db"))
	if err != nil {
		store.Close()
		return nil, err
	}
	w := &Workspace{Dir: dir, Store: store, Registry: reg, Kinds: all.Kinds()}
	if w.Lost, err = w.countLost(ctx); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// countLost counts the runs of a registry that somebody has removed.
func (w *Workspace) countLost(ctx context.Context) (int, error) {
	if !w.Registry.Created() {
		return 0, nil
	}
	lost, err := w.LostRuns(ctx)
	return len(lost), err
}

// LostRuns lists the runs that have a journal and are not in the registry. It asks
// for each, because another process may have begun to fill a new one.
func (w *Workspace) LostRuns(ctx context.Context) (lost []string, err error) {
	runs, err := w.journals()
	if err != nil {
		return nil, err
	}
	for _, id := range runs {
		_, err := w.Registry.Run(ctx, id)
		switch {
		case errors.Is(err, registry.ErrNotFound):
			lost = append(lost, id)
		case err != nil:
			return nil, err
		}
	}
	return lost, nil
}

// journals lists the runs that have a journal, whether the registry knows them
// or not.
func (w *Workspace) journals() (ids []string, err error) {
	entries, err := os.ReadDir(w.RunDir(""))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list the journals of runs: %w", err)
	}
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(w.RunDir(e.Name()), dag.JournalFile)); err == nil {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}

// OpenExisting is Open for commands that only look: where nothing is, it
// creates nothing and says so.
func OpenExisting(ctx context.Context, dir string) (*Workspace, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoWorkspace
	}
	return Open(ctx, dir)
}

// OpenMeanwhile opens a folder that is there while load does something else,
// which may look into its store; and one that is not there after it, with no
// store for load: a pipeline that turns out to be wrong leaves no folder behind.
// The error is load's, if it has one.
func OpenMeanwhile(ctx context.Context, dir string, load func(*artifacts.Store) error) (*Workspace, error) {
	if _, err := os.Stat(dir); err != nil {
		if err := load(nil); err != nil {
			return nil, err
		}
		return Open(ctx, dir)
	}
	store, err := artifacts.Open(dir)
	if err != nil {
		return nil, errors.Join(load(nil), err)
	}
	opened := sync.OnceValues(func() (*Workspace, error) { return open(ctx, dir, store) })
	go opened()
	if err := load(store); err != nil {
		if w, openErr := opened(); openErr == nil {
			err = errors.Join(err, w.Close())
		}
		return nil, err
	}
	return opened()
}

// Close closes both.
func (w *Workspace) Close() error {
	return errors.Join(w.Registry.Close(), w.Store.Close())
}

// RunDir is the folder of a run's journal and pipeline text.
func (w *Workspace) RunDir(id string) string { return filepath.Join(w.Dir, "runs", id) }

// Load reads and checks a pipeline file; it needs no workspace.
func Load(ctx context.Context, path string, params map[string]string) (*dag.Pipeline, error) {
	return LoadFile(ctx, path, dag.LoadOptions{Params: params})
}

// LoadFile is Load with params from several places; the kinds are those of this
// program.
func LoadFile(ctx context.Context, path string, o dag.LoadOptions) (*dag.Pipeline, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w %s%s", ErrNoFile, path, nearFile(path))
	}
	if info, stat := os.Stat(path); stat == nil && info.IsDir() {
		return nil, fmt.Errorf("%w %s: it is a folder%s", ErrNoFile, path, pipelinesIn(path))
	}
	if err != nil {
		return nil, fmt.Errorf("%w %s that can be read: %w", ErrNoFile, path, err)
	}
	o.Kinds = all.Kinds()
	return dag.Load(ctx, &text.File{Name: path, Data: data}, o)
}

// LoadText checks a pipeline whose text is at hand; name stands in messages.
func LoadText(ctx context.Context, name string, data []byte, params map[string]string) (*dag.Pipeline, error) {
	return dag.Load(ctx, &text.File{Name: name, Data: data}, dag.LoadOptions{Kinds: all.Kinds(), Params: params})
}

// LoadRequest checks the pipeline of a run as it was then; data is its text.
func LoadRequest(ctx context.Context, r *Request, data []byte) (*dag.Pipeline, error) {
	return dag.Load(ctx, &text.File{Name: r.File, Data: data}, dag.LoadOptions{Kinds: all.Kinds(), Params: r.Params, Read: r.Read, Moment: r.Moment})
}

// nearFile suggests a file of a similar name in the same folder.
func nearFile(path string) string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return ""
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	if near := text.Closest(filepath.Base(path), names); near != "" {
		return ": did you mean " + filepath.Join(filepath.Dir(path), near) + "?"
	}
	return ""
}

// pipelinesIn names the files in a folder that may be meant by its name.
func pipelinesIn(dir string) string {
	found, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(found) == 0 {
		return ", and none in it ends in .yaml"
	}
	return "; name a file, such as " + found[0]
}

// newRunID draws a run's name in MLflow's form, 32 hexadecimal digits.
func newRunID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(b[:])
}
