package stages

import (
	"fmt"

	"pipe/stages/report"
	"pipe/stages/score"
)

// comparison is what several models answered.
type comparison struct {
	names    []string
	all      []*contender // on data
	choosing []*contender // on other rows, by which the best was chosen; nil without them
	best     int
	seed     uint64
}

// wrong is the share of wrong answers, or the mean absolute error.
func (c *contender) wrong() float64 {
	sum := 0.0
	for _, v := range c.off {
		sum += v
	}
	return sum / float64(len(c.off))
}

// says tells how good it is.
func (c *contender) says() string {
	r := c.result()
	if c.numbers != nil {
		return fmt.Sprintf("mae %.4g, rmse %.4g", float64(r.Metrics["mae"]), float64(r.Metrics["rmse"]))
	}
	return fmt.Sprintf("accuracy %.4f, log loss %.4f", float64(r.Metrics["accuracy"]), float64(r.Metrics["log_loss"]))
}

// comparedPair is how two models differ; above 0 the first is better.
type comparedPair struct {
	*Difference
	first, second int
	holm          float64
}

func (x *comparison) pairs() []comparedPair {
	var out []comparedPair
	var p []float64
	for i := range x.all {
		for j := range i {
			d := differ(x.all[j], x.all[i], x.seed)
			out, p = append(out, comparedPair{Difference: d, first: j, second: i}), append(p, float64(d.P))
		}
	}
	for i, v := range score.Holm(p) {
		out[i].holm = v
	}
	return out
}

// page is the report.
func (x *comparison) page(pairs []comparedPair) *report.Comparison {
	measures, head := []string{"accuracy", "f1_macro", "log_loss", "calibration_error"}, []string{"model", "accuracy", "macro F1", "log loss", "calibration error"}
	if x.all[0].numbers != nil {
		measures, head = []string{"mae", "rmse", "r2"}, []string{"model", "MAE", "RMSE", "R²"}
	}
	models := report.Table{Title: "The models", Head: head, Note: fmt.Sprintf("On the same %d rows. The best in bold, chosen by them.", len(x.all[0].off))}
	if x.choosing != nil {
		models.Head = append(models.Head, "chosen by")
		models.Note = fmt.Sprintf("On the same %d rows. The best in bold, chosen by %d other rows: last column, the share of wrong answers there.", len(x.all[0].off), len(x.choosing[0].off))
		if x.all[0].numbers != nil {
			models.Note = fmt.Sprintf("On the same %d rows. The best in bold, chosen by the mean absolute error on %d other rows, the last column.", len(x.all[0].off), len(x.choosing[0].off))
		}
	}
	for i, c := range x.all {
		r, cells := c.result(), []string{x.names[i]}
		for _, m := range measures {
			cells = append(cells, fmt.Sprintf("%.4f", float64(r.Metrics[m])))
		}
		if x.choosing != nil {
			cells = append(cells, fmt.Sprintf("%.4f", x.choosing[i].wrong()))
		}
		models.Rows = append(models.Rows, report.TableRow{Cells: cells, Best: i == x.best})
	}
	t := report.Table{Title: "Each two of them", Head: []string{"models", "only the first is right", "only the second", "difference", "95 % of resamples", "p", "p, Holm"},
		Note: "Above 0 the first is better. McNemar's test asks whether two models are equally often right; Holm's correction is for the number of pairs."}
	if x.all[0].numbers != nil {
		t.Head, t.Note = []string{"models", "the first is nearer", "the second", "difference", "95 % of resamples"}, "The difference of the mean absolute errors; above 0 the first is better."
	}
	for _, p := range pairs {
		cells := []string{x.names[p.first] + " – " + x.names[p.second], fmt.Sprint(p.Wins), fmt.Sprint(p.Losses), fmt.Sprintf("%+.4f", float64(p.Mean)), fmt.Sprintf("%+.4f to %+.4f", float64(p.Low), float64(p.High))}
		if x.all[0].numbers == nil {
			cells = append(cells, fmt.Sprintf("%.3g", float64(p.P)), fmt.Sprintf("%.3g", p.holm))
		}
		t.Rows = append(t.Rows, report.TableRow{Cells: cells})
	}
	return &report.Comparison{Title: fmt.Sprintf("%d models for %s", len(x.all), x.all[0].target), Subtitle: x.names[x.best] + " is the best: " + x.all[x.best].says() + ".", Tables: []report.Table{models, t}}
}
