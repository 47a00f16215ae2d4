package expr

import (
	"errors"
	"testing"
)

func scope(t *testing.T) *Scope {
	t.Helper()
	metrics := Object("metrics", Vars{"accuracy": Double, "loss": Double})
	s, err := NewScope(Vars{
		"text": String, "n": Int, "ok": Bool, "unit price": Double,
		"metrics":  metrics,
		"champion": Object("version", Vars{"metrics": metrics, "version": Int}),
		"params":   Map(Any),
		"row":      Record(Vars{"text": String, "unit price": Double}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEval(t *testing.T) {
	s := scope(t)
	acc := map[string]any{"accuracy": 0.8, "loss": 0.5}
	vars := map[string]any{"text": "héllo", "n": int64(3), "ok": true, "metrics": acc, "champion": nil, "params": map[string]any{"p": 2}}
	withChampion := map[string]any{"metrics": map[string]any{"accuracy": 0.9}, "version": 2}
	for _, c := range []struct {
		src      string
		champion any
		want     any
	}{
		{"size(text) >= 5", nil, true},
		{"n + 1", nil, int64(4)},
		{"metrics.accuracy > 0.5 && (champion == null || metrics.accuracy >= champion.metrics.accuracy)", nil, true},
		{"metrics.accuracy > 0.5 && (champion == null || metrics.accuracy >= champion.metrics.accuracy)", withChampion, false},
		{"metrics.accuracy < 1", nil, true},
		{"text.upperAscii() + '!'", nil, "HéLLO!"},
		{"[1, n]", nil, []any{int64(1), int64(3)}},
		{"params.p", nil, int64(2)},
	} {
		vars["champion"] = c.champion
		p, err := s.Compile(c.src)
		if err != nil {
			t.Errorf("%s: %v", c.src, err)
			continue
		}
		got, err := p.Eval(vars)
		if err != nil {
			t.Errorf("%s: %v", c.src, err)
			continue
		}
		if l, ok := c.want.([]any); ok {
			if g, ok := got.([]any); !ok || len(g) != len(l) || g[1] != l[1] {
				t.Errorf("%s = %v, want %v", c.src, got, c.want)
			}
		} else if got != c.want {
			t.Errorf("%s = %v (%T), want %v", c.src, got, got, c.want)
		}
	}
}

func TestCompileErrors(t *testing.T) {
	s := scope(t)
	for _, c := range []struct {
		src  string
		col  int
		want string
	}{
		{"size(txt) >= 5", 6, `nothing is named "txt" here (did you mean "text"?)`},
		{"metrics.acuracy > 0.5", 9, `there is no field "acuracy" (did you mean "accuracy"?)`},
		{"ok && size(row['txt']) > 2", 16, `row has no "txt" (did you mean "text"?)`},
		{"row.txt == 'x'", 1, `row has no "txt" (did you mean "text"?)`},
		{"row['unit price'] > 1 && row[text] == 1 && has(row.x) && n", 58, ""},
		{"n +", 4, ""},
		{"q > 1", 1, `nothing is named "q" here (known: champion, metrics, n, ok, params, row, text, unit price)`},
		{"frobnicate(n)", 1, `there is no function "frobnicate" (the functions of CEL are known: size, contains, startsWith, matches, split, int, double, string, timestamp, duration, math.abs, …)`},
		{"n > 1 && date('2020') > 1", 10, `there is no function "date" (write timestamp("2026-01-31T00:00:00Z"))`},
		{"text.startWith('a')", 6, `there is no function "startWith" (did you mean "startsWith"?)`},
		{"text > 3", 6, ""},
		{"", 1, "the expression is empty"},
		{"n", 1, "the expression gives int where bool is wanted"},
	} {
		_, err := s.Compile(c.src, Bool)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%q: no error", c.src)
			continue
		}
		if c.want != "" && e.Error() != c.want || e.Col != c.col {
			t.Errorf("%q: %q at %d, want %q at %d", c.src, e.Error(), e.Col, c.want, c.col)
		}
	}
}

// TestNulls: any value may be compared with null, and has() of a record tells
// whether a value is one.
func TestNulls(t *testing.T) {
	s := scope(t)
	for src, want := range map[string][2]bool{ // where text is null, and where it is not
		"text == null":                       {true, false},
		"null != text":                       {false, true},
		"n == null":                          {true, false},
		"row.text == null":                   {true, false},
		"row['text'] != null":                {false, true},
		"has(row.text)":                      {false, true},
		"!has(row.text) || size(text) > 100": {true, false},
		"text == null ? n == null : n > 2":   {true, true},
		"(text == null ? 'x' : text) == 'x'": {true, false},
		"[text].exists(x, x == null)":        {true, false},
	} {
		p, err := s.Compile(src, Bool)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		for i, v := range []map[string]any{
			{"text": nil, "n": nil, "row": map[string]any{"text": nil}},
			{"text": "a", "n": int64(3), "row": map[string]any{"text": "a"}},
		} {
			if got, err := p.Test(v); err != nil || got != want[i] {
				t.Errorf("%s of %v = %v (%v)", src, v, got, err)
			}
		}
	}
	var e *Error
	if _, err := s.Compile("ok && has(row.txt)"); !errors.As(err, &e) || e.Error() != `row has no "txt" (did you mean "text"?)` {
		t.Errorf("has of an unknown column: %v", err)
	}
	if _, err := s.Compile("ok == null && n + 'x' == null"); !errors.As(err, &e) || e.Col != 17 {
		t.Errorf("%v at %+v", err, e)
	}
}

func TestNames(t *testing.T) {
	p, err := scope(t).Compile("ok && size(text) > n || text == 'x'")
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Names) != 3 || p.Names[0] != "n" || p.Names[1] != "ok" || p.Names[2] != "text" {
		t.Errorf("names = %v", p.Names)
	}
}
