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

func TestNames(t *testing.T) {
	p, err := scope(t).Compile("ok && size(text) > n || text == 'x'")
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Names) != 3 || p.Names[0] != "n" || p.Names[1] != "ok" || p.Names[2] != "text" {
		t.Errorf("names = %v", p.Names)
	}
}
