package ui

import (
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// evil ends an attribute, an element, a comment and a script, and then begins
// one.
func evil(s string) string {
	return s + `'"></script></textarea></title></svg>--><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}<a href="javascript:alert(1)">`
}

// TestHostileNames gives everything that people and programs name a name that is
// an attack, and reads all pages as a browser does: nothing of it becomes an
// element, and nothing is there that the content-security-policy forbids.
func TestHostileNames(t *testing.T) {
	x := newSite(t, evil)
	paths := x.paths(evil)
	paths["filter"] = "/runs?q=" + url.QueryEscape(evil("x")) + "&sort=" + url.QueryEscape(evil("y")) + "&col=" + url.QueryEscape("metrics."+evil("z")) + "&group="
	paths["find"] = "/runs/" + x.runs[0] + "/metrics?find=" + url.QueryEscape(evil("train"))
	paths["axes"] = paths["compare"] + "&x=" + url.QueryEscape(evil("x")) + "&all=1"
	paths["diff"] = paths["compare-two"] + "&part=diff"
	paths["columns"] = "/runs/columns?find=" + url.QueryEscape("alert(1)")
	paths["run-find"] = "/runs/" + x.runs[0] + "?find=" + url.QueryEscape(evil("x"))
	paths["compare-find"] = paths["compare"] + "&find=" + url.QueryEscape(evil("x"))
	paths["search"] = "/models?q=" + url.QueryEscape(evil("x"))
	for name, path := range paths {
		res := x.do(httptest.NewRequest("GET", path, nil))
		if csp := res.Header.Get("Content-Security-Policy"); csp != policy {
			t.Errorf("%s: the policy is %q", name, csp)
		}
		node, err := html.Parse(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		text := 0
		for n := range node.Descendants() {
			if n.Type == html.TextNode && strings.Contains(n.Data, "alert(1)") {
				text++
			}
			if n.Type == html.ElementNode {
				harmless(t, name, n)
			}
		}
		if text == 0 && !slices.Contains([]string{"missing", "nowhere", "runs-wrong", "runs-none", "search", "filter", "deployments", "schedules", "schedule", "prediction-none"}, name) {
			t.Errorf("%s (%d): the hostile text is nowhere: the test looks at nothing", name, res.StatusCode)
		}
	}
}

func harmless(t *testing.T, page string, n *html.Node) {
	t.Helper()
	attr := map[string]string{}
	for _, a := range n.Attr {
		attr[a.Key] = a.Val
		if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "srcdoc" {
			t.Errorf("%s: <%s %s=%q>", page, n.Data, a.Key, a.Val)
		}
	}
	switch n.Data {
	case "script":
		if !strings.HasPrefix(attr["src"], "/static/") || n.FirstChild != nil {
			t.Errorf("%s: a script that is not ours: %v", page, attr)
		}
	case "style", "base", "object", "embed", "meta":
		if n.Data != "meta" || attr["http-equiv"] != "" {
			t.Errorf("%s: <%s>", page, n.Data)
		}
	case "iframe":
		if v, ok := attr["sandbox"]; !ok || v != "" {
			t.Errorf("%s: an iframe without a sandbox", page)
		}
	}
	for _, key := range []string{"href", "src", "action", "formaction"} {
		if v, ok := attr[key]; ok && v != "" && v[0] != '/' && v[0] != '?' && v[0] != '#' || strings.HasPrefix(v, "//") {
			t.Errorf("%s: <%s %s=%q> leads elsewhere", page, n.Data, key, v)
		}
	}
}

// TestRawIsSandboxed: what a run has made is sent so that it can do nothing.
func TestRawIsSandboxed(t *testing.T) {
	x := newSite(t, plain)
	stages, err := x.w.Registry.Stages(t.Context(), x.runs[0])
	if err != nil {
		t.Fatal(err)
	}
	report := "/artifacts/" + string(stages[1].Outputs["report"].Digest) + "/raw"
	for _, path := range []string{report, "/artifacts/" + string(x.table.Digest) + "/raw", "/runs/" + x.runs[2] + "/raw/notes.txt"} {
		res := x.do(httptest.NewRequest("GET", path, nil))
		if res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("Content-Security-Policy"), "sandbox;") || res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", path, res.StatusCode, res.Header)
		}
		if strings.Contains(res.Header.Get("Content-Security-Policy"), "allow-scripts") {
			t.Errorf("%s may run scripts", path)
		}
	}
	for _, path := range []string{"/runs/" + x.runs[2] + "/raw/..%2f..%2f..%2fregistry.db", "/runs/" + x.runs[2] + "/files/%2e%2e/x", "/runs/" + x.runs[0] + "/raw/notes.txt"} {
		if status, _ := x.get(path); status == 200 {
			t.Errorf("%s is answered", path)
		}
	}
}
