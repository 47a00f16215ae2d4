package nn

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// variant is a layer as one of its configurations.
type variant struct {
	name  string
	layer func() Layer
}

// variants returns each registered layer with its defaults, and with each choice
// of each field that changes what it computes. Required fields get their example.
func variants(t *testing.T) []variant {
	t.Helper()
	var all []variant
	for _, kind := range LayerKinds() {
		make := func() Layer {
			l, err := NewLayer(kind)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range taggedFields(l) {
				switch {
				case f.tag.Get("required") == "true":
					f.setText(t, smallExample(f))
				case f.tag.Get("example") != "": // the default is too large to check
					f.setText(t, f.tag.Get("example"))
				}
			}
			return l
		}
		all = append(all, variant{kind, make})
		for i, f := range taggedFields(make()) {
			for _, choice := range choices(f) {
				all = append(all, variant{fmt.Sprintf("%s/%s=%s", kind, f.name, choice), func() Layer {
					l := make()
					taggedFields(l)[i].setText(t, choice)
					return l
				}})
			}
		}
	}
	return all
}

type taggedField struct {
	configField
	tag reflect.StructTag
}

func taggedFields(l any) []taggedField {
	var fields []taggedField
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		for i := range v.NumField() {
			switch f := v.Type().Field(i); f.Tag.Get("yaml") {
			case "", "-":
			case ",inline":
				walk(v.Field(i))
			default:
				fields = append(fields, taggedField{configField{f.Tag.Get("yaml"), v.Field(i)}, f.Tag})
			}
		}
	}
	walk(reflect.ValueOf(l).Elem())
	return fields
}

// smallExample keeps the checked layers small: every number is checked by
// computing the layer twice.
func smallExample(f taggedField) string {
	if f.value.CanInt() {
		return "4"
	}
	if example := f.tag.Get("example"); f.value.Type() == reflect.TypeFor[[]int]() && example[0] != '[' {
		return "[2]"
	}
	return f.tag.Get("example")
}

func (f taggedField) setText(t *testing.T, text string) {
	t.Helper()
	data, err := json.Marshal(text)
	if f.value.Kind() != reflect.String {
		data = bareWord.ReplaceAllFunc([]byte(text), func(word []byte) []byte {
			if json.Valid(word) {
				return word // true, false, null
			}
			return []byte(strconv.Quote(string(word)))
		})
	}
	if f.value.Kind() == reflect.Slice {
		f.value.SetZero() // else the array of the default would be written into
	}
	if err == nil {
		err = json.Unmarshal(data, f.value.Addr().Interface())
	}
	if err != nil {
		t.Fatalf("%s: %v", f.name, err)
	}
}

// bareWord finds what YAML's flow style spells without quotes and JSON does not.
var bareWord = regexp.MustCompile(`\b[a-z_][a-z_0-9]*\b`)

func choices(f taggedField) []string {
	switch {
	case strings.HasSuffix(f.name, "_initializer"):
		return nil
	case f.value.Kind() == reflect.Bool:
		return []string{fmt.Sprint(!f.value.Bool())}
	case f.tag.Get("enum") != "":
		return strings.Split(f.tag.Get("enum"), ",")
	}
	return nil
}

// trialInputs are tried on every layer; it must take at least one of them.
var trialInputs = []Input{
	{Tokens: true, Shape: []int{5}},
	{Shape: []int{6}},
	{Shape: []int{5, 8}},
	{Shape: []int{6, 5, 4}},
}

// TestGradientsOfEveryLayer compares the gradients of every registered layer,
// with respect to its input and all its parameters, with finite differences of a
// random linear function of its output.
func TestGradientsOfEveryLayer(t *testing.T) {
	for _, v := range variants(t) {
		switch v.layer().(type) {
		case *ResNet18, *ResNet20, *ResNet34, *ResNet50, *SqueezeNet:
			// Made of layers that are checked. In a whole one there is no step that
			// crosses no kink of some relu and is above the rounding of float32.
			continue
		}
		taken := 0
		for _, in := range trialInputs {
			c := Context{Classes: 3, Vocab: 7}
			if _, err := Check(in, c, []Layer{v.layer()}); err != nil {
				continue
			}
			taken++
			for _, masked := range []bool{false, true} {
				if masked && (len(in.Shape) != 2 || in.Tokens) {
					continue
				}
				t.Run(fmt.Sprintf("%s/%v/masked=%v", v.name, Shape(in.Shape), masked), func(t *testing.T) {
					checkGradients(t, v.layer(), in, c, masked)
				})
			}
		}
		if taken == 0 {
			t.Errorf("%s takes none of the trial inputs", v.name)
		}
	}
}

func checkGradients(t *testing.T, l Layer, in Input, c Context, masked bool) {
	n, err := NewNetwork(in, c, []Layer{l}, 5)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 7))
	for _, q := range n.Params() {
		for i := range q.Data {
			q.Data[i] += float32(0.3 * rng.NormFloat64()) // biases of zero hide mistakes
		}
		if q.Trainable {
			q.Grad = make([]float32, len(q.Data))
		}
	}
	const batch = 3
	values := make([]float32, batch*in.size())
	for i := range values {
		values[i] = float32(rng.NormFloat64())
	}
	p := NewTrainingPass()
	var direction []float32
	forward := func() (x, y *Tensor) {
		p.Reset()
		p.Seed(1, 0, 0)
		if in.Tokens {
			x = p.Tokens(in.batch(batch)...)
			for i := range x.IDs {
				x.IDs[i] = int32((i * 3) % c.Vocab)
			}
		} else {
			x = p.Tensor(in.batch(batch)...)
			copy(x.Data, values)
		}
		if masked {
			x.Mask = make([]bool, batch*in.Shape[0])
			for i := range x.Mask {
				x.Mask[i] = i%3 != 0 && i >= in.Shape[0] // the first example has nothing but padding
			}
		}
		return x, l.Forward(p, x)
	}
	value := func() float64 {
		_, y := forward()
		var sum float64
		for i, v := range y.Data {
			sum += float64(v) * float64(direction[i])
		}
		return sum
	}
	x, y := forward()
	if got, _ := l.OutShape(in.batch(batch), c); !got.Equal(y.Shape) {
		t.Fatalf("OutShape says %v, the output is %v", got, y.Shape)
	}
	direction = make([]float32, len(y.Data))
	for i := range direction {
		direction[i] = float32(rng.NormFloat64())
	}
	loss := scalar(p, 0)
	*record[lossNode](p, loss) = lossNode{y, loss, slices.Clone(direction)}
	p.Backward(loss)
	dx := append([]float32(nil), x.Grad()...)
	var grads [][]float32
	for _, q := range n.Params() {
		grads = append(grads, append([]float32(nil), q.Grad...))
	}
	if !in.Tokens {
		compareGradient(t, "input", values, dx, 60, value)
	}
	samples := max(2, 600/max(1, len(grads)))
	for i, q := range n.Params() {
		if q.Trainable {
			compareGradient(t, q.Name, q.Data, grads[i], samples, value)
		}
	}
}

// compareGradient allows for what float32 leaves of a central difference: the
// rounding of the value over the step, and the third derivative. Where a smaller
// step gives another slope there is a kink (of relu, of a maximum) nearby, and no
// derivative to compare with.
func compareGradient(t *testing.T, what string, at, grad []float32, samples int, value func() float64) {
	t.Helper()
	if len(grad) == 0 {
		grad = make([]float32, len(at)) // nothing depends on it
	}
	const h, tolerance = 1.0 / 256, 5e-3
	compared := 0
	for i := 0; i < len(at); i += 1 + len(at)/samples {
		slope := func(h float32) float64 {
			old := at[i]
			at[i] = old + h
			above := value()
			at[i] = old - h
			below := value()
			at[i] = old
			return (above - below) / (2 * float64(h))
		}
		want := slope(h)
		scale := tolerance * max(1, math.Abs(want))
		if math.Abs(want-slope(h/4)) > scale/2 {
			continue
		}
		compared++
		if off := math.Abs(want - float64(grad[i])); !(off <= scale) {
			t.Errorf("gradient of %s[%d] is %v, finite differences give %v", what, i, grad[i], want)
			return
		}
	}
	if compared == 0 {
		t.Errorf("gradient of %s: no number could be compared", what)
	}
}

// TestDefaultsAreWhatTheTagsSay compares the value that a new layer, loss or
// optimiser has in each field with the default that its tag tells people.
func TestDefaultsAreWhatTheTagsSay(t *testing.T) {
	check := func(kind string, v any, err error) {
		if err != nil {
			t.Fatal(err)
		}
		fields := taggedFields(v)
		for _, f := range fields {
			if f.tag.Get("doc") == "" {
				t.Errorf("%s.%s has no doc tag", kind, f.name)
			}
			want, has := f.tag.Lookup("default")
			if !has {
				if f.tag.Get("required") != "true" {
					t.Errorf("%s.%s is neither required nor has a default", kind, f.name)
				}
				continue
			}
			given := reflect.New(f.value.Type()).Elem()
			given.Set(f.value)
			f.setText(t, want)
			if !reflect.DeepEqual(given.Interface(), f.value.Interface()) {
				t.Errorf("%s.%s begins as %v, its tag says %v", kind, f.name, given, want)
			}
		}
	}
	for _, kind := range LayerKinds() {
		l, err := NewLayer(kind)
		check(kind, l, err)
	}
	for _, kind := range LossKinds() {
		l, err := NewLoss(kind)
		check(kind, l, err)
	}
	for _, kind := range OptimizerKinds() {
		o, err := NewOptimizer(kind)
		check(kind, o, err)
	}
	for _, kind := range ScheduleKinds() {
		s, err := NewSchedule(kind)
		check(kind, s, err)
	}
}
