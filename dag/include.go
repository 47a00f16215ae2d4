package dag

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"pipe/dag/text"
)

// fragmentForm is the top of a file that others include.
type fragmentForm struct {
	Description string  `yaml:"description" doc:"what it is for"`
	Include     rawNode `yaml:"include" doc:"further files"`
	Params      rawNode `yaml:"params" doc:"params of the pipeline that includes the file"`
	Defaults    rawNode `yaml:"defaults" doc:"defaults of the pipeline that includes the file"`
	Stages      rawNode `yaml:"stages" doc:"stages of the pipeline that includes the file"`
}

// readFile reads a file that a pipeline names, once for each name.
func (l *loader) readFile(path string) (*text.File, error) {
	path = filepath.Clean(path)
	if f := l.files[path]; f != nil {
		return f, nil
	}
	read := l.read
	if read == nil {
		read = os.ReadFile
	}
	data, err := read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no file %s", path)
	case err != nil:
		return nil, err
	}
	f := &text.File{Name: path, Data: data}
	l.files[path] = f
	l.reads = append(l.reads, f)
	return f, nil
}

// include carries out `include:` in a tree: what the files hold is put into it,
// as if it stood there. The file's own params and defaults win; a stage stands
// in one place only.
func (l *loader) include(root *text.Node, within []string) {
	n := root.Get("include")
	if absent(n) {
		return
	}
	items := []*text.Node{n}
	if n.Kind == text.Sequence {
		items = n.Items
	}
	for _, it := range items {
		if it.Kind != text.Scalar || it.Value == nil {
			l.errorf(it, "type", "include: expected the name of a file, found %s", it.What())
			continue
		}
		path := filepath.Join(filepath.Dir(within[len(within)-1]), it.Text())
		fragment := l.parsePart(it, "include", path, within)
		if fragment == nil {
			continue
		}
		var form fragmentForm
		l.decoder().Known(fragment, &form, "a file that is included")
		l.include(fragment, append(slices.Clone(within), path))
		for _, section := range []string{"params", "defaults", "stages"} {
			l.join(root, section, fragment.Get(section))
		}
	}
}

// parsePart reads a file that another one names; within are the files that it
// is read for, the outermost first. Nil means that a problem was reported.
func (l *loader) parsePart(at *text.Node, what, path string, within []string) *text.Node {
	if slices.Contains(within, filepath.Clean(path)) {
		l.errorf(at, "cycle", "%s: %s would contain itself", what, path)
		return nil
	}
	f, err := l.readFile(path)
	if err != nil {
		l.errorf(at, "missing-file", "%s: %v", what, err)
		return nil
	}
	root := text.Parse(f, &l.problems)
	if root == nil {
		return nil
	}
	if root.Kind != text.Mapping {
		l.errorf(root, "type", "a pipeline file is a map, found %s", root.What())
		return nil
	}
	root.DropKeys("x-")
	return root
}

// join puts the keys of a section into the tree that includes them.
func (l *loader) join(root *text.Node, section string, from *text.Node) {
	if absent(from) || from.Kind != text.Mapping {
		if !absent(from) {
			l.errorf(from, "type", "%s: expected a map, found %s", section, from.What())
		}
		return
	}
	to := root.Get(section)
	if absent(to) {
		to = &text.Node{Kind: text.Mapping, Pos: root.Pos}
		root.Set(&text.Node{Pos: root.Pos, Raw: section, Value: section}, to)
	}
	if to.Kind != text.Mapping {
		return // reported where it is read
	}
	for i, k := range from.Keys {
		if to.Get(k.Raw) == nil {
			to.Set(k, from.Items[i])
		} else if section == "stages" {
			l.errorf(to.Key(k.Raw), "yaml-duplicate-key", "stage %q stands in %s, too, which is included", k.Raw, k.Pos)
		}
	}
}
