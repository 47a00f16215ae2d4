package stages

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
)

var (
	orders = arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int64},
		{Name: "customer", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil)
	customers = arrow.NewSchema([]arrow.Field{
		{Name: "name", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "id", Type: arrow.PrimitiveTypes.Int64},
	}, nil)
	joinIn = map[string]dag.Schema{
		"left":  {Type: artifacts.Table, Table: orders, Origin: "orders"},
		"right": {Type: artifacts.Table, Table: customers, Origin: "customers"},
	}
)

func joined(t *testing.T, with, left, right string) (string, error) {
	t.Helper()
	s := dagtest.Store(t)
	k := dagtest.New(t, &Join{}, with)
	promised, problems := dagtest.Check(k, joinIn)
	if problems != "" {
		t.Fatalf("%s: %s", with, problems)
	}
	out, err := dagtest.TryRun(t, s, k, map[string]artifacts.Ref{"left": dagtest.Table(t, s, orders, left), "right": dagtest.Table(t, s, customers, right)})
	if err != nil {
		return "", err
	}
	r, err := dag.OpenTable(s, out["out"], "out")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if !r.Schema().Equal(promised["out"].Table) {
		t.Errorf("%s: checked as\n%v, came as\n%v", with, promised["out"].Table, r.Schema())
	}
	clean := strings.NewReplacer(`{"customer":`, "", `,"id":`, " ", `,"id_right":`, " ", `"`, "", "}\n", "; ", "null", "-")
	return strings.TrimSuffix(clean.Replace(dagtest.Rows(t, s, out["out"])), "; "), nil
}

func TestJoin(t *testing.T) {
	const left = `[{"id":1,"customer":"ann"},{"id":2,"customer":"bo"},{"id":3,"customer":null},{"id":4,"customer":"ann"}]`
	const right = `[{"name":"ann","id":10},{"name":"cy","id":11},{"name":null,"id":12},{"name":"ann","id":13}]`
	for _, c := range []struct{ how, want string }{
		{"inner", "ann 1 10; ann 1 13; ann 4 10; ann 4 13"},
		{"left", "ann 1 10; ann 1 13; bo 2 -; - 3 -; ann 4 10; ann 4 13"},
		{"outer", "ann 1 10; ann 1 13; bo 2 -; - 3 -; ann 4 10; ann 4 13; cy - 11; - - 12"},
		{"semi", "ann 1; ann 4"},
		{"anti", "bo 2; - 3"},
	} {
		got, err := joined(t, "{on: {customer: name}, how: "+c.how+"}", left, right)
		if err != nil || got != c.want {
			t.Errorf("%s: %s (%v), want %s", c.how, got, err, c.want)
		}
	}
	for how, want := range map[string]string{"inner": "", "left": "ann 1 -; bo 2 -; - 3 -; ann 4 -", "outer": "ann 1 -; bo 2 -; - 3 -; ann 4 -", "anti": "ann 1; bo 2; - 3; ann 4"} {
		if got, err := joined(t, "{on: {customer: name}, how: "+how+"}", left, "[]"); err != nil || got != want {
			t.Errorf("%s with nothing: %s (%v), want %s", how, got, err, want)
		}
		if got, err := joined(t, "{on: {customer: name}, how: "+how+"}", "[]", "[]"); err != nil || got != "" {
			t.Errorf("%s of nothing: %s (%v)", how, got, err)
		}
	}
	_, err := joined(t, "{on: {customer: name}, expect: one}", left, right)
	if want := `right table: rows 1 and 4 have the same key, name = "ann", and with.expect is one`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// A join equals two loops over all pairs of rows.
func TestJoinEqualsTwoLoops(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var l, r []string
		var left, right []int
		for i := range rng.IntN(60) {
			k := rng.IntN(20)
			left, l = append(left, k), append(l, fmt.Sprintf(`{"id":%d,"customer":"k%d"}`, i, k))
		}
		for i := range rng.IntN(60) {
			k := rng.IntN(20)
			right, r = append(right, k), append(r, fmt.Sprintf(`{"name":"k%d","id":%d}`, k, i))
		}
		var want []string
		for i, a := range left {
			for j, b := range right {
				if a == b {
					want = append(want, fmt.Sprintf("k%d %d %d", a, i, j))
				}
			}
		}
		got, err := joined(t, "{on: {customer: name}, how: inner}", "["+strings.Join(l, ",")+"]", "["+strings.Join(r, ",")+"]")
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		if got != "" {
			lines = strings.Split(got, "; ")
		}
		if !slices.Equal(lines, want) {
			t.Fatalf("got  %v\nwant %v", lines, want)
		}
	}
}

func TestJoinProblems(t *testing.T) {
	problemsOf(t, joinKind.New, joinIn, map[string]string{
		"on: {customer: nam}":                `on[0]: customers has no column "nam" (did you mean "name"?)`,
		"on: customer":                       `on[0]: customers has no column "customer" (its columns: name, id)`,
		"on: {customer: id}":                 `on[0]: "customer" is string and "id" is int64; values of different types are never equal, so make them one with derive`,
		"{on: {customer: name}, suffix: ''}": `suffix: two columns would be named "id"; choose another suffix`,
		"{on: [id]}":                         "",
		"{on: []}":                           "on: names no column",
	})
	if got, want := dagtest.Decode(&Join{}, "on: [[a]]"), "1:6: on: expected the name of a column, found a list"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
