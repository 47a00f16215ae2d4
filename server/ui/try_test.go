package ui

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"pipe/registry"
)

// TestTryFile asks a model of pictures with a file: the model gets its bytes, and
// the page repeats the picture, but nothing that only calls itself one.
func TestTryFile(t *testing.T) {
	x := newSite(t, plain)
	ctx := t.Context()
	_, _, err := x.w.Registry.RegisterVersion(ctx, registry.NewVersion{Model: "digits", Ref: x.put("model", "json", "{}"), Signature: mustJSON(map[string]any{"inputs": []any{map[string]any{"name": "content", "type": "binary", "doc": "a picture file"}}})})
	x.must(err)
	_, err = x.w.Registry.SetDeployment(ctx, registry.Deployment{Name: "pictures", Model: "digits", Target: "/1"}, registry.Audit{})
	x.must(err)
	_, body := x.get("/deployments/pictures")
	for _, want := range []string{`enctype="multipart/form-data"`, `type="file"`, `accept="image/*"`, "--data-binary @file"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s:\n%s", want, mainOf.FindString(body))
		}
	}
	png := "\x89PNG\r\n\x1a\n" + strings.Repeat("x", 20)
	ask := func(name, data string) (int, string) {
		t.Helper()
		var b bytes.Buffer
		form := multipart.NewWriter(&b)
		part, err := form.CreateFormFile("in.content", name)
		x.must(err)
		_, err = part.Write([]byte(data))
		x.must(err)
		x.must(form.Close())
		r := httptest.NewRequest("POST", "/deployments/pictures/try", &b)
		r.Header.Set("Content-Type", form.FormDataContentType())
		res := x.do(r)
		out, err := io.ReadAll(res.Body)
		x.must(err)
		node, err := html.Parse(bytes.NewReader(out))
		x.must(err)
		for n := range node.Descendants() {
			if n.Type == html.ElementNode && n.Data != "img" {
				harmless(t, name, n)
			}
		}
		return res.StatusCode, string(out)
	}
	if status, body := ask(evil("seven")+".png", png); status != 200 || !strings.Contains(body, `<img src="data:image/png;base64,iVBORw0KGgp4`) || !strings.Contains(body, "xxxx") {
		t.Errorf("a picture: %d\n%s", status, mainOf.FindString(body))
	}
	for name, data := range map[string]string{"x.png": "<svg onload=alert(1)>", "x.html": "<html><script>alert(1)</script>", "large.png": png + strings.Repeat("x", shownFile)} {
		if status, body := ask(name, data); status != 200 || strings.Contains(body, "data:") {
			t.Errorf("%s: %d, and it is shown", name, status)
		}
	}
	r := httptest.NewRequest("POST", "/deployments/pictures/try", strings.NewReader("in.content=x"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if res := x.do(r); res.StatusCode != 400 {
		t.Errorf("no file: %d", res.StatusCode)
	}
}
