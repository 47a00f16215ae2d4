// Package pipe holds nothing but this test of the house: which room may import
// which. A new arrow is a line here that a reviewer sees.
package pipe

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport is the law: a package, and what it may import of this module.
// A room that is not listed may import nothing.
var mayImport = map[string][]string{
	"artifacts/table":  {},
	"artifacts":        {},
	"artifacts/remote": {"artifacts"},
	"dag/text":         {},
	"dag/expr":         {"dag/text"},
	"dag/cron":         {},
	"dag":              {"artifacts", "artifacts/table", "dag/cron", "dag/text", "dag/expr"},
	"dag/layout":       {},
	"dag/draw":         {"dag", "dag/layout"},
	"notify":           {"dag", "dag/text"},
	"tracing":          {"dag"},
	"dag/dagtest":      {"artifacts", "artifacts/table", "dag", "dag/text"},
	"stages/nn/kernel": {},
	"stages/nn":        {"stages/nn/kernel"},
	"stages/nn/onnx":   {"stages/nn", "stages/nn/kernel"},

	"stages/nn/roofline":    {"stages/nn/kernel"},
	"examples/llama2c":      {"stages/nn"},
	"stages/nn/tensorboard": {"stages/nn"},
	"stages/godoc":          {},
	"stages/rows":           {"dag", "dag/expr"},
	"stages/look":           {},
	"stages/profile":        {"artifacts/table", "stages/look", "stages/rows"},
	"stages/drift":          {"stages/look"},
	"stages/score":          {"dag"},
	"stages/summary":        {},
	"stages/report":         {"dag", "stages/look", "stages/score"},
	"stages/image":          {},
	"stages/tokenizer":      {},
	"stages/sound":          {},
	"stages/ctc":            {},
	"stages/filetree":       {"artifacts/table"},
	"stages/transform":      {"dag", "stages/image", "stages/nn", "stages/rows", "stages/sound", "stages/tokenizer"},
	"stages/mlmodel":        {"stages/model", "stages/nn", "stages/nn/onnx"},
	"stages/model":          {"artifacts", "artifacts/table", "dag", "dag/text", "stages/ctc", "stages/nn", "stages/score", "stages/summary", "stages/sound", "stages/transform", "stages/nn/kernel"},
	"stages/policy":         {"dag"},
	"stages/monitor":        {"stages/drift", "stages/image", "stages/rows", "stages/sound", "stages/transform"},
	"stages": {"artifacts", "artifacts/table", "dag", "dag/text", "dag/expr", "notify", "stages/image", "stages/nn", "stages/nn/onnx", "stages/nn/tensorboard", "stages/database", "stages/drift", "stages/fetch", "stages/filetree", "stages/godoc", "stages/profile", "stages/rows", "stages/score", "stages/summary",
		"stages/monitor", "stages/policy", "stages/report", "stages/sound", "stages/tokenizer", "stages/transform", "stages/model"},

	"stages/database":              {"artifacts/table"},
	"stages/database/postgrestest": {},
	"stages/fetch":                 {},
	"stages/duckdb":                {"artifacts/table"},
	"stages/sql":                   {"artifacts", "artifacts/table", "dag", "stages/duckdb"},
	"stages/all":                   {"dag", "stages", "stages/sql"},

	"registry/filter":  {},
	"registry":         {"artifacts", "registry/filter"},
	"server/admit":     {},
	"server/takeover":  {"registry"},
	"server/auth":      {"registry", "server/admit"},
	"server/inference": {"artifacts", "artifacts/table", "dag", "dag/text", "registry", "server/auth", "stages/model", "stages/monitor", "stages/policy", "stages/sound", "stages/transform"},
	"server/mlflow":    {"artifacts", "notify", "registry", "registry/filter", "server/auth"},
	"server/ui":        {"artifacts", "artifacts/table", "dag", "dag/layout", "dag/text", "registry", "schedule", "server/auth", "server/inference", "stages/monitor", "stages/profile", "workspace"},
	"server":           {"registry", "server/admit", "server/auth", "server/mlflow"},
	"schedule":         {"artifacts", "artifacts/table", "dag", "dag/cron", "dag/text", "notify", "registry", "stages/drift", "stages/rows", "workspace"},
	"workspace":        {"artifacts", "artifacts/remote", "artifacts/table", "dag", "dag/text", "registry", "stages/all", "stages/mlmodel", "stages/model"},
	"cmd/pipe/view":    {"artifacts", "dag"},
	"cmd/pipe": {"artifacts", "artifacts/remote", "artifacts/table", "cmd/pipe/view", "dag", "dag/cron", "dag/draw", "dag/text", "notify", "registry", "schedule", "server", "server/auth", "server/inference", "server/mlflow", "server/takeover", "server/ui", "stages", "stages/all", "stages/model", "stages/monitor", "stages/nn",
		"stages/nn/onnx", "stages/nn/roofline", "stages/policy", "stages/score", "stages/sound", "tracing", "workspace"},
}

func TestImports(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != "." || d.Name() == "testdata" || d.Name() == "asm") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		room := filepath.ToSlash(filepath.Dir(path))
		if strings.HasPrefix(room, "benchmarks/") {
			return nil // a benchmark measures whatever it likes
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, imp := range f.Imports {
			p, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				return err
			}
			if to, ours := strings.CutPrefix(p, "pipe/"); ours && !slices.Contains(mayImport[room], to) {
				t.Errorf("%s: %s may not import %s", path, room, to)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
