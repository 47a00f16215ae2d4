package transform

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"pipe/stages/nn"
)

// Files is a folder that is being written; *artifacts.FolderDraft is one.
type Files interface {
	Create(name string) (io.WriteCloser, error)
}

// Subfolder is a folder inside a folder.
func Subfolder(w Files, name string) Files { return subfolder{w, name} }

type subfolder struct {
	files Files
	name  string
}

func (s subfolder) Create(name string) (io.WriteCloser, error) {
	return s.files.Create(path.Join(s.name, name))
}

// manifestName is the file that says what a folder's transform is; the other
// files are the kind's own.
const manifestName = "transform.json"

const manifestVersion = 1

type manifest[Config any] struct {
	Version int    `json:"version"`
	Kind    string `json:"kind"`
	Config  Config `json:"config"`
}

type loader struct {
	kind string
	load func(fsys fs.FS, config json.RawMessage) (Transform, error)
	is   func(Transform) bool
}

// loaders is the sealed list of the kinds of transforms.
func loaders() []loader {
	return []loader{
		{"text.vectorize", loadVectorizer, is[*Vectorizer]},
		{"text.tfidf", loadTFIDF, is[*TFIDF]},
		{"tabular", loadTabular, is[*Tabular]},
		{"text.embed", loadEmbedded, is[*Embedded]},
		{"image.pixels", loadPictures, is[*Pictures]},
		{"text.tokenize", loadSubwords, is[*Subwords]},
		{"speech.features", loadSound, is[*Sound]},
	}
}

func is[T Transform](t Transform) bool { _, ok := t.(T); return ok }

// Save writes a transform as files of a folder: transform.json, which is
// versioned, and whatever files its kind needs. Equal transforms give equal
// bytes.
func Save(w Files, t Transform) error {
	kind := kindOf(t)
	config, err := t.save(w)
	if err != nil {
		return fmt.Errorf("save transform %s: %w", kind, err)
	}
	if err := nn.WriteJSON(w.Create, manifestName, manifest[any]{manifestVersion, kind, config}); err != nil {
		return fmt.Errorf("save transform %s: %w", kind, err)
	}
	return nil
}

func kindOf(t Transform) string {
	for _, l := range loaders() {
		if l.is(t) {
			return l.kind
		}
	}
	panic(fmt.Sprintf("transform: %T is not in the list of kinds", t))
}

// Load reads a transform back. Of a transform inside a model's folder, pass
// fs.Sub of that folder.
func Load(fsys fs.FS) (Transform, error) {
	b, err := fs.ReadFile(fsys, manifestName)
	if err != nil {
		return nil, fmt.Errorf("load transform: %w", err)
	}
	var m manifest[json.RawMessage]
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("load transform: %s: %w", manifestName, err)
	}
	if m.Version != manifestVersion {
		return nil, fmt.Errorf("load transform: the version of %s is %d and this pipe reads %d", manifestName, m.Version, manifestVersion)
	}
	var known []string
	for _, l := range loaders() {
		if l.kind != m.Kind {
			known = append(known, l.kind)
			continue
		}
		t, err := l.load(fsys, m.Config)
		if err != nil {
			return nil, fmt.Errorf("load transform %s: %w", l.kind, err)
		}
		return t, nil
	}
	return nil, fmt.Errorf("load transform: its kind is %q and this pipe knows %s", m.Kind, strings.Join(known, ", "))
}
