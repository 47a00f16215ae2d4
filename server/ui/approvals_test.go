package ui

import (
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"pipe/registry"
	"pipe/workspace"
)

// asks is a site with a run that waits for a person; name is what people wrote.
func asks(t *testing.T, name func(string) string) (x *site, run string) {
	t.Helper()
	x = newSite(t, name)
	dir := filepath.Dir(x.w.Dir)
	x.must(os.WriteFile(filepath.Join(dir, "rows.csv"), []byte("a\n1\n"), 0o666))
	ask := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "$", "$$").Replace(name("Release it?\nLook at the rows."))
	file := filepath.Join(dir, "release.yaml")
	x.must(os.WriteFile(file, []byte("pipeline: release\nstages:\n  rows: { uses: source.csv, with: { path: "+filepath.Join(dir, "rows.csv")+" } }\n"+
		"  publish: { uses: exec, in: { rows: rows }, with: { run: \"true\" }, approval: \""+ask+"\" }\n"), 0o666))
	p, err := workspace.Load(t.Context(), file, nil)
	x.must(err)
	run, _, err = x.w.Run(t.Context(), p, workspace.RunOptions{Name: name("release")})
	x.must(err)
	return x, run
}

// TestApprovals: a stage that waits is counted on every page and shown with what
// it would read; a decision needs a reason, is recorded once, and goes on with the
// run.
func TestApprovals(t *testing.T) {
	x, run := asks(t, plain)
	for path, want := range map[string]string{"/approvals": "rows.out", "/models": `1<span class="vh"> waiting</span>`, "/runs/" + run: "publish waits for an approval", "/runs": `<span class="mark waiting">waiting</span>`} {
		if status, body := x.get(path); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d, without %q:\n%s", path, status, want, mainOf.FindString(body))
		}
	}
	decide := func(want int, stage, do, why string) {
		t.Helper()
		if res := x.post("/runs/"+run+"/decide", url.Values{"stage": {stage}, "do": {do}, "why": {why}}); res.StatusCode != want {
			t.Errorf("%s %s %q: %d, want %d", do, stage, why, res.StatusCode, want)
		}
	}
	decide(400, "publish", "approve", " ")
	decide(409, "rows", "approve", "fine")
	decide(400, "publish", "wonder", "fine")
	decide(409, "publish", "continue", "")
	if len(x.launched) != 0 {
		t.Fatalf("a refused decision began %v", x.launched)
	}
	decide(303, "publish", "reject", "too few\r\nrows")
	decide(409, "publish", "approve", "changed my mind")
	decide(303, "publish", "continue", "")
	want := []string{"reject", "--", run, "publish"}
	if len(x.launched) != 2 || !slices.Equal(x.launched[0], want) || !slices.Equal(x.launched[1], want) {
		t.Errorf("the decision began %v, want twice %v", x.launched, want)
	}
	if _, body := x.get("/approvals"); !strings.Contains(body, "Nothing waits for a person") || strings.Contains(body, `class="badge"`) {
		t.Errorf("a decided stage still waits:\n%s", mainOf.FindString(body))
	}
	if _, body := x.get("/runs/" + run); !strings.Contains(body, "too few\nrows") || !strings.Contains(body, "was rejected by") {
		t.Errorf("the page does not tell the decision:\n%s", mainOf.FindString(body))
	}
	x.must(x.w.Registry.SetTags(t.Context(), run, []registry.Pair{{Key: workspace.ContinuedTag, Value: x.runs[1]}}))
	decide(409, "publish", "continue", "")
}

// TestHostileApproval reads the pages of a run that waits as a browser does.
func TestHostileApproval(t *testing.T) {
	x, run := asks(t, evil)
	look := func(path string) {
		t.Helper()
		res := x.do(httptest.NewRequest("GET", path, nil))
		node, err := html.Parse(res.Body)
		x.must(err)
		text := 0
		for n := range node.Descendants() {
			if n.Type == html.TextNode && strings.Contains(n.Data, "alert(1)") {
				text++
			}
			if n.Type == html.ElementNode {
				harmless(t, path, n)
			}
		}
		if text == 0 {
			t.Errorf("%s (%d): the hostile text is nowhere: the test looks at nothing", path, res.StatusCode)
		}
	}
	look("/approvals")
	look("/runs/" + run)
	if res := x.post("/runs/"+run+"/decide", url.Values{"stage": {"publish"}, "do": {"approve"}, "why": {evil("fine")}}); res.StatusCode != 303 {
		t.Fatalf("approve: %d", res.StatusCode)
	}
	look("/runs/" + run)
}
