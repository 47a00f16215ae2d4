package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path"

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
	if err := writeJSON(w, manifestFile, &m.manifest); err != nil {
		return err
	}
	if err := writeJSON(w, historyFile, &m.history); err != nil {
		return err
	}
	if err := writeJSON(w, networkFile, m.network); err != nil {
		return err
	}
	if err := write(w, weightsFile, m.network.WriteWeights); err != nil {
		return err
	}
	return transform.Save(below{w, transformFolder}, m.transform)
}

// below is a folder inside a folder.
type below struct {
	files  transform.Files
	folder string
}

func (b below) Create(name string) (io.WriteCloser, error) {
	return b.files.Create(path.Join(b.folder, name))
}

func writeJSON(w transform.Files, name string, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return write(w, name, func(f io.Writer) error { _, err := f.Write(b.Bytes()); return err })
}

func write(w transform.Files, name string, fill func(io.Writer) error) error {
	f, err := w.Create(name)
	if err != nil {
		return err
	}
	if err := fill(f); err != nil {
		f.Close()
		return fmt.Errorf("%s: %w", name, err)
	}
	return f.Close()
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
	m, err := ReadManifest(fsys)
	if err != nil {
		return nil, err
	}
	var h History
	if err := readJSON(fsys, historyFile, &h); err != nil {
		return nil, err
	}
	if h.Version != Version {
		return nil, fmt.Errorf("%s: its version is %d and this pipe reads %d", historyFile, h.Version, Version)
	}
	network, err := loadNetwork(fsys)
	if err != nil {
		return nil, err
	}
	sub, err := fs.Sub(fsys, transformFolder)
	if err != nil {
		return nil, err
	}
	t, err := transform.Load(sub)
	if err != nil {
		return nil, err
	}
	model, err := New(*m, h, t, network)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", manifestFile, err)
	}
	return model, nil
}

func loadNetwork(fsys fs.FS) (*nn.Network, error) {
	architecture, err := fs.ReadFile(fsys, networkFile)
	if err != nil {
		return nil, err
	}
	n, err := nn.ParseNetwork(architecture)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", networkFile, err)
	}
	f, err := fsys.Open(weightsFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := n.ReadWeights(f, info.Size()); err != nil {
		return nil, fmt.Errorf("%s: %w", weightsFile, err)
	}
	return n, nil
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
