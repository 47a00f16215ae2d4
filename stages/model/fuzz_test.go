package model

import (
	"testing"
	"testing/fstest"
)

// Whatever stands in model.json, reading it ends in an error or in a manifest
// whose classes are values of the target's type.
func FuzzReadManifest(f *testing.F) {
	f.Add(saved(f, classifier(f))[manifestFile].Data)
	f.Add([]byte(`{"version": 1, "task": "regression", "target": {"name": "y", "type": "float64"}}`))
	f.Add([]byte(`{"version": 1, "task": "classification", "target": {"name": "y", "type": "int8"}, "classes": ["1", "2"]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ReadManifest(fstest.MapFS{manifestFile: &fstest.MapFile{Data: b}})
		if err != nil {
			return
		}
		for _, c := range m.Classes {
			if _, err := classValue(m.Target.Type, c); err != nil {
				t.Fatal(err)
			}
		}
	})
}
