package mlflow

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	rowOfPage   = regexp.MustCompile("(?m)^\\| [^|]+ \\| `([a-z-]+)/` ([^|]+) \\|$")
	remark      = regexp.MustCompile(`\([^)]*\)`)
	wholeRoute  = regexp.MustCompile(`"/mlflow/([a-z-]+)/([a-z-]+)"`)
	baseOfFile  = regexp.MustCompile(`const base = "/mlflow/([a-z-]+)/"`)
	routeOnBase = regexp.MustCompile(`base\+"([a-z-]+)"`)
)

// TestPage holds the rows of docs/mlflow.md that list a family's calls by name
// against the routes in the source, both ways.
func TestPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "mlflow.md"))
	if err != nil {
		t.Fatal(err)
	}
	served := routesInSource(t)
	rows := rowOfPage.FindAllStringSubmatch(string(page), -1)
	if len(rows) != 5 {
		t.Fatalf("%d rows of the page list a family's calls by name, want 5", len(rows))
	}
	for _, row := range rows {
		listed := strings.Split(remark.ReplaceAllString(row[2], ""), ",")
		for i := range listed {
			listed[i] = strings.TrimSpace(listed[i])
		}
		slices.Sort(listed)
		if got := slices.Sorted(maps.Keys(served[row[1]])); !slices.Equal(got, listed) {
			t.Errorf("%s: the page lists\n%v, the source serves\n%v", row[1], listed, got)
		}
	}
}

// routesInSource is the names of the calls of each family.
func routesInSource(t *testing.T) map[string]map[string]bool {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	served := map[string]map[string]bool{}
	add := func(family, call string) {
		if served[family] == nil {
			served[family] = map[string]bool{}
		}
		served[family][call] = true
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range wholeRoute.FindAllSubmatch(text, -1) {
			add(string(m[1]), string(m[2]))
		}
		if base := baseOfFile.FindSubmatch(text); base != nil {
			for _, m := range routeOnBase.FindAllSubmatch(text, -1) {
				add(string(base[1]), string(m[1]))
			}
		}
	}
	return served
}
