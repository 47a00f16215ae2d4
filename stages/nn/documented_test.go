package nn

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// TestEveryKindIsDocumented: a reader who knows the other libraries must find in a
// kind's doc comment what it is there, and of a layer the shapes and the operator
// that it becomes in an ONNX file.
func TestEveryKindIsDocumented(t *testing.T) {
	docs := typeDocs(t)
	says := func(kind string, v any, what map[string]string) {
		t.Helper()
		name := reflect.TypeOf(v).Elem().Name()
		for label, pattern := range what {
			if !regexp.MustCompile(pattern).MatchString(docs[name]) {
				t.Errorf("%s (type %s): its doc comment does not tell its %s:\n%s", kind, name, label, docs[name])
			}
		}
	}
	for _, kind := range LayerKinds() {
		l, err := NewLayer(kind)
		if err != nil {
			t.Fatal(err)
		}
		says(kind, l, map[string]string{
			"shapes":                  `\(batch|\bbecomes\b|[Ss]hape|dimension|each element|each window|Recurrent for the shapes`,
			"equivalent of PyTorch":   `PyTorch|torchvision`,
			"equivalent of ONNX":      `ONNX`,
			"source, or what it does": `[12][09]\d\d|\bKeras: |\bPyTorch: `,
		})
	}
	for kind, v := range documentedBeside() {
		says(kind, v, map[string]string{"source or equivalent": `[12][09]\d\d|Keras|PyTorch`})
	}
}

// documentedBeside makes one of each loss and optimizer.
func documentedBeside() map[string]any {
	all := map[string]any{}
	for _, kind := range LossKinds() {
		all[kind], _ = NewLoss(kind)
	}
	for _, kind := range OptimizerKinds() {
		all[kind], _ = NewOptimizer(kind)
	}
	return all
}

// typeDocs reads the doc comments of this package's types.
func typeDocs(t *testing.T) map[string]string {
	t.Helper()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string]string{}
	for _, e := range files {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, s := range g.Specs {
				docs[s.(*ast.TypeSpec).Name.Name] = g.Doc.Text()
			}
		}
	}
	return docs
}
