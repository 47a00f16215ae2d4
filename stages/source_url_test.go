package stages

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/dag/text"
	"pipe/stages/fetch"
)

// The first run enters the digest and the columns into pipe.lock; the next ones
// ask nobody; a file that has changed is refused with both digests.
func TestSourceURL(t *testing.T) {
	t.Chdir(t.TempDir())
	body, asked := "id,who\n1,ann\n2,bo\n", atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if _, err := w.Write([]byte(body)); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	s := dagtest.Store(t)
	with := `{url: "` + server.URL + `/people.csv", rename: {who: name}}`
	first := dagtest.New(t, &SourceURL{}, with)
	out, problems := dagtest.Check(first, nil)
	if problems != "" || out["out"].Table != nil || first.SHA256 != "" {
		t.Fatalf("%s %v", problems, out)
	}
	got := dagtest.Run(t, s, first, nil)
	if rows := dagtest.Rows(t, s, got["out"]); rows != "{\"id\":1,\"name\":\"ann\"}\n{\"id\":2,\"name\":\"bo\"}\n" {
		t.Error(rows)
	}
	next := dagtest.New(t, &SourceURL{}, with)
	if out, problems = dagtest.Check(next, nil); problems != "" || out["out"].Table == nil || !out["out"].Table.HasField("name") || next.SHA256 == "" {
		t.Fatalf("%s %v", problems, out)
	}
	if again := dagtest.Run(t, s, next, nil); again["out"] != got["out"] || asked.Load() != 1 {
		t.Errorf("%d requests", asked.Load())
	}
	problem := dagtest.New(t, &SourceURL{}, `{url: "`+server.URL+`/people.csv", columns: [wo]}`)
	if _, problems = dagtest.Check(problem, nil); problems != `columns[0]: people.csv has no column "wo" (did you mean "who"?)` {
		t.Error(problems)
	}
	body = "id,who\n3,cy\n"
	_, err := dagtest.TryRun(t, dagtest.Store(t), next, nil)
	if err == nil || !strings.Contains(err.Error(), next.SHA256) || !strings.Contains(err.Error(), "/people.csv has changed: its sha256 is ") {
		t.Error(err)
	}
}

// TestSourceURLHidesSecrets: a secret in an address is not in the lock, under
// whatever name it stands, and what is there is found again.
func TestSourceURLHidesSecrets(t *testing.T) {
	t.Chdir(t.TempDir())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("who") != "s3cret/word" {
			http.Error(w, "who?", http.StatusForbidden)
			return
		}
		_, _ = w.Write([]byte("id\n1\n"))
	}))
	defer server.Close()
	s := dagtest.Store(t)
	load := func() *dag.Pipeline {
		p, err := dag.Load(context.Background(), &text.File{Name: "p.yaml", Data: []byte("pipeline: p\nstages:\n  rows: { uses: source.url, with: { url: \"" + server.URL + "/${secret.DIR}/rows.csv?who=${secret.WHO}\" } }\n")}, dag.LoadOptions{Kinds: Kinds()})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	secrets := dag.Secrets{Values: map[string]string{"WHO": "s3cret/word", "DIR": "hidden-folder"}, Salt: []byte("salt")}
	if _, err := dag.Run(context.Background(), load(), dag.RunOptions{ID: "r", Store: s, Jobs: 1, Secrets: secrets}); err != nil {
		t.Fatal(err)
	}
	lock, err := os.ReadFile("pipe.lock")
	if err != nil || strings.Contains(string(lock), "s3cret") || strings.Contains(string(lock), "hidden-folder") || !strings.Contains(string(lock), "${secret.DIR}") {
		t.Errorf("%s %v", lock, err)
	}
	if table := load().Order[0].Schemas["out"].Table; table == nil || !table.HasField("id") {
		t.Error("the columns are not found in the lock")
	}
}

func TestFetch(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, b := range map[string]string{"plain.txt": "hello", "other.csv": "a\n1\n"} {
		if err := os.WriteFile(name, []byte(b), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	s := dagtest.Store(t)
	out := dagtest.Run(t, s, dagtest.New(t, &Fetch{}, "url: file://"+dir+"/plain.txt"), nil)
	if b, err := s.ReadAll(out["out"]); err != nil || string(b) != "hello" || out["out"].Format != "txt" {
		t.Errorf("%v %s %v", err, b, out)
	}
	for with, want := range map[string]string{
		"url: file://" + dir + "/gone.txt":                    "there is no such object",
		"{url: 'file://" + dir + "/plain.txt', unpack: true}": "it is no archive that can be unpacked",
		"{url: 'file://" + dir + "/plain.txt#member.csv'}":    "it is no archive that can be unpacked",
	} {
		if _, err := dagtest.TryRun(t, s, dagtest.New(t, &Fetch{}, with), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", with, err)
		}
	}
	problemsOf(t, fetchKind.New, nil, map[string]string{
		"url: data.csv": `url: "data.csv" begins with none of the schemes http, https, s3, gs, azblob, file, hf and pkg`,
		"{url: 'https://example.org/x', sha256: abc}":        `sha256: must be 64 digits as sha256sum prints them, is "abc"`,
		"{url: 'https://example.org/x.zip#a', unpack: true}": "unpack: the address names one file of the archive; leave out either",
	})
	if _, ok := out[filePort]; ok {
		t.Errorf("outputs: %v", out)
	}
	if e, err := fetch.ReadLock(fetch.LockName); err != nil || len(e) != 1 {
		t.Errorf("%v %v", err, e)
	}
}
