package dag

import (
	"encoding"
	"reflect"
	"strconv"

	"pipe/dag/text"
)

// JSON is a JSON Schema, draft 2020-12, or a part of one.
type JSON = map[string]any

// Schemed is implemented by configuration types that read a spelling of their
// own and so have to say themselves what it is.
type Schemed interface{ JSONSchema(b *SchemaBuilder) JSON }

// SchemaBuilder makes JSON Schemas from configuration structs and their tags.
type SchemaBuilder struct {
	defs  JSON
	other map[reflect.Type]JSON
}

// Def gives a reference to a named schema, which is made on first use; it may
// refer to itself.
func (b *SchemaBuilder) Def(name string, create func() JSON) JSON {
	if _, there := b.defs[name]; !there {
		b.defs[name] = JSON{} // a reference inside finds the name
		b.defs[name] = create()
	}
	return JSON{"$ref": "#/$defs/" + name}
}

// Use sets the schema of a type that cannot know of schemas.
func (b *SchemaBuilder) Use(t reflect.Type, s JSON) { b.other[t] = s }

// expression is what may stand wherever a value may.
func (b *SchemaBuilder) expression() JSON {
	return b.Def("expression", func() JSON {
		return JSON{"type": "string", "pattern": `\$\{`, "description": "an expression over the params (CEL): ${params.name}"}
	})
}

// OrExpression allows an expression in place of a value.
func (b *SchemaBuilder) OrExpression(s JSON) JSON { return JSON{"anyOf": []any{s, b.expression()}} }

var (
	textType   = reflect.TypeFor[encoding.TextUnmarshaler]()
	schemaType = reflect.TypeFor[Schemed]()
	// written is what the decoder takes as text: a number stays as it is written.
	written = []any{"string", "number", "boolean"}
)

// Of gives the schema of a type, without ${…}.
func (b *SchemaBuilder) Of(t reflect.Type) JSON {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if s, ok := b.other[t]; ok {
		return s
	}
	switch p := reflect.PointerTo(t); {
	case p.Implements(schemaType):
		return reflect.New(t).Interface().(Schemed).JSONSchema(b)
	case p.Implements(textType):
		return JSON{"type": written}
	}
	switch t.Kind() {
	case reflect.String:
		return JSON{"type": written}
	case reflect.Bool:
		return JSON{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return JSON{"type": "number"}
	case reflect.Slice:
		return listOf(b.OrExpression(b.Of(t.Elem())))
	case reflect.Map:
		return JSON{"type": "object", "additionalProperties": b.OrExpression(b.Of(t.Elem()))}
	case reflect.Struct:
		return b.Struct(t)
	case reflect.Interface:
		return JSON{}
	}
	return JSON{"type": "integer"}
}

// listOf is a list, or one value that stands for a list of one.
func listOf(item JSON) JSON {
	return JSON{"anyOf": []any{JSON{"type": "array", "items": item}, item}}
}

// Struct gives the schema of a map with the keys of a struct and no others.
func (b *SchemaBuilder) Struct(t reflect.Type) JSON {
	properties, required := JSON{}, []any{}
	for _, f := range text.Fields(t) {
		properties[f.Name] = b.field(f)
		if f.Required {
			required = append(required, f.Name)
		}
	}
	s := JSON{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

func (b *SchemaBuilder) field(f text.Field) JSON {
	value := b.Of(f.Type)
	bound(value, f)
	s := b.OrExpression(value)
	if f.Doc != "" {
		s["description"] = f.Doc
	}
	if f.Default != "" {
		s["default"] = plain(f.Default)
	}
	if f.Example != "" {
		s["examples"] = []any{plain(f.Example)}
	}
	return s
}

// bound adds what the tags demand of a value: of a number, a word, or the items
// and the length of a list.
func bound(s JSON, f text.Field) {
	t := f.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	names := []string{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
	if t.Kind() == reflect.Slice {
		array, isList := s["anyOf"].([]any)
		if !isList {
			return // a spelling of its own
		}
		item := array[1].(JSON)
		if len(f.Enum) > 0 {
			item["anyOf"].([]any)[0].(JSON)["enum"] = words(f.Enum)
		}
		s, names = array[0].(JSON), []string{"minItems", "maxItems", "", ""}
	} else if _, one := s["type"]; len(f.Enum) > 0 && one {
		s["enum"] = words(f.Enum)
	}
	if s["type"] == "object" || s["type"] == nil {
		return
	}
	for i, v := range []string{f.Min, f.Max, f.Above, f.Below} {
		if x, err := strconv.ParseFloat(v, 64); err == nil && names[i] != "" {
			s[names[i]] = x
		}
	}
}

func words(enum []string) []any {
	out := make([]any, len(enum))
	for i, w := range enum {
		out[i] = w
	}
	return out
}

// plain reads a tag that is written as YAML.
func plain(tag string) any {
	var ps text.Problems
	n := text.Parse(&text.File{Name: "tag", Data: []byte(tag)}, &ps)
	if n == nil || ps.Len() > 0 {
		return tag
	}
	return n.Plain()
}
