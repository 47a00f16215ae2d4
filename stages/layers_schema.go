package stages

import (
	"reflect"

	"pipe/dag"
	"pipe/stages/nn"
)

// named is the schema of a word, or of a map of one word to its settings, as
// decodeNamed reads it.
func named[T any](b *dag.SchemaBuilder, def string, kinds []string, create func(string) (T, error)) dag.JSON {
	return b.Def(def, func() dag.JSON {
		words, settings := make([]any, len(kinds)), dag.JSON{}
		for i, kind := range kinds {
			v, err := create(kind)
			if err != nil {
				panic(err) // the registry does not know what it lists
			}
			words[i] = kind
			settings[kind] = dag.JSON{"anyOf": []any{b.Struct(reflect.TypeOf(v).Elem()), dag.JSON{"type": "null"}}}
		}
		return b.OrExpression(dag.JSON{"anyOf": []any{
			dag.JSON{"enum": words},
			dag.JSON{"type": "object", "properties": settings, "additionalProperties": false, "minProperties": 1, "maxProperties": 1},
		}})
	})
}

// JSONSchema implements dag.Schemed. Layers may hold stacks of layers.
func (Layers) JSONSchema(b *dag.SchemaBuilder) dag.JSON {
	list := dag.JSON{"type": "array", "items": dag.JSON{"$ref": "#/$defs/layer"}}
	b.Use(reflect.TypeFor[nn.Stack](), list)
	b.Use(reflect.TypeFor[nn.Units](), dag.JSON{"anyOf": []any{dag.JSON{"type": "integer", "minimum": 1}, dag.JSON{"const": "classes"}}})
	one := named(b, "layer", nn.LayerKinds(), nn.NewLayer)
	return dag.JSON{"anyOf": []any{list, one}}
}

// JSONSchema implements dag.Schemed.
func (Loss) JSONSchema(b *dag.SchemaBuilder) dag.JSON {
	return named(b, "loss", nn.LossKinds(), nn.NewLoss)
}

// JSONSchema implements dag.Schemed.
func (Optimizer) JSONSchema(b *dag.SchemaBuilder) dag.JSON {
	return named(b, "optimizer", nn.OptimizerKinds(), nn.NewOptimizer)
}

// JSONSchema implements dag.Schemed.
func (Schedule) JSONSchema(b *dag.SchemaBuilder) dag.JSON {
	return named(b, "schedule", nn.ScheduleKinds(), nn.NewSchedule)
}

// JSONSchema implements dag.Schemed.
func (Derivations) JSONSchema(b *dag.SchemaBuilder) dag.JSON {
	return dag.JSON{"type": "object", "additionalProperties": scalarSchema()}
}

// JSONSchema implements dag.Schemed.
func (ClassWeight) JSONSchema(b *dag.SchemaBuilder) dag.JSON {
	weight := b.OrExpression(dag.JSON{"type": "number", "minimum": 0})
	return dag.JSON{"anyOf": []any{dag.JSON{"const": "balanced"}, dag.JSON{"type": "object", "additionalProperties": weight}}}
}

// JSONSchema implements dag.Schemed.
func (Command) JSONSchema(b *dag.SchemaBuilder) dag.JSON {
	return dag.JSON{"anyOf": []any{dag.JSON{"type": "string"}, dag.JSON{"type": "array", "items": scalarSchema(), "minItems": 1}}}
}

// JSONSchema implements dag.Schemed.
func (ProgramOutputs) JSONSchema(b *dag.SchemaBuilder) dag.JSON {
	return dag.JSON{"type": "object", "propertyNames": dag.JSON{"pattern": outputName().String()}, "additionalProperties": b.OrExpression(OutputDoc{}.JSONSchema(b))}
}

// JSONSchema implements dag.Schemed.
func (OutputDoc) JSONSchema(b *dag.SchemaBuilder) dag.JSON {
	whole := b.Struct(reflect.TypeFor[OutputDoc]())
	types := whole["properties"].(dag.JSON)["type"].(dag.JSON)["anyOf"].([]any)[0]
	return dag.JSON{"anyOf": []any{types, whole}}
}

// JSONSchema implements dag.Schemed.
func (Keys) JSONSchema(b *dag.SchemaBuilder) dag.JSON {
	name := scalarSchema()
	return dag.JSON{"anyOf": []any{name, dag.JSON{"type": "array", "items": name}, dag.JSON{"type": "object", "additionalProperties": name}}}
}

func scalarSchema() dag.JSON { return dag.JSON{"type": []any{"string", "number", "boolean"}} }
