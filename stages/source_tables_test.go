package stages

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/dag/dagtest"
)

func putFiles(t *testing.T, files map[string]string) {
	t.Helper()
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSourceTables(t *testing.T) {
	outside := t.TempDir()
	t.Chdir(t.TempDir())
	putFiles(t, map[string]string{"logs/a.csv": "id,who\n1,ann\n", "logs/b.csv": "who,id\nbo,2\n", "logs/deep/c.jsonl": `{"id":3,"who":"cy"}` + "\n", "logs/notes.txt": "no table",
		"odd/a.csv": "id,who\n1,ann\n", "odd/b.csv": "id,who\nx,bo\n", "few/a.csv": "id,who\n1,ann\n", "few/b.csv": "id\n1\n", filepath.Join(outside, "secret.csv"): "id,who\n9,x\n"})
	s := dagtest.Store(t)
	for with, want := range map[string]string{
		"{files: ['logs/*.csv'], file_column: file}":           `{"file":"logs/a.csv","id":1,"who":"ann"}` + "\n" + `{"file":"logs/b.csv","id":2,"who":"bo"}` + "\n",
		"{files: [logs], columns: [who], rename: {who: name}}": `{"name":"ann"}` + "\n" + `{"name":"bo"}` + "\n" + `{"name":"cy"}` + "\n",
	} {
		k := dagtest.New(t, &SourceTables{}, with)
		out, problems := dagtest.Check(k, nil)
		if problems != "" {
			t.Fatalf("%s: %s", with, problems)
		}
		got := dagtest.Run(t, s, k, nil)
		if rows := dagtest.Rows(t, s, got["out"]); rows != want || len(out["out"].Table.Fields()) == 0 {
			t.Errorf("%s: %s", with, rows)
		}
	}
	if err := os.Symlink(filepath.Join(outside, "secret.csv"), "logs/z.csv"); err != nil {
		t.Fatal(err)
	}
	problemsOf(t, sourceTablesKind.New, nil, map[string]string{
		"files: ['none/*.csv']":                    `files: no file matches "none/*.csv"`,
		"files: ['[']":                             `files: "[" is no pattern: syntax error in pattern`,
		"files: ['logs/*.csv']":                    `files: logs/z.csv is a link that leads out of the working folder; name the file itself`,
		"{files: ['odd/*.csv'], file_column: who}": `file_column: two columns would be named "who"`,
		"{files: ['odd/*.csv'], columns: [whoo]}":  `columns[0]: odd/a.csv has no column "whoo" (did you mean "who"?)`,
	})
	for with, want := range map[string]string{
		"files: ['odd/*.csv']": `odd/b.csv:2: row 1, column "id": "x" is no int64`,
		"files: ['few/*.csv']": `few/b.csv`,
	} {
		if _, err := dagtest.TryRun(t, s, dagtest.New(t, &SourceTables{}, with), map[string]artifacts.Ref{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", with, err)
		}
	}
}
