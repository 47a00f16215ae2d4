package stages

import (
	"slices"
	"testing"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/stages/transform"
)

func TestTextTFIDF(t *testing.T) {
	s := dagtest.Store(t)
	in := dagtest.Table(t, s, docsSchema, `[{"text":"b a b"},{"text":"A, c"},{"text":""}]`)
	k := dagtest.New(t, &TextTFIDF{}, "{column: text, features: 6, word_ngrams: [1, 1]}")
	out := dagtest.Run(t, s, k, map[string]artifacts.Ref{"in": in})
	folder, err := s.OpenFolder(out["out"])
	if err != nil {
		t.Fatal(err)
	}
	v, err := transform.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	if sig := v.Signature(); !slices.Equal(sig.Shape, []int{6}) || sig.Tokens != 0 || sig.Inputs[0].Name != "text" {
		t.Errorf("signature %+v", sig)
	}
	// a is in two texts of three, b and c in one: a comes first and weighs less.
	var x transform.Input
	if err := v.ApplyRow(&x, map[string]any{"text": "C and a"}); err != nil {
		t.Fatal(err)
	}
	if !(x.Values[0] > 0 && x.Values[1] == 0 && x.Values[2] > x.Values[0] && x.Values[3] == 0) {
		t.Errorf("weights %v", x.Values)
	}
	if again := dagtest.Run(t, s, k, batched(t, s, in, 1)); again["out"] != out["out"] {
		t.Error("another transform when the rows come one by one")
	}
}

func TestTextTFIDFProblems(t *testing.T) {
	in := map[string]dag.Schema{"in": {Type: artifacts.Table, Table: docsSchema, Origin: "split.train"}}
	for _, c := range []struct{ with, want string }{
		{"{column: text, features: 50}", ""},
		{"{column: texd}", `column: split.train has no column "texd" (did you mean "text"?)`},
		{"{column: n}", `column: must be text; "n" is int64`},
		{"{column: text, word_ngrams: [2, 1]}", "word_ngrams: must be the shortest and the longest length, as [1, 2], of at least 1 and at most 20, is [2 1]"},
		{"{column: text, char_ngrams: [3]}", "char_ngrams: must be the shortest and the longest length, as [1, 2], of at least 1 and at most 20, is [3]"},
		{"{column: text, word_ngrams: []}", "word_ngrams: and char_ngrams are both empty, so nothing counts"},
	} {
		out, got := dagtest.Check(dagtest.New(t, &TextTFIDF{}, c.with), in)
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.with, got, c.want)
		}
		if sig := out["out"].Signature; c.want == "" && !slices.Equal(sig.Shape, []int{50}) {
			t.Errorf("signature %+v", sig)
		}
	}
}

func TestTextTFIDFFails(t *testing.T) {
	s := dagtest.Store(t)
	for _, c := range []struct{ with, rows, want string }{
		{"{column: text}", `[]`, "the table has no rows to learn n-grams from"},
		{"{column: text}", `[{"text":"a"},{"text":null}]`, `row 2, column "text": the text is null; drop such rows with clean's drop_null, or set "nulls: empty"`},
		{"{column: text, min_df: 2}", `[{"text":"a b"}]`, `there is no n-gram in column "text": all 1 texts are empty or hold only what separates words, or every n-gram is in fewer texts than min_df`},
	} {
		_, err := dagtest.TryRun(t, s, dagtest.New(t, &TextTFIDF{}, c.with), map[string]artifacts.Ref{"in": dagtest.Table(t, s, docsSchema, c.rows)})
		if err == nil || err.Error() != c.want {
			t.Errorf("%s:\n got %v\nwant %s", c.with, err, c.want)
		}
	}
}
