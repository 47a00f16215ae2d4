package stages

import (
	"path/filepath"
	"strings"

	"pipe/artifacts"
)

// manifest is the JSON file that PIPE_MANIFEST names: everything that a program
// is given, and where its outputs go.
type manifest struct {
	Version int                       `json:"version"`
	Seed    uint64                    `json:"seed"`
	Params  map[string]any            `json:"params,omitempty"`
	Inputs  map[string][]manifestFile `json:"inputs"`
	Outputs map[string]manifestFile   `json:"outputs"`
	Metrics string                    `json:"metrics"` // where a JSON object of numbers may be written
}

const (
	manifestVersion  = 1
	manifestFileName = "manifest.json"
)

// manifestFile is a file or folder.
type manifestFile struct {
	Path   string `json:"path"`
	Type   string `json:"type"`
	Format string `json:"format"`
	Rows   int64  `json:"rows,omitempty"` // of a table
}

// placed describes an input where it lies for the program: a table may have
// another format there than in the store.
func placed(ref artifacts.Ref, path string) manifestFile {
	f := manifestFile{Path: path, Type: string(ref.Type), Format: ref.Format, Rows: ref.Rows}
	if ref.Type == artifacts.Table {
		f.Format = strings.TrimPrefix(filepath.Ext(path), ".")
	}
	return f
}
