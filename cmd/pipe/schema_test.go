package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// compiled is the schema as a validator that we did not write reads it.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	src, err := languageSchema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(src))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("pipeline.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("pipeline.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t *testing.T, s *jsonschema.Schema, src string) error {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(src), &v); err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

// ownPipelines are the pipelines that pipe comes with, by path.
func ownPipelines(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pattern := range []string{"../../pipelines/*.yaml", "../../examples/*/*.yaml", "../../benchmarks/*/*.yaml", "template/*.yaml", "testdata/language/language.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(b), "\nstages:") {
				out[f] = string(b)
			}
		}
	}
	if len(out) < 4 {
		t.Fatalf("only %d pipelines were found", len(out))
	}
	return out
}

func TestSchemaTakesOurPipelines(t *testing.T) {
	s := compiled(t)
	for path, src := range ownPipelines(t) {
		if err := validate(t, s, src); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestSchemaRefusesMistakes(t *testing.T) {
	s := compiled(t)
	good := ownPipelines(t)["template/pipeline.yaml"]
	for _, c := range [][2]string{
		{"pipeline: tickets", "pipelin: tickets"}, {"uses: clean", "uses: claen"}, {"batch_size: 16", "batch_sise: 16"}, {"batch_size: 16", "batch_size: many"},
		{"batch_size: 16", "batch_size: 0"}, {"dim: 32", "dims: 32"}, {"global_avg_pool", "global_awg_pool"}, {"loss: categorical_crossentropy", "loss: crossentropy"},
		{"adam:", "adm:"}, {"in: { model: train, data:", "in: { model: train, dota:"}, {"target: team", "Target: team"}, {"seed: 1", "seed: one"},
		{"uses: evaluate", "uses: evaluate\n    retries: { tims: 2 }"}, {"uses: evaluate", "uses: evaluate\n    timeout: soon"},
	} {
		bad := strings.Replace(good, c[0], c[1], 1)
		if bad == good {
			t.Fatalf("%q does not stand in the template", c[0])
		}
		if validate(t, s, bad) == nil {
			t.Errorf("%q is accepted", c[1])
		}
	}
	for _, c := range [][2]string{{"batch_size: 16", `batch_size: "${params.epochs * 2}"`}, {"uses: evaluate", "uses: evaluate\n    retries: { times: 2, on: [timeout] }\n    timeout: 10m\n    when: inputs.data.rows > 3"}} {
		if err := validate(t, s, strings.Replace(good, c[0], c[1], 1)); err != nil {
			t.Errorf("%q: %v", c[1], err)
		}
	}
}
