package stages

import (
	"context"
	"slices"
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/stages/transform"
)

func TestTextVectorize(t *testing.T) {
	s := dagtest.Store(t)
	in := map[string]artifacts.Ref{"in": dagtest.Table(t, s, docsSchema, `[{"text":"b a b"},{"text":"A, c! d e"},{"text":""}]`)}
	for _, c := range []struct {
		with    string
		shape   int
		tokens  int
		words   string
		text    string
		ids     []int32
		oovRate float64
	}{
		{"{column: text, maxlen: 3}", 3, 6, " b a c d e", "e b", []int32{0, 5, 1}, 0},
		{"{column: text}", 4, 6, " b a c d e", "e b", []int32{0, 0, 5, 1}, 0},
		{"{column: text, num_words: 3, padding: post}", 3, 3, " b a", "e b", []int32{1, 0, 0}, 3.0 / 7},
		{"{column: text, num_words: 4, maxlen: 3, oov_token: <OOV>}", 3, 4, " <OOV> b a", "e b", []int32{0, 1, 2}, 3.0 / 7},
	} {
		k := dagtest.New(t, &TextVectorize{}, c.with)
		out, metrics, err := dag.RunKind(context.Background(), s, k, map[string][]artifacts.Ref{"in": {in["in"]}}, 7, nil, t.TempDir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		folder, err := s.OpenFolder(out["out"])
		if err != nil {
			t.Fatal(err)
		}
		v, err := transform.Load(folder)
		if err != nil {
			t.Fatal(err)
		}
		if sig := v.Signature(); sig.Shape[0] != c.shape || sig.Tokens != c.tokens || sig.Inputs[0].Name != "text" {
			t.Errorf("%s: signature %+v", c.with, sig)
		}
		if got := strings.Join(v.(*transform.Vectorizer).Words(), " "); got != c.words {
			t.Errorf("%s: words %q, want %q", c.with, got, c.words)
		}
		var x transform.Input
		if err := v.ApplyRow(&x, map[string]any{"text": c.text}); err != nil || !slices.Equal(x.IDs, c.ids) {
			t.Errorf("%s: %v, want %v (%v)", c.with, x.IDs, c.ids, err)
		}
		i := slices.IndexFunc(metrics, func(m dag.Metric) bool { return m.Name == "oov_rate" })
		if i < 0 || float64(metrics[i].Value) != c.oovRate {
			t.Errorf("%s: metrics %v, want an oov_rate of %g", c.with, metrics, c.oovRate)
		}
		again := dagtest.Run(t, s, k, batched(t, s, in["in"], 1))
		if again["out"] != out["out"] {
			t.Errorf("%s: another transform when the rows come one by one", c.with)
		}
	}
}

func TestTextVectorizeProblems(t *testing.T) {
	in := map[string]dag.Schema{"in": {Type: artifacts.Table, Table: docsSchema, Origin: "split.train"}}
	for _, c := range []struct{ with, want string }{
		{"{column: text}", ""},
		{"{column: texd}", `column: split.train has no column "texd" (did you mean "text"?)`},
		{"{column: n}", `column: must be text; "n" is int64`},
		{"{column: text, num_words: 1}", "num_words: must be 0 (all words) or at least 2, so that there is an id beside padding, is 1"},
		{"{column: text, num_words: 2, oov_token: x}", "num_words: must be 0 (all words) or at least 3, so that there is an id beside padding, is 2"},
	} {
		out, got := dagtest.Check(dagtest.New(t, &TextVectorize{}, c.with), in)
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.with, got, c.want)
		}
		if sig := out["out"].Signature; c.want == "" && (sig.Shape[0] != -1 || sig.Tokens != 10000 || sig.Inputs[0] != (dag.Column{Name: "text", Type: "utf8"})) {
			t.Errorf("signature %+v", sig)
		}
	}
	for with, want := range map[string]string{
		"{}":                          "1:1: column is missing (the column of text)",
		"{column: text, maxlen: 0}":   "1:24: maxlen must be at least 1, is 0",
		"{column: text, padding: up}": `1:25: padding must be one of pre, post, is "up"`,
	} {
		if got := dagtest.Decode(&TextVectorize{}, with); got != want {
			t.Errorf("%s:\n got %s\nwant %s", with, got, want)
		}
	}
}

func TestTextVectorizeFails(t *testing.T) {
	s := dagtest.Store(t)
	gigantic := `[{"text":"` + strings.Repeat("a ", transform.MaxLength+1) + `"}]`
	for _, c := range []struct{ with, rows, want string }{
		{"{column: text}", `[]`, "the table has no rows to learn a vocabulary from"},
		{"{column: text}", `[{"text":"a"},{"text":null}]`, `row 2, column "text": the text is null; drop such rows with clean's drop_null, or set "nulls: empty"`},
		{"{column: text}", gigantic, "the longest text has 1048577 words and every row would be as long; set maxlen, to at most 1048576"},
		{"{column: text, min_count: 2}", `[{"text":"a b"}]`, `there is no word in column "text": all 1 texts are empty or hold only what separates words, or every word is rarer than min_count`},
	} {
		_, err := dagtest.TryRun(t, s, dagtest.New(t, &TextVectorize{}, c.with), map[string]artifacts.Ref{"in": dagtest.Table(t, s, docsSchema, c.rows)})
		if err == nil || err.Error() != c.want {
			t.Errorf("%s:\n got %v\nwant %s", c.with, err, c.want)
		}
	}
}
