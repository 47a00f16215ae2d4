package inference

import (
	"strings"
	"testing"

	"pipe/stages/model"
)

// A text that is cut already is a list of its sentences.
func TestSummarizersTakeLists(t *testing.T) {
	m, err := model.NewSummarizer(nil, model.SummarySettings{Column: "text", Method: model.Lead, Sentences: 2})
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, nil)
	b.served("sums", "", m)
	b.served("topics", "", &fake{})
	for _, c := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"sums", `{"text":["A b. C d","E f","G h"]}`, 200, `{"prediction":"A b. C d E f","sentences":[{"index":0,"text":"A b. C d","score":1},`},
		{"sums", `{"text":"It rains. We go. They stay."}`, 200, `{"prediction":"It rains. We go.",`},
		{"sums", `[{"text":["A"]},{"text":"B"}]`, 200, `{"predictions":[{"prediction":"A",`},
		{"sums", `{"text":[]}`, 200, `{"prediction":"","sentences":[]}`},
		{"sums", `{"text":" "}`, 200, `{"prediction":"","sentences":[]}`},
		{"sums", `{"text":["A", 7]}`, 400, `must be text or a list of texts, and item 2 is 7`},
		{"sums", `{"text":7}`, 400, `must be text or a list of texts, is the number`},
		{"topics", `{"text":["good"]}`, 400, `must be text, is a list of 1`},
	} {
		if status, _, body := b.do("POST", "/predict/"+c.path, asJSON, c.body); status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d %s", c.body, status, body)
		}
	}
	if _, _, body := b.do("GET", "/openapi.json", "", ""); !strings.Contains(body, "or a list of its sentences") {
		t.Error(body)
	}
}
