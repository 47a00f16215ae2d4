package dag

import (
	"reflect"
	"strings"

	"pipe/dag/text"
)

// LanguageSchema is the JSON Schema (draft 2020-12) of pipeline files, made
// from the structs that the loader and the kinds decode into. It is for editors:
// names, types, bounds and words; what depends on data and on other stages is
// the checker's.
func LanguageSchema(kinds *Kinds) JSON {
	b := &SchemaBuilder{defs: JSON{}, other: map[reflect.Type]JSON{}}
	b.alerts(kinds)
	s := b.Struct(reflect.TypeFor[fileForm]())
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "A pipeline of pipe"
	s["$defs"] = b.defs
	properties := s["properties"].(JSON)
	b.set(properties, "seed", JSON{"type": "integer", "minimum": 0})
	s["patternProperties"] = JSON{"^x-": JSON{"description": "a place of the writer's own, for anchors"}}
	param := b.Struct(reflect.TypeFor[paramForm]())
	b.set(properties, "params", JSON{"type": "object", "propertyNames": JSON{"pattern": identifier().String()},
		"additionalProperties": JSON{"anyOf": []any{param, JSON{"type": written}}}})
	b.set(properties, "schedule", listOf(b.Of(reflect.TypeFor[Schedule]())))
	b.set(properties, "stages", b.stages(kinds))
	hook := b.Def("stage", func() JSON { return b.stage(kinds) })
	for _, key := range []string{"on_success", "on_failure", "on_waiting", "finally"} {
		b.set(properties, key, listOf(hook))
	}
	b.set(properties, "include", listOf(JSON{"type": "string"}))
	b.set(properties, "defaults", b.Struct(reflect.TypeFor[defaultsForm]()))
	input := JSON{"anyOf": []any{JSON{"enum": words(strings.Split("table,transform,model,metrics,report,file", ","))}, b.Struct(reflect.TypeFor[inputForm]())}}
	b.set(properties, "inputs", JSON{"type": "object", "propertyNames": JSON{"pattern": identifier().String()}, "additionalProperties": input})
	b.set(properties, "outputs", JSON{"type": "object", "propertyNames": JSON{"pattern": identifier().String()}, "additionalProperties": JSON{"type": "string"}})
	return s
}

// stages is the schema of a map of stages: each is one of a kind, one that uses
// a pipeline, or a group.
func (b *SchemaBuilder) stages(kinds *Kinds) JSON {
	return JSON{"type": "object", "minProperties": 1, "propertyNames": JSON{"pattern": stageName().String()},
		"additionalProperties": JSON{"if": JSON{"type": "object", "required": []any{"stages"}}, "then": b.Def("group", func() JSON { return b.group(kinds) }),
			"else": JSON{"if": JSON{"properties": JSON{"uses": JSON{"pattern": `\.ya?ml$`}}, "required": []any{"uses"}}, "then": b.Def("part", b.part),
				"else": b.Def("stage", func() JSON { return b.stage(kinds) })}}}
}

func (b *SchemaBuilder) group(kinds *Kinds) JSON {
	s := b.Struct(reflect.TypeFor[groupForm]())
	properties := s["properties"].(JSON)
	b.setVariants(properties)
	b.set(properties, "stages", b.stages(kinds))
	return s
}

func (b *SchemaBuilder) part() JSON {
	s := b.Struct(reflect.TypeFor[partForm]())
	properties := s["properties"].(JSON)
	b.setVariants(properties)
	b.set(properties, "in", b.connections())
	b.set(properties, "with", JSON{"type": []any{"object", "null"}, "additionalProperties": JSON{"type": written}})
	return s
}

// setVariants is what makes variants of a stage.
func (b *SchemaBuilder) setVariants(properties JSON) {
	value := JSON{"type": written}
	maps := listOf(JSON{"type": "object", "additionalProperties": value})
	b.set(properties, "matrix", JSON{"type": "object", "minProperties": 1, "properties": JSON{"include": maps, "exclude": maps}, "additionalProperties": b.OrExpression(listOf(value))})
	item := JSON{"type": []any{"string", "number", "boolean", "object"}}
	b.set(properties, "foreach", JSON{"anyOf": []any{JSON{"type": "array", "items": item, "minItems": 1}, b.Struct(reflect.TypeFor[tableForm]())}})
}

// connections is what may stand under in.
func (b *SchemaBuilder) connections() JSON {
	source := JSON{"type": "string", "pattern": `^[A-Za-z_$]`}
	return JSON{"anyOf": []any{listOf(source), JSON{"type": "object", "additionalProperties": listOf(source)}}}
}

// set gives a key that is decoded later its schema.
func (b *SchemaBuilder) set(properties JSON, key string, s JSON) {
	properties[key].(JSON)["anyOf"] = []any{s, b.expression()}
}

// stage is the schema of a stage: what `with` and `in` are depends on `uses`.
func (b *SchemaBuilder) stage(kinds *Kinds) JSON {
	s := b.Struct(reflect.TypeFor[stageForm]())
	properties := s["properties"].(JSON)
	var names, cases []any
	for _, name := range kinds.Names() {
		info, _ := kinds.Get(name)
		names = append(names, JSON{"const": name, "description": FirstSentence(info.Doc)})
		cases = append(cases, JSON{"if": JSON{"properties": JSON{"uses": JSON{"const": name}}, "required": []any{"uses"}}, "then": b.kind(info)})
	}
	b.setVariants(properties)
	b.set(properties, "in", b.connections())
	b.set(properties, "with", JSON{"type": []any{"object", "null"}})
	b.set(properties, "when", JSON{"type": []any{"string", "boolean"}})
	b.set(properties, "uses", JSON{"oneOf": names})
	s["allOf"] = cases
	return s
}

// kind is what a kind demands of its stage.
func (b *SchemaBuilder) kind(info Info) JSON {
	kind := info.New()
	(&text.Decoder{Problems: &text.Problems{}}).Decode(nil, kind)
	with := b.Def("with."+info.Name, func() JSON { return b.Struct(reflect.TypeOf(kind).Elem()) })
	properties := JSON{"with": JSON{"anyOf": []any{with, b.expression()}, "description": info.Reference()}}
	then := JSON{"properties": properties}
	if demands := b.defs["with."+info.Name].(JSON)["required"]; demands != nil {
		then["required"] = []any{"with"}
	} else {
		properties["with"].(JSON)["anyOf"] = []any{with, b.expression(), JSON{"type": "null"}}
	}
	in, _ := kind.Ports()
	ports, more := JSON{}, false
	for _, p := range in {
		if p.Name == Wildcard {
			more = true
			continue
		}
		ports[p.Name] = JSON{"description": p.Doc}
	}
	if !more {
		properties["in"] = JSON{"if": JSON{"type": "object"}, "then": JSON{"properties": ports, "additionalProperties": false}}
	}
	return then
}

// JSONSchema implements Schemed.
func (Concurrency) JSONSchema(b *SchemaBuilder) JSON {
	return JSON{"anyOf": []any{JSON{"type": "string"}, b.Struct(reflect.TypeFor[Concurrency]())}}
}

// JSONSchema implements Schemed.
func (Retries) JSONSchema(b *SchemaBuilder) JSON {
	return JSON{"anyOf": []any{JSON{"type": "integer", "minimum": 0, "maximum": 100}, b.Struct(reflect.TypeFor[Retries]())}}
}

// JSONSchema implements Schemed.
func (Duration) JSONSchema(*SchemaBuilder) JSON {
	return JSON{"type": "string", "pattern": `^([0-9.]+(ns|us|µs|ms|s|m|h))+$`}
}

// JSONSchema implements Schemed.
func (rawNode) JSONSchema(*SchemaBuilder) JSON { return JSON{} }
