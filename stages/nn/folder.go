package nn

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
)

// The files that a network takes in the folder of a model or of a transform.
const (
	NetworkFile = "network.json"        // the architecture, as MarshalJSON writes it
	WeightsFile = "weights.safetensors" // the parameters
)

// Save writes the network as files of a folder, which create begins. Equal
// networks give equal bytes.
func (n *Network) Save(create func(name string) (io.WriteCloser, error)) error {
	if err := WriteJSON(create, NetworkFile, n); err != nil {
		return err
	}
	return WriteFile(create, WeightsFile, n.WriteWeights)
}

// WriteJSON writes a file of a folder: v, indented, as all descriptions in the
// folders of models and transforms are.
func WriteJSON(create func(name string) (io.WriteCloser, error), name string, v any) error {
	return WriteFile(create, name, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	})
}

// WriteFile writes a file of a folder. An error names it.
func WriteFile(create func(name string) (io.WriteCloser, error), name string, fill func(io.Writer) error) error {
	f, err := create(name)
	if err != nil {
		return err
	}
	if err := fill(f); err != nil {
		f.Close()
		return fmt.Errorf("%s: %w", name, err)
	}
	return f.Close()
}

// ReadFile reads a file of a folder, of so many bytes. An error names it.
func ReadFile(fsys fs.FS, name string, take func(r io.Reader, size int64) error) error {
	f, err := fsys.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := take(f, info.Size()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Load reads what Save wrote. An error names the file that does not fit.
func Load(fsys fs.FS) (*Network, error) {
	architecture, err := fs.ReadFile(fsys, NetworkFile)
	if err != nil {
		return nil, err
	}
	n, err := ParseNetwork(architecture)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", NetworkFile, err)
	}
	if err := ReadFile(fsys, WeightsFile, n.ReadWeights); err != nil {
		return nil, err
	}
	return n, nil
}
