package model

import (
	"encoding/json"
	"fmt"
	"io/fs"

	"pipe/stages/nn"
	"pipe/stages/transform"
)

// Save writes the model as files of a folder; *artifacts.FolderDraft is one.
// Equal models give equal bytes.
func Save(w transform.Files, m *Model) error {
	if err := save(w, m); err != nil {
		return fmt.Errorf("save the model: %w", err)
	}
	return nil
}

func save(w transform.Files, m *Model) error {
	return parts{m.manifest, m.history, m.transform, m.network}.save(w)
}

// parts are what the folders of all families with one network hold.
type parts struct {
	manifest  Manifest
	history   History
	transform transform.Transform
	network   *nn.Network
}

func (p parts) save(w transform.Files) error {
	if err := nn.WriteJSON(w.Create, manifestFile, &p.manifest); err != nil {
		return err
	}
	if err := nn.WriteJSON(w.Create, historyFile, &p.history); err != nil {
		return err
	}
	if err := p.network.Save(w.Create); err != nil {
		return err
	}
	return transform.Save(transform.Subfolder(w, transformFolder), p.transform)
}

// Load reads a model back; *artifacts.Folder is an fs.FS. Whatever does not fit
// together is an error that names the file.
func Load(fsys fs.FS) (*Model, error) {
	m, err := load(fsys)
	if err != nil {
		return nil, fmt.Errorf("load the model: %w", err)
	}
	return m, nil
}

// ReadManifest reads what is to be known of a model without its weights.
func ReadManifest(fsys fs.FS) (*Manifest, error) {
	m := new(Manifest)
	if err := readJSON(fsys, manifestFile, m); err != nil {
		return nil, err
	}
	if err := m.validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestFile, err)
	}
	return m, nil
}

func load(fsys fs.FS) (*Model, error) {
	p, err := loadParts(fsys, "")
	if err != nil {
		return nil, err
	}
	model, err := New(p.manifest, p.history, p.transform, p.network)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", manifestFile, err)
	}
	return model, nil
}

// loadParts reads the folder of a model of one task; "" stands for those of Model.
func loadParts(fsys fs.FS, task string) (*parts, error) {
	m, err := ReadManifest(fsys)
	if err != nil {
		return nil, err
	}
	if other := families[m.Task] != nil; other && m.Task != task || !other && task != "" {
		return nil, &TaskError{m.Task, task}
	}
	p := &parts{manifest: *m}
	if err := readJSON(fsys, historyFile, &p.history); err != nil {
		return nil, err
	}
	if p.history.Version != Version {
		return nil, fmt.Errorf("%s: its version is %d and this pipe reads %d", historyFile, p.history.Version, Version)
	}
	if p.network, err = nn.Load(fsys); err != nil {
		return nil, err
	}
	sub, err := fs.Sub(fsys, transformFolder)
	if err != nil {
		return nil, err
	}
	p.transform, err = transform.Load(sub)
	return p, err
}

// TaskError is a model that is asked for what it was not made for.
type TaskError struct{ Has, Wanted string }

// Error says which task the model has.
func (e *TaskError) Error() string {
	if e.Wanted == "" {
		return fmt.Sprintf("it is a model for %s, and one that answers rows with labels or numbers is needed", e.Has)
	}
	return fmt.Sprintf("it is a model for %s, and one for %s is needed", e.Has, e.Wanted)
}

// wantTask is an error for the folder of a model of another task.
func wantTask(fsys fs.FS, task string) error {
	m, err := ReadManifest(fsys)
	if err == nil && m.Task != task {
		err = &TaskError{m.Task, task}
	}
	return err
}

func readJSON(fsys fs.FS, name string, v any) error {
	b, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
