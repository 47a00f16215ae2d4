package stages

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/dag/dagtest"
)

var splitSchema = arrow.NewSchema([]arrow.Field{
	{Name: "n", Type: arrow.PrimitiveTypes.Int64},
	{Name: "label", Type: arrow.BinaryTypes.String, Nullable: true},
}, nil)

// labelled stores a row for each label, numbered from 0.
func labelled(t testing.TB, s *artifacts.Store, labels []string) artifacts.Ref {
	t.Helper()
	rows := make([]string, len(labels))
	for i, l := range labels {
		rows[i] = fmt.Sprintf(`{"n":%d,"label":%q}`, i, l)
	}
	return dagtest.Table(t, s, splitSchema, "["+strings.Join(rows, ",")+"]")
}

// numbers reads the column n of each part.
func numbers(t testing.TB, s *artifacts.Store, out map[string]artifacts.Ref) map[string][]int {
	t.Helper()
	parts := map[string][]int{}
	for name, ref := range out {
		r, err := dag.OpenTable(s, ref, name)
		if err != nil {
			t.Fatal(err)
		}
		for b, err := range table.All(r) {
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range b.Column(0).(*array.Int64).Int64Values() {
				parts[name] = append(parts[name], int(n))
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return parts
}

func splitInto(t testing.TB, s *artifacts.Store, with string, in artifacts.Ref) map[string][]int {
	t.Helper()
	return numbers(t, s, dagtest.Run(t, s, dagtest.New(t, &Split{}, with), map[string]artifacts.Ref{"in": in}))
}

// manyLabels gives labels whose numbers of rows are very different.
func manyLabels(rng *rand.Rand, rows int) []string {
	out := make([]string, rows)
	for i := range out {
		out[i] = fmt.Sprintf("l%d", int(rng.ExpFloat64()*4))
	}
	return out
}

// Whatever the table and the shares: each row is in exactly one part, the rows
// of a part keep their order, and the numbers are exact.
func TestSplitIsAnExactPartition(t *testing.T) {
	s := dagtest.Store(t)
	rng := rand.New(rand.NewPCG(1, 2))
	for trial := range 20 {
		labels := manyLabels(rng, 100+rng.IntN(400))
		in := labelled(t, s, labels)
		for _, mode := range []string{"", ", stratify: label", ", order: table"} {
			with := "{train: 0.7, validation: 0.2, test: 0.1" + mode + "}"
			parts := splitInto(t, s, with, in)
			shares := map[string]float64{"train": 0.7, "validation": 0.2, "test": 0.1}
			var all []int
			for name, rows := range parts {
				if !slices.IsSorted(rows) {
					t.Fatalf("trial %d %s: the rows of %s are not in their order", trial, with, name)
				}
				// Rounding in one class is made up for in the next.
				if off := math.Abs(float64(len(rows)) - shares[name]*float64(len(labels))); off > 3 || off > 1 && !strings.Contains(mode, "stratify") {
					t.Errorf("trial %d %s: %s has %d of %d rows", trial, with, name, len(rows), len(labels))
				}
				if strings.Contains(mode, "stratify") {
					exactInClasses(t, name, shares[name], labels, rows)
				}
				all = append(all, rows...)
			}
			slices.Sort(all)
			for i, n := range all {
				if i != n {
					t.Fatalf("trial %d %s: not a partition at row %d", trial, with, i)
				}
			}
			if len(all) != len(labels) {
				t.Fatalf("trial %d %s: %d rows of %d", trial, with, len(all), len(labels))
			}
		}
	}
}

func exactInClasses(t *testing.T, part string, share float64, labels []string, rows []int) {
	t.Helper()
	total, here := map[string]int{}, map[string]int{}
	for _, l := range labels {
		total[l]++
	}
	for _, n := range rows {
		here[labels[n]]++
	}
	for l, n := range total {
		if off := math.Abs(float64(here[l]) - share*float64(n)); off >= 1 {
			t.Errorf("%s has %d of the %d rows of %s", part, here[l], n, l)
		}
	}
}

func TestSplitSeeds(t *testing.T) {
	s := dagtest.Store(t)
	in := labelled(t, s, manyLabels(rand.New(rand.NewPCG(1, 2)), 300))
	for _, mode := range []string{"", ", stratify: label", ", group: label"} {
		run := func(seed string) []int {
			return splitInto(t, s, "{train: 0.5, test: 0.5"+mode+seed+"}", in)["train"]
		}
		if !slices.Equal(run(", seed: 1"), run(", seed: 1")) {
			t.Errorf("%q: one seed gives two splits", mode)
		}
		if slices.Equal(run(", seed: 1"), run(", seed: 2")) {
			t.Errorf("%q: two seeds give one split", mode)
		}
		if !slices.Equal(run(""), run(", seed: 7")) {
			t.Errorf("%q: without a seed, it is not the pipeline's", mode)
		}
	}
}

// Every row has the same chance to come into a part.
func TestSplitIsFair(t *testing.T) {
	const rows, share, trials = 40, 0.25, 4000
	in := make([]int, rows)
	for seed := range uint64(trials) {
		a := newQuotaSplit("", apportion([]classCount{{"", rows}}, [partCount]float64{share, 0, 1 - share}), seed)
		q := a.quotas[""]
		for i := range in {
			if q.take(a.draw.Int64N(q.total)) == trainPart {
				in[i]++
			}
		}
	}
	chi := 0.0
	for _, n := range in {
		d := float64(n) - share*trials
		chi += d * d / (share * trials * (1 - share))
	}
	// χ² with 39 degrees of freedom is above 72 once in a thousand times; the
	// seeds are fixed, so this either always passes or never.
	if chi > 72 {
		t.Errorf("χ² of the rows' chances is %.1f: %v", chi, in)
	}
}

func TestSplitOrder(t *testing.T) {
	s := dagtest.Store(t)
	parts := splitInto(t, s, "{train: 0.6, validation: 0.2, test: 0.2, order: table}", labelled(t, s, make([]string, 10)))
	if got, want := fmt.Sprint(parts), "map[test:[8 9] train:[0 1 2 3 4 5] validation:[6 7]]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestSplitGroupsStayTogether(t *testing.T) {
	s := dagtest.Store(t)
	rng := rand.New(rand.NewPCG(1, 2))
	labels := make([]string, 4000)
	for i := range labels {
		labels[i] = fmt.Sprint("user", rng.IntN(1000))
	}
	where := map[string]string{}
	parts := splitInto(t, s, "{train: 0.8, validation: 0.1, test: 0.1, group: label}", labelled(t, s, labels))
	for part, rows := range parts {
		for _, n := range rows {
			if was, ok := where[labels[n]]; ok && was != part {
				t.Fatalf("%s is in %s and in %s", labels[n], was, part)
			}
			where[labels[n]] = part
		}
	}
	if n := len(parts["train"]); n < 3000 || n > 3400 {
		t.Errorf("%d of 4000 rows are for training at a share of 0.8", n)
	}
}

func TestApportion(t *testing.T) {
	shares := [partCount]float64{0.8, 0.1, 0.1}
	for _, c := range []struct {
		classes []classCount
		shares  [partCount]float64
		want    string
	}{
		{[]classCount{{"a", 10}}, shares, "a:[8 1 1]"},
		{[]classCount{{"a", 30}}, shares, "a:[24 3 3]"},
		{[]classCount{{"a", 1}}, shares, "a:[1 0 0]"},
		{[]classCount{{"a", 2}, {"b", 2}, {"c", 2}, {"d", 2}, {"e", 2}}, shares, "a:[2 0 0] b:[1 1 0] c:[2 0 0] d:[1 0 1] e:[2 0 0]"},
		{[]classCount{{"a", 1}, {"b", 1}, {"c", 1}}, shares, "a:[1 0 0] b:[1 0 0] c:[1 0 0]"},
		{[]classCount{{"a", 5}, {"b", 5}}, [partCount]float64{0.5, 0, 0.5}, "a:[3 0 2] b:[2 0 3]"},
		{[]classCount{{"a", 7}}, [partCount]float64{1, 0, 0}, "a:[7 0 0]"},
	} {
		var got []string
		q := apportion(c.classes, c.shares)
		for _, class := range c.classes {
			got = append(got, fmt.Sprintf("%s:%v", class.key, q[class.key].left))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%v: %s, want %s", c.classes, s, c.want)
		}
	}
}

func TestSplitProblems(t *testing.T) {
	in := map[string]dag.Schema{"in": {Type: artifacts.Table, Table: arrow.NewSchema([]arrow.Field{{Name: "label", Type: arrow.BinaryTypes.String}, {Name: "price", Type: arrow.PrimitiveTypes.Float64}}, nil), Origin: "clean"}}
	for _, c := range []struct{ with, want string }{
		{"{train: 0.8, validation: 0.1, test: 0.1}", ""},
		{"{train: 0.8, test: 0.1}", "train: train, validation and test must sum to 1, their sum is 0.9"},
		{"{train: 0.8, test: 0.2, stratify: label, group: label}", "group: cannot be used together with stratify: groups are not divided, so classes could not get their shares"},
		{"{train: 0.8, test: 0.2, stratify: label, order: table}", `stratify: cannot be used with "order: table", which lets the place of a row decide`},
		{"{train: 0.8, test: 0.2, group: label, order: table}", `group: cannot be used with "order: table", which lets the place of a row decide`},
		{"{train: 0.8, test: 0.2, stratify: lable}", `stratify: clean has no column "lable" (did you mean "label"?)`},
		{"{train: 0.8, test: 0.2, stratify: price}", `stratify: a column of classes must be text, whole numbers or true and false; "price" is float64`},
	} {
		if _, got := dagtest.Check(dagtest.New(t, &Split{}, c.with), in); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.with, got, c.want)
		}
	}
	k := dagtest.New(t, &Split{}, "{train: 0.8, test: 0.2}")
	if _, out := k.Ports(); len(out) != 2 || out[0].Name != "train" || out[1].Name != "test" {
		t.Errorf("ports %v, want train and test", out)
	}
}

func TestSplitFails(t *testing.T) {
	s := dagtest.Store(t)
	for _, c := range []struct{ with, rows, want string }{
		{"{train: 0.8, test: 0.2}", `[]`, "the table has no rows to split"},
		{"{train: 0.9, test: 0.1}", `[{"n":1,"label":"x"},{"n":2,"label":"x"}]`, "no row is left for test: its share of 0.1 is too small for this table; the parts would have 2, 0 and 0 rows"},
		{"{train: 0.5, test: 0.5, stratify: label}", `[{"n":1,"label":"x"},{"n":2,"label":null}]`, `row 2, column "label": it is null and so in no class; drop such rows with clean's drop_null`},
		{"{train: 0.5, test: 0.5, group: label}", `[{"n":1,"label":"x"},{"n":2,"label":null}]`, `row 2, column "label": it is null and so in no group; drop such rows with clean's drop_null`},
		{"{train: 0.5, test: 0.5, stratify: lable}", `[{"n":1,"label":"x"}]`, `there is no column "lable"; there are n, label`},
	} {
		_, err := dagtest.TryRun(t, s, dagtest.New(t, &Split{}, c.with), map[string]artifacts.Ref{"in": dagtest.Table(t, s, splitSchema, c.rows)})
		if err == nil || err.Error() != c.want {
			t.Errorf("%s:\n got %v\nwant %s", c.with, err, c.want)
		}
	}
}
