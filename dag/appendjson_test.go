package dag

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"pipe/artifacts"
)

// fill sets a value to something that is not zero.
func fill(v reflect.Value, rng *rand.Rand) {
	words := []string{"a", "text", "in.0", `quote"`, "back\\slash", "<b>&", "zeile\n", "ü", "\u2028", "\x00", "\xff"}
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = time.Unix(rng.Int64N(1e9), rng.Int64N(1e9)).UTC()
		return
	case *Float:
		*x = Float(rng.NormFloat64())
		return
	case *Label:
		*x = Label{Name: words[rng.IntN(len(words))], Value: []any{"x", int64(3), 0.5, true}[rng.IntN(4)]}
		return
	case *json.RawMessage:
		*x = json.RawMessage(`{"run":["true",7]}`)
		return
	case *artifacts.Fingerprint:
		*x = artifacts.Fingerprint{Path: words[rng.IntN(len(words))], Digest: "d", Size: 3, Files: 1}
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(words[rng.IntN(len(words))])
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(rng.Int64N(1<<40) - 1<<30 | 1)
	case reflect.Uint64:
		v.SetUint(rng.Uint64())
	case reflect.Float64:
		v.SetFloat([]float64{rng.Float64(), 1e-7, 3e21, -2.5e-9, 12345.678, 1, math.MaxFloat64, math.SmallestNonzeroFloat64, 1e-6, 1e21}[rng.IntN(10)])
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), rng)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1+rng.IntN(3), 3))
		for i := range v.Len() {
			fill(v.Index(i), rng)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 1 + rng.IntN(3) {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(key, rng)
			fill(value, rng)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if rng.IntN(3) > 0 {
				fill(v.Field(i), rng)
			}
		}
	default:
		panic(fmt.Sprintf("a field of type %s is not filled", v.Type()))
	}
}

// A field that an event or a description gains and appendJSON does not write
// fails here.
func TestAppendedJSON(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	check := func(v any, got []byte, err error) {
		t.Helper()
		want, wantErr := json.Marshal(v)
		if string(got) != string(want) || (err == nil) != (wantErr == nil) {
			t.Fatalf("appended %s (%v)\nmarshals %s (%v)", got, err, want, wantErr)
		}
	}
	event := func(e Event) {
		t.Helper()
		got, err := e.appendJSON(nil)
		check(e, got, err)
	}
	description := func(d Description) {
		t.Helper()
		if d.Config == nil {
			d.Config = json.RawMessage("{}") // a key always has one
		}
		got, err := d.appendJSON(nil)
		check(d, got, err)
	}
	event(Event{})
	description(Description{})
	for range 500 {
		for i := range reflect.TypeFor[Event]().NumField() {
			var e Event
			fill(reflect.ValueOf(&e).Elem().Field(i), rng)
			event(e)
		}
		for i := range reflect.TypeFor[Description]().NumField() {
			var d Description
			fill(reflect.ValueOf(&d).Elem().Field(i), rng)
			description(d)
		}
		var e Event
		fill(reflect.ValueOf(&e).Elem(), rng)
		event(e)
		var d Description
		fill(reflect.ValueOf(&d).Elem(), rng)
		description(d)
	}
}

// The canonical configuration of scalars is that of encoding/json, too.
func TestCanonicalScalars(t *testing.T) {
	for _, v := range []any{"plain", "a<b>&c", "ü\n", "", true, false, 0, -7, int64(1) << 60, uint64(math.MaxUint64), uint8(3), 0.1, float32(0.1), 1e300, []string{"a", "\\"}, []any{1.5, nil, "x"}} {
		got, err := appendCanonical(nil, reflect.ValueOf(v))
		want, wantErr := json.Marshal(v)
		if string(got) != string(want) || err != nil || wantErr != nil {
			t.Errorf("%v: %s (%v), want %s (%v)", v, got, err, want, wantErr)
		}
	}
}
