package filter

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

var grammar = &Grammar{
	Attributes: map[string]Attr{"status": {Name: "status"}, "start_time": {Name: "start_time", Numeric: true}, "created": {Name: "start_time", Numeric: true}},
	Kinds:      []Kind{Metric, Param, Tag, Dataset},
	Datasets:   []string{"name"},
}

// show writes a tree with every grouping visible.
func show(x Expr) string {
	join := func(list []Expr, by string) string {
		var parts []string
		for _, e := range list {
			parts = append(parts, show(e))
		}
		return "(" + strings.Join(parts, by) + ")"
	}
	switch x := x.(type) {
	case And:
		return join(x, " and ")
	case Or:
		return join(x, " or ")
	case Not:
		return "not " + show(x.X)
	}
	c := x.(*Compare)
	switch {
	case c.Op == IsNull || c.Op == IsNotNull:
		return fmt.Sprintf("%s %s", c.Field, c.Op)
	case c.List != nil:
		return fmt.Sprintf("%s %s %q", c.Field, c.Op, c.List)
	case c.Numeric:
		return fmt.Sprintf("%s %s %g", c.Field, c.Op, c.Number)
	}
	return fmt.Sprintf("%s %s %q", c.Field, c.Op, c.Text)
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "()",
		"  metrics.acc>0.9 ":                     "metric.`acc` > 0.9",
		"metric.a = -1e-3":                       "metric.`a` = -0.001",
		"metrics.`a b` <= .5":                    "metric.`a b` <= 0.5",
		`params."a.b" != "x"`:                    "parameter.`a.b` != \"x\"",
		"tags.mlflow.source.type = 'LOCAL'":      "tag.`mlflow.source.type` = \"LOCAL\"",
		"tag.v1.2.x = ''":                        "tag.`v1.2.x` = \"\"",
		"params.my-param like 'a%'":              "parameter.`my-param` LIKE \"a%\"",
		"status = 'it''s'":                       "attribute.`status` = \"it's\"",
		"attr.status ILIKE 'x'":                  "attribute.`status` ILIKE \"x\"",
		"Status = 'x'":                           "error: at 1: invalid attribute key \"Status\", there are created, start_time, status",
		"created > 3":                            "attribute.`start_time` > 3",
		"status IN ('a', \"b\")":                 "attribute.`status` IN [\"a\" \"b\"]",
		"status not in ('a',)":                   "attribute.`status` NOT IN [\"a\"]",
		"params.x is NULL AND tag.y is not null": "(parameter.`x` IS NULL and tag.`y` IS NOT NULL)",
		"metrics.a > 1 OR metrics.b > 1 and not metrics.c > 1": "(metric.`a` > 1 or (metric.`b` > 1 and not metric.`c` > 1))",
		"(metrics.a > 1 or metrics.b > 1) and metrics.c > 1":   "((metric.`a` > 1 or metric.`b` > 1) and metric.`c` > 1)",
		"dataset.name = 'd'": "dataset.`name` = \"d\"",

		"metrics.a > 'x'":          "error: at 13: expected a number for metric.`a`, found 'x'",
		"params.a = 1":             "error: at 12: expected a quoted string for parameter.`a`, found \"1\"",
		"params.a > 'x'":           "error: at 10: parameter.`a` cannot be compared by >, which is for numbers",
		"metrics.a like 'x'":       "error: at 11: metric.`a` is a number and cannot be compared by LIKE",
		"nothing.a = 'x'":          "error: at 1: invalid entity type \"nothing\", there are attribute, metric, parameter, tag, dataset",
		"dataset.size = 'x'":       "error: at 1: invalid dataset key \"size\", there are name",
		"metrics.a >":              "error: at 12: expected a number for metric.`a`, found the end",
		"metrics.a 1":              "error: at 11: expected a comparison (= != < <= > >= LIKE ILIKE IN IS), found \"1\"",
		"metrics.a > 1 metrics":    "error: at 15: expected AND, OR or the end, found \"metrics\"",
		"metrics.a > 1 and":        "error: at 18: expected a name such as metrics.accuracy, found the end",
		"(metrics.a > 1":           "error: at 15: expected ), found the end",
		"params.a = 'x":            "error: at 12: the string that begins with ' has no end",
		"params.a = 'x'; drop":     "error: at 15: unexpected character ';'",
		"status in 'x'":            "error: at 11: expected ( after IN, found 'x'",
		"status in ()":             "error: at 12: expected a quoted string in the list, found \")\"",
		"status not like 'x'":      "error: at 12: expected IN after NOT, found \"like\"",
		"params.a is 'x'":          "error: at 13: expected NULL, found 'x'",
		"metrics. > 1":             "error: at 10: expected a name, found \">\"",
		strings.Repeat("(", 60):    "error: at 51: nested deeper than 50",
		strings.Repeat("not ", 60): "error: at 201: nested deeper than 50",
	} {
		x, err := grammar.Parse(text)
		got := ""
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("%q: %v is no *Error", text, err)
			}
			got = "error: " + strings.TrimPrefix(err.Error(), "filter "+excerpt(text)+": ")
		} else {
			got = show(x)
		}
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
	if _, err := grammar.Parse(strings.Repeat("x", MaxLength+1)); err == nil {
		t.Error("a filter of any length is read")
	}
}

func TestParseOrder(t *testing.T) {
	for text, want := range map[string]Order{
		"metrics.acc DESC": {Field{Metric, "acc"}, true},
		"params.`a b` asc": {Field{Param, "a b"}, false},
		"created":          {Field{Attribute, "start_time"}, false},
	} {
		if got, err := grammar.ParseOrder(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "metrics.a DOWN", "metrics.a DESC ASC", "'x' DESC", "x"} {
		if o, err := grammar.ParseOrder(text); err == nil {
			t.Errorf("%q is %v", text, o)
		}
	}
}

// FuzzParse: no text makes the parser panic, and what it understands it
// understands again after being written out.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"metrics.a > 1 and (params.`b c` != 'x' or not tags.t is null)", "status in ('a','b',)", "a.b.c.1.2 like '%'", "'", "((", "tag.é = 'ü'"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		x, err := grammar.Parse(text)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Pos < 0 || e.Pos > len(text)+1 {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		first := show(x)
		again, err := grammar.Parse(spell(x))
		if err != nil || show(again) != first {
			t.Fatalf("%q became %q: %v", text, spell(x), err)
		}
	})
}

// spell writes a tree in the language itself.
func spell(x Expr) string {
	join := func(list []Expr, by string) string {
		var parts []string
		for _, e := range list {
			parts = append(parts, "("+spell(e)+")")
		}
		return strings.Join(parts, by)
	}
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	switch x := x.(type) {
	case And:
		return join(x, " and ")
	case Or:
		return join(x, " or ")
	case Not:
		return "not (" + spell(x.X) + ")"
	}
	c := x.(*Compare)
	field := fmt.Sprintf("%s.`%s`", c.Field.Kind, strings.ReplaceAll(c.Field.Name, "`", "``"))
	switch {
	case c.Op == IsNull || c.Op == IsNotNull:
		return field + " " + string(c.Op)
	case c.List != nil:
		var parts []string
		for _, s := range c.List {
			parts = append(parts, quote(s))
		}
		return field + " " + string(c.Op) + " (" + strings.Join(parts, ", ") + ")"
	case c.Numeric:
		return fmt.Sprintf("%s %s %v", field, c.Op, c.Number)
	}
	return field + " " + string(c.Op) + " " + quote(c.Text)
}
