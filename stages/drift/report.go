package drift

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Version is that of the JSON form of a Report.
const Version = 1

// Measure names a figure by which a column is judged.
type Measure string

// The measures.
const (
	ByPSI           Measure = "psi"            // drifted from the threshold on
	ByJensenShannon Measure = "jensen_shannon" // drifted from the threshold on
	ByPValue        Measure = "p_value"        // drifted below the threshold
)

// Threshold is what a measure is judged by where nobody says otherwise: the
// usual 0.2 of PSI, a distance of 0.1, and 5 %.
func (m Measure) Threshold() float64 {
	return map[Measure]float64{ByPSI: 0.2, ByJensenShannon: 0.1, ByPValue: 0.05}[m]
}

// Rule says when a column has drifted.
type Rule struct {
	Measure   Measure `json:"measure"`
	Threshold float64 `json:"threshold"`
	// MissingChange is by how much the share of missing values may rise or fall.
	MissingChange float64 `json:"missing_change"`
	Bins          int     `json:"bins"` // of numbers: quantiles of the reference
}

// Report compares tables column by column.
type Report struct {
	Version       int       `json:"version"`
	Rule          Rule      `json:"rule"`
	ReferenceRows int64     `json:"reference_rows"`
	Rows          int64     `json:"rows"`
	Drifted       int       `json:"drifted"` // columns
	Columns       []*Result `json:"columns"`
}

// Result compares one column. A figure that cannot be computed is absent.
type Result struct {
	Name    string   `json:"name"`
	Kind    string   `json:"kind"` // "numeric" or "categorical"
	Drifted bool     `json:"drifted"`
	Why     []string `json:"why,omitempty"` // for people

	PSI           *float64 `json:"psi,omitempty"`
	JensenShannon *float64 `json:"jensen_shannon,omitempty"`
	// Test is the statistic D of Kolmogorov and Smirnov for numbers, and chi² for
	// categories.
	Test        *float64 `json:"test,omitempty"`
	PValue      *float64 `json:"p_value,omitempty"`
	Wasserstein *float64 `json:"wasserstein,omitempty"`

	ReferenceMissing float64 `json:"reference_missing"` // a share
	Missing          float64 `json:"missing"`
	Sampled          bool    `json:"sampled,omitempty"` // the figures are of a sample of the numbers

	Bins []Bin `json:"bins,omitempty"` // of categories, those that changed most come first
	// New lists categories that the reference does not have, the most frequent
	// ones first, and NewShare says how many of the values are such.
	New      []string `json:"new,omitempty"`
	NewShare float64  `json:"new_share,omitempty"`
}

// Bin is a range of numbers or a category, with the shares of the two sides.
type Bin struct {
	Name      string  `json:"name"`
	Reference float64 `json:"reference"`
	Current   float64 `json:"current"`
}

// Compare judges the columns of what came later against those of the reference,
// pair by pair.
func Compare(reference, current []*Column, rule Rule) *Report {
	out := &Report{Version: Version, Rule: rule}
	for i, ref := range reference {
		out.ReferenceRows, out.Rows = max(out.ReferenceRows, ref.rows), max(out.Rows, current[i].rows)
		r := compare(ref, current[i], rule)
		if r.Drifted {
			out.Drifted++
		}
		out.Columns = append(out.Columns, r)
	}
	return out
}

func compare(ref, cur *Column, rule Rule) *Result {
	r := &Result{Name: ref.Name, Kind: "categorical", ReferenceMissing: ref.missingRate(), Missing: cur.missingRate()}
	if ref.Numeric {
		r.Kind = "numeric"
		r.numbers(ref, cur, rule.Bins)
	} else {
		r.categories(ref, cur)
	}
	r.judge(rule)
	return r
}

func (r *Result) numbers(ref, cur *Column, bins int) {
	r.Sampled = ref.rows-ref.missing > sampleSize || cur.rows-cur.missing > sampleSize
	a, b := sorted(ref.sample), sorted(cur.sample)
	d, p := kolmogorovSmirnov(a, b)
	edges := quantileEdges(a, bins)
	x, y := Count(a, edges), Count(b, edges)
	r.PSI, r.JensenShannon = known(PSI(x, y)), known(JensenShannon(x, y))
	r.Test, r.PValue, r.Wasserstein = known(d), known(p), known(wasserstein(a, b))
	for i := range x {
		r.Bins = append(r.Bins, Bin{RangeName(edges, i), share(x[i], len(a)), share(y[i], len(b))})
	}
}

// RangeName writes a bin between edges.
func RangeName(edges []float64, i int) string {
	switch {
	case len(edges) == 0:
		return "all"
	case i == 0:
		return fmt.Sprintf("below %.6g", edges[0])
	case i == len(edges):
		return fmt.Sprintf("from %.6g", edges[i-1])
	}
	return fmt.Sprintf("%.6g to %.6g", edges[i-1], edges[i])
}

// others is the category of the values beyond those that are counted.
const others = "(others)"

func (r *Result) categories(ref, cur *Column) {
	names := make([]string, 0, len(ref.counts))
	for n := range ref.counts {
		names = append(names, n)
	}
	for n := range cur.counts {
		if _, known := ref.counts[n]; !known {
			names = append(names, n)
			// Where the reference has more than are counted, nothing is known to be new.
			if ref.other == 0 {
				r.New = append(r.New, n)
				r.NewShare += float64(cur.counts[n])
			}
		}
	}
	slices.Sort(names) // sums are taken in one order
	n, m := ref.rows-ref.missing, cur.rows-cur.missing
	var x, y []float64
	add := func(name string, a, b int64) {
		x, y = append(x, float64(a)), append(y, float64(b))
		r.Bins = append(r.Bins, Bin{name, share(float64(a), int(n)), share(float64(b), int(m))})
	}
	for _, name := range names {
		add(name, ref.counts[name], cur.counts[name])
	}
	if ref.other+cur.other > 0 {
		add(others, ref.other, cur.other)
	}
	chi, p := ChiSquare(x, y)
	r.PSI, r.JensenShannon, r.Test, r.PValue = known(PSI(x, y)), known(JensenShannon(x, y)), known(chi), known(p)
	r.NewShare = share(r.NewShare, int(m))
	slices.SortFunc(r.New, func(a, b string) int { return cmp.Or(cmp.Compare(cur.counts[b], cur.counts[a]), cmp.Compare(a, b)) })
	r.New = r.New[:min(len(r.New), mostShown)]
	slices.SortStableFunc(r.Bins, func(a, b Bin) int {
		return cmp.Compare(math.Abs(b.Reference-b.Current), math.Abs(a.Reference-a.Current))
	})
	r.Bins = r.Bins[:min(len(r.Bins), mostShown)]
}

// mostShown is how many categories a report lists.
const mostShown = 20

// judge says whether the column has drifted, and why.
func (r *Result) judge(rule Rule) {
	because := func(format string, args ...any) {
		r.Drifted = true
		r.Why = append(r.Why, fmt.Sprintf(format, args...))
	}
	switch figure := map[Measure]*float64{ByPSI: r.PSI, ByJensenShannon: r.JensenShannon, ByPValue: r.PValue}[rule.Measure]; {
	case figure == nil:
	case rule.Measure == ByPValue && *figure < rule.Threshold:
		because("p_value %.4g is below %g", *figure, rule.Threshold)
	case rule.Measure != ByPValue && *figure >= rule.Threshold:
		because("%s %.4g is not below %g", rule.Measure, *figure, rule.Threshold)
	}
	if math.Abs(r.Missing-r.ReferenceMissing) > rule.MissingChange {
		because("%.4g %% of the values are missing, in the reference %.4g %%", 100*r.Missing, 100*r.ReferenceMissing)
	}
}

func known(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

func share(part float64, all int) float64 {
	if all == 0 {
		return 0
	}
	return part / float64(all)
}
