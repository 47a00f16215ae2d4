package ui

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"pipe/dag"
)

// looseParams reads the params of a text that cannot be checked as it is, mostly
// because a param has no value yet: the form that asks for it needs its name.
func looseParams(text string) []paramField {
	var doc struct {
		Params yaml.Node `yaml:"params"`
	}
	if yaml.Unmarshal([]byte(text), &doc) != nil || doc.Params.Kind != yaml.MappingNode {
		return nil
	}
	var out []paramField
	for i := 0; i+1 < len(doc.Params.Content); i += 2 {
		f := paramField{Param: dag.Param{Name: doc.Params.Content[i].Value}}
		value := doc.Params.Content[i+1]
		if value.Kind == yaml.ScalarNode {
			f.Given = value.Value
		} else {
			var form struct {
				Doc     string   `yaml:"description"`
				Default any      `yaml:"default"`
				Enum    []string `yaml:"enum"`
			}
			if value.Decode(&form) != nil {
				continue
			}
			f.Doc, f.Enum, f.Required = form.Doc, form.Enum, form.Default == nil
			if form.Default != nil {
				f.Given = fmt.Sprint(form.Default)
			}
		}
		out = append(out, f)
	}
	return out
}
