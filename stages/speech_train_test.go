package stages

import (
	"reflect"
	"slices"
	"testing"
)

// Whatever can be written under augment of speech.train changes a spectrogram.
func TestEverySoundAugmentActs(t *testing.T) {
	shape := []int{8, 6}
	x := make([]float32, 48)
	for i := range x {
		x[i] = float32(i % 7)
	}
	fields := reflect.TypeFor[SoundAugment]()
	for i := range fields.NumField() {
		var a SoundAugment
		switch f := reflect.ValueOf(&a).Elem().Field(i); f.Kind() {
		case reflect.Int:
			f.SetInt(3)
		case reflect.Float64:
			f.SetFloat(0.5)
		default:
			t.Fatalf("%s is %s", fields.Field(i).Name, f.Kind())
		}
		change, changed := a.rows(), false
		for epoch := range 4 { // a draw may be of nothing
			y := slices.Clone(x)
			change.apply(y, shape, 1, epoch, 0, make([]float32, len(x)))
			changed = changed || !slices.Equal(x, y)
		}
		if !changed || len(change.idle(len(shape))) != 0 {
			t.Errorf("%s changes nothing", fields.Field(i).Name)
		}
	}
	if a := (&SoundAugment{}); a.rows() != nil {
		t.Error("nothing set is a change")
	}
}
