package report

import (
	"cmp"
	"slices"

	"pipe/stages/score"
)

// classRow is a line of the table of classes.
type classRow struct {
	score.Class
	Bars []bar // precision, recall, F1
	AUC  string
}

type bar struct{ Value, Width string }

// classRows puts the weakest class first: it is the one to look at.
func classRows(r *score.Result) []classRow {
	out := make([]classRow, len(r.Classes))
	for i, c := range r.Classes {
		out[i] = classRow{Class: c, AUC: "–"}
		for _, v := range []float64{float64(c.Precision), float64(c.Recall), float64(c.F1)} {
			out[i].Bars = append(out[i].Bars, bar{short(v), px(100 * v)})
		}
		if c.ROCAUC != nil {
			out[i].AUC = short(float64(*c.ROCAUC))
		}
	}
	slices.SortStableFunc(out, func(a, b classRow) int { return cmp.Compare(a.F1, b.F1) })
	return out
}

// pair is a confusion that happens often.
type pair struct {
	Truth, Predicted string
	Rows             int64
	Share            float64 // of the rows of the true class
}

const mostPairs = 12

func confusedPairs(r *score.Result) []pair {
	var out []pair
	for i, row := range r.Confusion {
		for j, n := range row {
			if i != j && n > 0 {
				out = append(out, pair{r.Classes[i].Label, r.Classes[j].Label, n, float64(n) / float64(r.Classes[i].Support)})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b pair) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(b.Share, a.Share))
	})
	return out[:min(len(out), mostPairs)]
}
