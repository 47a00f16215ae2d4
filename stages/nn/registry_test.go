package nn

import (
	"slices"
	"strings"
	"testing"
)

func TestRegistryRefusesDuplicatesAndLateComers(t *testing.T) {
	panics := func(name string, f func()) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Errorf("%s does not panic", name)
			}
		}()
		f()
	}
	r := newRegistry[Layer]("layer")
	r.register("flatten", func() Layer { return &Flatten{} })
	panics("a second use of a name", func() { r.register("flatten", func() Layer { return &Dropout{} }) })
	panics("a second name of a type", func() { r.register("flat", func() Layer { return &Flatten{} }) })
	r.kinds()
	panics("a registration after a look-up", func() { r.register("dropout", func() Layer { return &Dropout{} }) })
}

func TestKindsAreFoundByName(t *testing.T) {
	kinds := LayerKinds()
	if !slices.IsSorted(kinds) {
		t.Errorf("not sorted: %v", kinds)
	}
	for _, kind := range kinds {
		l, err := NewLayer(kind)
		if err != nil || LayerKind(l) != kind {
			t.Errorf("%s: %v, %v", kind, LayerKind(l), err)
		}
	}
	if _, err := NewLoss("hinge2"); err == nil || !strings.Contains(err.Error(), "binary_crossentropy, categorical_crossentropy") {
		t.Errorf("an unknown loss: %v", err)
	}
}
