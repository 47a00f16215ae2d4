package inference

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pipe/artifacts/table"
)

// What is asked and answered comes back as tables that a pipeline can read.
func TestRequestLog(t *testing.T) {
	dir := t.TempDir()
	b := newBench(t, func(o *Options) { o.Dir = dir })
	b.served("kept", `{"log":{"sample":1}}`, tabular{})
	b.served("hashed", `{"log":{"sample":1,"inputs":"hash"}}`, &fake{})
	b.served("bare", `{"log":{"sample":1,"inputs":"none"}}`, &fake{})
	b.served("silent", "", &fake{})
	b.do("POST", "/predict/kept", asJSON, `[{"age":3,"income":0.5,"member":true},{"age":4,"income":null,"member":false}]`)
	for _, name := range []string{"hashed", "bare", "silent"} {
		if status, _, body := b.do("POST", "/predict/"+name, asJSON, `{"text":"a good secret"}`); status != 200 {
			t.Fatal(status, body)
		}
	}
	b.do("POST", "/predict/kept", asJSON, `{"age":"wrong"}`)
	b.until("the requests have been counted", func() bool {
		e, _ := b.endpoint("kept")
		e.log.mu.Lock()
		defer e.log.mu.Unlock()
		return len(e.log.rows) == 2
	})
	b.writeLogs(time.Now(), true)
	read := func(name string) (columns []string, rows int64, text string) {
		files, err := filepath.Glob(filepath.Join(dir, "requests", name, "*.parquet"))
		if err != nil || len(files) != 1 {
			t.Fatalf("%s: %v %v", name, files, err)
		}
		r, err := table.OpenFile(files[0], table.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for _, f := range r.Schema().Fields() {
			columns = append(columns, f.Name)
		}
		var out strings.Builder
		for batch, err := range table.All(r) {
			if err != nil {
				t.Fatal(err)
			}
			rows += batch.NumRows()
			for _, c := range batch.Columns() {
				out.WriteString(c.String() + "\n")
			}
		}
		return columns, rows, out.String()
	}
	columns, rows, text := read("kept")
	if strings.Join(columns, " ") != "age income member prediction probability pipe_time pipe_version pipe_role pipe_milliseconds pipe_request pipe_model pipe_digest" || rows != 2 ||
		!strings.Contains(text, "[3 4]") || !strings.Contains(text, "[0.5 (null)]") || !strings.Contains(text, `["1003.5" "4"]`) {
		t.Errorf("%v, %d rows\n%s", columns, rows, text)
	}
	if columns, rows, text := read("hashed"); rows != 1 || columns[0] != "text" || strings.Contains(text, "secret") || !strings.Contains(text, `"yes"`) {
		t.Errorf("%v, %d rows\n%s", columns, rows, text)
	}
	if columns, rows, _ := read("bare"); rows != 1 || columns[0] != "prediction" {
		t.Errorf("%v, %d rows", columns, rows)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "requests", "silent", "*")); len(files) > 0 {
		t.Error("a deployment without a log has one:", files)
	}
}

// A request is found again by the id that its answer carried, while it waits in
// memory and in the file, and its rows name the version that answered.
func TestLogged(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Dir = t.TempDir() })
	b.served("kept", `{"log":{"sample":1}}`, tabular{})
	_, header, _ := b.do("POST", "/predict/kept", asJSON, `[{"age":3,"income":0.5,"member":true},{"age":4,"income":null,"member":false}]`)
	_, other, _ := b.do("POST", "/predict/kept", asJSON, `{"age":5,"income":1,"member":true}`)
	id := header.Get("Pipe-Request")
	if len(id) != 32 || other.Get("Pipe-Request") == id {
		t.Fatalf("the requests are called %q and %q", id, other.Get("Pipe-Request"))
	}
	look := func(where string, q LoggedQuery, predictions ...string) {
		t.Helper()
		rows, err := b.Logged("kept", q)
		if err != nil || len(rows) != len(predictions) {
			t.Fatalf("%s: %+v, %v, want %v", where, rows, err, predictions)
		}
		for i, row := range rows {
			if row.Prediction != predictions[i] || row.Model != header.Get("Pipe-Model") || row.Digest != header.Get("Pipe-Digest") || row.Version != 1 || len(row.Inputs) != 3 || row.Time.IsZero() {
				t.Errorf("%s: row %d is %+v, want %s", where, i, row, predictions[i])
			}
		}
	}
	for _, where := range []string{"memory", "file"} {
		look(where, LoggedQuery{Request: id}, "1003.5", "4")
		look(where, LoggedQuery{Limit: 2}, "1006", "4")
		look(where, LoggedQuery{Limit: 9, Version: 1}, "1006", "4", "1003.5")
		look(where, LoggedQuery{Limit: 9, Version: 2})
		look(where, LoggedQuery{Request: strings.Repeat("0", 32)})
		look(where, LoggedQuery{Request: "../../registry"})
		b.writeLogs(time.Now(), true)
	}
}
