package text

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A struct's exported fields are the keys of a map in the file. Their tags:
//
//	yaml:"name"      the key ("-" leaves the field out; ",inline" lifts an embedded struct's keys)
//	doc:"…"          one sentence for the reference and for editors
//	default:"…"      the value where the key is absent, written as in YAML
//	required:"true"  the key must be there
//	min:"…" max:"…"  bounds of a number, or of the length of a list; "min" inclusive
//	above:"…" below:"…"  exclusive bounds of a number
//	enum:"a,b"       the words that are allowed
//	example:"…"      a value for the reference
//
// The same tags feed the decoder, the JSON Schema and the reference pages.

// NodeDecoder is a type that reads its own spelling, for values that are a
// scalar, a list or a map at choice.
type NodeDecoder interface{ DecodeNode(d *Decoder, n *Node) }

// Decoder fills Go values from nodes and collects what does not fit.
type Decoder struct{ Problems *Problems }

// Errorf records a problem at a node.
func (d *Decoder) Errorf(n *Node, code, format string, args ...any) {
	d.Problems.Add(&Problem{Code: code, Pos: n.Pos, Text: fmt.Sprintf(format, args...)})
}

// Decode fills *v from n. A nil node leaves the defaults.
func (d *Decoder) Decode(n *Node, v any) {
	d.value(n, reflect.ValueOf(v).Elem(), "")
}

// Known decodes a map into a struct under the name that messages use, such as
// `with of "split"`.
func (d *Decoder) Known(n *Node, v any, name string) {
	d.value(n, reflect.ValueOf(v).Elem(), name)
}

func (d *Decoder) value(n *Node, v reflect.Value, name string) {
	if v.Kind() == reflect.Pointer && v.Type().Elem().Kind() != reflect.Interface {
		if n == nil || n.Kind == Scalar && n.Value == nil {
			return
		}
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.value(n, v.Elem(), name)
		return
	}
	if v.CanAddr() {
		switch u := v.Addr().Interface().(type) {
		case NodeDecoder:
			if n != nil {
				u.DecodeNode(d, n)
			}
			return
		case encoding.TextUnmarshaler:
			d.textual(n, u, name)
			return
		}
	}
	if v.Kind() == reflect.Struct {
		d.structure(n, v, name)
		return
	}
	if n == nil {
		return
	}
	switch v.Kind() {
	case reflect.Slice:
		d.slice(n, v, name)
	case reflect.Map:
		d.mapping(n, v, name)
	case reflect.Interface:
		if x := n.Plain(); x != nil {
			v.Set(reflect.ValueOf(x))
		}
	default:
		d.scalar(n, v, name)
	}
}

func (d *Decoder) textual(n *Node, u encoding.TextUnmarshaler, name string) {
	if n == nil {
		return
	}
	if n.Kind != Scalar || n.Value == nil {
		d.Errorf(n, "type", "%sexpected a value, found %s", prefix(name), n.What())
		return
	}
	if err := u.UnmarshalText([]byte(n.Text())); err != nil {
		d.Errorf(n, "value", "%s%v", prefix(name), err)
	}
}

// Text is the scalar as text: what an expression gave, or what is written.
func (n *Node) Text() string {
	if s, ok := n.Value.(string); ok {
		return s
	}
	if n.Raw != "" && !strings.Contains(n.Raw, "${") {
		return n.Raw
	}
	return FormatScalar(n.Value)
}

// FormatScalar writes a scalar the way YAML does: a float with as many digits as
// tell it from its neighbours, and with an exponent below 0.0001 and from 1e21.
func FormatScalar(v any) string {
	switch x := v.(type) {
	case nil:
		return "null"
	case float64:
		if a := math.Abs(x); a == 0 || a >= 1e-4 && a < 1e21 { // whoever reads it may know no exponents
			return strconv.FormatFloat(x, 'f', -1, 64)
		}
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	return fmt.Sprint(v)
}

// Plain gives the node as plain Go values: nil, bool, int64, float64, string,
// []any and map[string]any.
func (n *Node) Plain() any {
	switch n.Kind {
	case Sequence:
		out := make([]any, len(n.Items))
		for i, it := range n.Items {
			out[i] = it.Plain()
		}
		return out
	case Mapping:
		out := make(map[string]any, len(n.Items))
		for i, k := range n.Keys {
			out[k.Raw] = n.Items[i].Plain()
		}
		return out
	}
	return n.Value
}

func prefix(name string) string {
	if name == "" {
		return ""
	}
	return name + ": "
}

func (d *Decoder) slice(n *Node, v reflect.Value, name string) {
	items := n.Items
	switch {
	case n.Kind == Mapping:
		d.Errorf(n, "type", "%sexpected a list, found a map", prefix(name))
		return
	case n.Kind == Scalar && n.Value == nil:
		return
	case n.Kind == Scalar:
		items = []*Node{n} // one value stands for a list of one
	}
	out := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, it := range items {
		d.value(it, out.Index(i), name)
	}
	v.Set(out)
}

func (d *Decoder) mapping(n *Node, v reflect.Value, name string) {
	if n.Kind == Scalar && n.Value == nil {
		return
	}
	if n.Kind != Mapping {
		d.Errorf(n, "type", "%sexpected a map, found %s", prefix(name), n.What())
		return
	}
	out := reflect.MakeMapWithSize(v.Type(), len(n.Keys))
	for i, k := range n.Keys {
		e := reflect.New(v.Type().Elem()).Elem()
		d.value(n.Items[i], e, join(name, k.Raw))
		out.SetMapIndex(reflect.ValueOf(k.Raw).Convert(v.Type().Key()), e)
	}
	v.Set(out)
}

func join(name, key string) string {
	if name == "" {
		return key
	}
	return name + "." + key
}

func (d *Decoder) structure(n *Node, v reflect.Value, name string) {
	if n != nil && n.Kind == Scalar && n.Value == nil {
		n = &Node{Kind: Mapping, Pos: n.Pos}
	}
	if n != nil && n.Kind != Mapping {
		d.Errorf(n, "type", "%sexpected a map, found %s", prefix(name), n.What())
		return
	}
	fields := Fields(v.Type())
	meant := map[string]bool{} // keys that are there, but misspelt
	if n != nil {
		for _, k := range n.Keys {
			if !slices.ContainsFunc(fields, func(f Field) bool { return f.Name == k.Raw }) {
				meant[d.unknownKey(k, name, fields)] = true
			}
		}
	}
	for i := range fields {
		if f := &fields[i]; !f.Required || !meant[f.Name] {
			d.field(n, v.FieldByIndex(f.Index), f, name)
		}
	}
}

// unknownKey reports a key and returns the known one that it looks like, or "".
func (d *Decoder) unknownKey(k *Node, name string, fields []Field) string {
	known := make([]string, len(fields))
	for i, f := range fields {
		known[i] = f.Name
	}
	where := ""
	if name != "" {
		where = " in " + name
	}
	hint := DidYouMean(k.Raw, known)
	if hint == "" {
		hint = "known keys: " + List(known)
	}
	d.Problems.Add(&Problem{Code: "unknown-key", Pos: k.Pos, Text: fmt.Sprintf("unknown key %q%s", k.Raw, where), Hint: hint})
	return Closest(k.Raw, known)
}

func (d *Decoder) field(n *Node, v reflect.Value, f *Field, name string) {
	full := join(name, f.Name)
	child := n.Get(f.Name)
	if child == nil || child.Kind == Scalar && child.Value == nil && f.Default != "" {
		if f.Required {
			at := n
			if at == nil {
				return
			}
			d.Problems.Add(&Problem{Code: "missing-key", Pos: at.Pos, Text: fmt.Sprintf("%s is missing", full), Hint: f.Doc})
			return
		}
		if f.Default != "" {
			child = f.defaultNode()
		}
		d.value(child, v, full)
		return
	}
	before := d.Problems.Len()
	d.value(child, v, full)
	if d.Problems.Len() == before {
		d.bounds(child, v, f, full)
	}
}

// defaultNode is the default as a node, which nobody may change: all values of
// the type share it.
func (f *Field) defaultNode() *Node {
	if n, ok := defaults.Load(f.Default); ok {
		return n.(*Node)
	}
	var ps Problems
	n := Parse(&File{Name: "default", Data: []byte(f.Default)}, &ps)
	if err := ps.Err(); err != nil {
		panic("text: a default tag is not YAML: " + err.Error())
	}
	defaults.Store(f.Default, n)
	return n
}

// A pipeline has thousands of stages of a few kinds, and reading tags is the
// slowest part of decoding one.
var (
	defaults sync.Map // from a default as written to its *Node
	fieldsOf sync.Map // from a reflect.Type to its []Field
)

// Field is one key of a configuration struct, read from its tags.
type Field struct {
	Name                   string
	Index                  []int
	Type                   reflect.Type
	Doc, Default, Example  string
	Required               bool
	Min, Max, Above, Below string
	Enum                   []string
}

// Fields lists the keys of a configuration struct in declaration order. The
// list is shared: it is not to be changed.
func Fields(t reflect.Type) []Field {
	if fields, ok := fieldsOf.Load(t); ok {
		return fields.([]Field)
	}
	fields := readFields(t)
	fieldsOf.Store(t, fields)
	return fields
}

func readFields(t reflect.Type) []Field {
	var out []Field
	for i := range t.NumField() {
		sf := t.Field(i)
		tag := sf.Tag.Get("yaml")
		inline := tag == ",inline" // an embedded struct may itself be unexported
		if !sf.IsExported() && !inline || tag == "-" {
			continue
		}
		if inline {
			for _, f := range Fields(sf.Type) {
				f.Index = append([]int{i}, f.Index...) // a new slice: the old one is shared
				out = append(out, f)
			}
			continue
		}
		if tag == "" {
			continue
		}
		f := Field{Name: tag, Index: []int{i}, Type: sf.Type, Doc: sf.Tag.Get("doc"), Default: sf.Tag.Get("default"), Example: sf.Tag.Get("example"),
			Required: sf.Tag.Get("required") == "true", Min: sf.Tag.Get("min"), Max: sf.Tag.Get("max"), Above: sf.Tag.Get("above"), Below: sf.Tag.Get("below")}
		if e := sf.Tag.Get("enum"); e != "" {
			f.Enum = strings.Split(e, ",")
		}
		out = append(out, f)
	}
	return out
}

func (d *Decoder) scalar(n *Node, v reflect.Value, name string) {
	if n.Kind != Scalar {
		d.Errorf(n, "type", "%sexpected %s, found %s", prefix(name), kindName(v.Kind()), n.What())
		return
	}
	ok := false
	switch v.Kind() {
	case reflect.String:
		// A number or a boolean where text is wanted is taken as written.
		if n.Value != nil {
			v.SetString(n.Text())
			ok = true
		}
	case reflect.Bool:
		var b bool
		if b, ok = n.Value.(bool); ok {
			v.SetBool(b)
		}
	case reflect.Int, reflect.Int64, reflect.Int32:
		var i int64
		if i, ok = wholeNumber(n.Value); ok && !v.OverflowInt(i) {
			v.SetInt(i)
		} else if ok {
			d.Errorf(n, "value", "%s%s is too large", prefix(name), n.Text())
			return
		}
	case reflect.Uint, reflect.Uint64, reflect.Uint32:
		var i int64
		i, ok = wholeNumber(n.Value)
		if ok = ok && i >= 0; ok {
			v.SetUint(uint64(i))
		}
	case reflect.Float64, reflect.Float32:
		switch x := n.Value.(type) {
		case int64:
			v.SetFloat(float64(x))
			ok = true
		case float64:
			if math.IsNaN(x) || math.IsInf(x, 0) {
				d.Errorf(n, "value", "%s%s is no finite number", prefix(name), n.Text())
				return
			}
			v.SetFloat(x)
			ok = true
		}
	default:
		panic(fmt.Sprintf("text: no way to decode into %s", v.Type()))
	}
	if !ok {
		found := n.What()
		if n.Value != nil {
			found += " " + strconv.Quote(shorten(n.Text()))
		}
		d.Errorf(n, "type", "%sexpected %s, found %s", prefix(name), kindName(v.Kind()), found)
	}
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

func wholeNumber(x any) (int64, bool) {
	switch x := x.(type) {
	case int64:
		return x, true
	case float64: // 1e5 is a whole number
		if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
			return int64(x), true
		}
	}
	return 0, false
}

func kindName(k reflect.Kind) string {
	switch k {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Uint, reflect.Uint32, reflect.Uint64:
		return "a whole number from 0"
	case reflect.Slice:
		return "a list"
	}
	return "a whole number"
}
