package pipe

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// mathsFormulas are the headings that docs/maths.md must have.
var mathsFormulas = []string{
	"Sigmoid", "ReLU", "Tanh", "Softmax", "Mean squared error", "Binary cross-entropy", "Categorical cross-entropy",
	"Stochastic gradient descent", "Adam", "LSTM", "Scaled dot-product attention", "Sinusoidal positional encoding",
}

// link finds [text](../file): the target is in this repository.
var link = regexp.MustCompile(`\[([^\]]*)\]\(\.\./([^)]+)\)`)

// TestMathsPage holds docs/maths.md against the code: each formula has a source, a
// function and a test, each file that is linked exists, and declares what the link
// names.
func TestMathsPage(t *testing.T) {
	page, err := os.ReadFile("docs/maths.md")
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]map[string]bool{}
	for _, m := range link.FindAllStringSubmatch(string(page), -1) {
		name, file := strings.Trim(m[1], "`"), path.Clean(m[2])
		if _, err := os.Stat(file); err != nil {
			t.Errorf("%s: %v", m[0], err)
			continue
		}
		if name == m[1] {
			if base := strings.TrimSuffix(path.Base(file), ".safetensors"); name != base {
				t.Errorf("%s calls %s %q", m[0], base, name)
			}
			continue
		}
		if declared[file] == nil {
			declared[file] = declarations(t, file)
		}
		if !declared[file][name] {
			t.Errorf("%s does not declare %s", file, name)
		}
	}
	sections := map[string]string{}
	for _, s := range strings.Split(string(page), "\n### ")[1:] {
		title, body, _ := strings.Cut(s, "\n")
		body, _, _ = strings.Cut(body, "\n## ")
		sections[title] = body
	}
	for _, formula := range mathsFormulas {
		body, ok := sections[formula]
		if !ok {
			t.Errorf("the page has no section %q", formula)
			continue
		}
		delete(sections, formula)
		if strings.Count(body, "$$") < 2 {
			t.Errorf("%s has no formula", formula)
		}
		if source := line(body, "- Source: "); !regexp.MustCompile(`\b(19|20)\d\d\b`).MatchString(source) {
			t.Errorf("%s names no paper with its year: %q", formula, source)
		}
		code, tests := link.FindAllStringSubmatch(line(body, "- Code: "), -1), link.FindAllStringSubmatch(line(body, "- Test: "), -1)
		if len(code) == 0 {
			t.Errorf("%s names no code", formula)
		}
		for _, m := range code {
			if !strings.HasPrefix(m[1], "`") || strings.HasSuffix(m[2], "_test.go") {
				t.Errorf("%s: %s is no function of the code", formula, m[0])
			}
		}
		isTest := func(m []string) bool {
			return strings.HasPrefix(m[1], "`Test") && strings.HasSuffix(m[2], "_test.go")
		}
		if len(tests) == 0 || !isTest(tests[0]) {
			t.Errorf("%s names no test", formula)
		}
	}
	for title := range sections {
		t.Errorf("the section %q is not in mathsFormulas", title)
	}
}

// line returns the rest of the line that begins with prefix.
func line(body, prefix string) string {
	for l := range strings.Lines(body) {
		if rest, ok := strings.CutPrefix(l, prefix); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// declarations lists the functions, the types and, as Type.Method, the methods of
// a file.
func declarations(t *testing.T, file string) map[string]bool {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Recv != nil {
				receiver := d.Recv.List[0].Type
				if star, ok := receiver.(*ast.StarExpr); ok {
					receiver = star.X
				}
				if id, ok := receiver.(*ast.Ident); ok {
					name = id.Name + "." + name
				}
			}
			names[name] = true
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if s, ok := s.(*ast.TypeSpec); ok {
					names[s.Name.Name] = true
				}
			}
		}
	}
	return names
}
