package registry

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pipe/registry/filter"
)

// TestSearchAgainstEvaluator compares Runs with the simplest thing that could
// be right: test each run by the filter's tree, sort, cut the page.
func TestSearchAgainstEvaluator(t *testing.T) {
	ctx := context.Background()
	r := openTest(t)
	rng := rand.New(rand.NewPCG(1, 2))
	fillRandom(t, r, rng, 120)
	all, _, err := r.Runs(ctx, RunQuery{View: All})
	ok(t, err)
	if len(all) != 120 {
		t.Fatalf("%d runs, want 120", len(all))
	}
	matched := 0
	for i := range 1500 {
		q := randomQuery(rng)
		want := evaluate(t, all, q)
		got, pages := readPages(t, r, q)
		if !slices.Equal(got, want) {
			t.Fatalf("query %d %+v\n got %v\nwant %v", i, q, got, want)
		}
		matched += len(got)
		if n := max(1, (len(want)+q.Limit-1)/q.Limit); pages != n {
			t.Fatalf("query %+v: %d pages for %d runs", q, pages, len(want))
		}
	}
	if matched < 1500*5 {
		t.Fatalf("the queries match %d runs in all: too few to mean anything", matched)
	}
}

func readPages(t *testing.T, r *Registry, q RunQuery) (ids []string, pages int) {
	for {
		list, next, err := r.Runs(context.Background(), q)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		pages++
		for _, run := range list {
			ids = append(ids, run.ID)
		}
		if next == "" {
			return ids, pages
		}
		q.PageToken = next
	}
}

func fillRandom(t testing.TB, r *Registry, rng *rand.Rand, n int) {
	ctx := context.Background()
	var experiments []int64
	for _, name := range []string{"a", "b", "c"} {
		experiments = append(experiments, must(r.EnsureExperiment(ctx, name))(t).ID)
	}
	for i := range n {
		run := NewRun{ID: fmt.Sprintf("%08x%d", rng.Uint32(), i), Experiment: experiments[rng.IntN(3)], Name: pick(rng, "Alpha", "alpha", "be%ta", ""),
			User: pick(rng, "ada", "bob"), Start: epoch.Add(time.Duration(rng.IntN(20)) * time.Second)}
		for _, key := range []string{"lr", "a b"} {
			if rng.IntN(3) > 0 {
				run.Params = append(run.Params, Pair{key, pick(rng, "0.1", "0.01", "x*y", strings.Repeat("long", 100))})
				run.Tags = append(run.Tags, Pair{key, pick(rng, "one", "ONE", "two_", "")})
			}
		}
		id := must(r.CreateRun(ctx, run))(t).ID
		for _, key := range []string{"acc", "loss"} {
			if rng.IntN(4) > 0 {
				ok(t, r.LogMetrics(ctx, id, []Metric{dot(key, randomValue(rng), epoch, 0)}))
			}
		}
		if rng.IntN(2) == 0 {
			ok(t, r.LogInputs(ctx, id, []DatasetInput{{Dataset{Name: pick(rng, "d1", "d2"), Digest: pick(rng, "x", "y")},
				[]Pair{{"mlflow.data.context", pick(rng, "train", "test")}}}}))
		}
		if rng.IntN(2) == 0 {
			ok(t, r.FinishRun(ctx, id, Finished, epoch.Add(time.Duration(rng.IntN(50))*time.Second), ""))
		}
		if rng.IntN(5) == 0 {
			ok(t, r.DeleteRun(ctx, id, Audit{}))
		}
	}
}

func randomValue(rng *rand.Rand) float64 {
	return []float64{0, 0.5, 1, -1, math.NaN(), math.Inf(1), math.Inf(-1), 0.25}[rng.IntN(8)]
}

func pick(rng *rand.Rand, list ...string) string { return list[rng.IntN(len(list))] }

func randomQuery(rng *rand.Rand) RunQuery {
	q := RunQuery{View: View(rng.IntN(3)), Limit: 1 + rng.IntN(40), Filter: randomFilter(rng, 2)}
	for id := range int64(4) {
		if rng.IntN(2) == 0 {
			q.Experiments = append(q.Experiments, id)
		}
	}
	keys := []string{"metrics.acc", "metric.loss", "params.lr", "tags.`a b`", "start_time", "end_time", "attributes.run_name", "status", "metrics.none"}
	rng.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	for _, k := range keys[:rng.IntN(4)] {
		q.OrderBy = append(q.OrderBy, k+pick(rng, "", " ASC", " DESC", " desc"))
	}
	return q
}

func randomFilter(rng *rand.Rand, depth int) string {
	if rng.IntN(6) == 0 && depth == 2 {
		return ""
	}
	if depth > 0 && rng.IntN(2) == 0 {
		a, b := randomFilter(rng, depth-1), randomFilter(rng, depth-1)
		if a == "" || b == "" {
			return a + b
		}
		return pick(rng, a+" and "+b, "("+a+") OR ("+b+")", "not ("+a+") AND "+b, a+" AND "+b)
	}
	str := pick(rng, "0.1", "one", "x*y", "two_", "d1", "", "Alpha")
	num := pick(rng, "0", "0.5", "-1", "1e3", ".25")
	return pick(rng,
		pick(rng, "metrics.acc", "metric.`loss`", "metrics.\"acc\"")+pick(rng, " > ", ">=", "<", " <= ", " = ", " != ")+num,
		pick(rng, "metrics.acc", "params.lr", "tags.`a b`", "tags.none")+pick(rng, " IS NULL", " is not null"),
		pick(rng, "params.lr", "tag.lr", "param.`a b`", "run_name", "attributes.user_id", "dataset.name", "datasets.context")+pick(rng, " = ", " != ")+"'"+str+"'",
		pick(rng, "params.lr", "tags.lr", "attribute.run_name")+pick(rng, " LIKE ", " ilike ")+"'"+pick(rng, "%", "al%", "%ON%", "x*%", "t_o_", "be%")+"'",
		pick(rng, "status", "attr.run_name", "params.lr", "dataset.digest")+pick(rng, " IN ", " not in ")+"('FINISHED', '0.1', 'Alpha', 'x')",
		pick(rng, "start_time", "attributes.end_time")+pick(rng, " > ", " <= ", " != ")+fmt.Sprint(epoch.UnixMilli()+int64(rng.IntN(20000))),
	)
}

// evaluate is the naive search.
func evaluate(t *testing.T, all []Run, q RunQuery) []string {
	x, err := runEntity.grammar.Parse(q.Filter)
	ok(t, err)
	var list []Run
	for _, run := range all {
		in := len(q.Experiments) == 0 || slices.Contains(q.Experiments, run.Experiment)
		seen := q.View == All || run.Deleted == (q.View == DeletedOnly)
		if in && seen && holds(x, &run) {
			list = append(list, run)
		}
	}
	var keys []filter.Order
	for _, k := range q.OrderBy {
		keys = append(keys, must(runEntity.grammar.ParseOrder(k))(t))
	}
	slices.SortFunc(list, func(a, b Run) int {
		for _, k := range keys {
			if c := compareBy(k, &a, &b); c != 0 {
				return c
			}
		}
		if c := b.Start.Compare(a.Start); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	var ids []string
	for _, run := range list {
		ids = append(ids, run.ID)
	}
	return ids
}
