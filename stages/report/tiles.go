package report

import (
	"fmt"
	"math"

	"pipe/stages/score"
)

// tile is a headline number.
type tile struct{ Name, Value, Note string }

func tiles(r *score.Result) []tile {
	var out []tile
	add := func(name, metric string, format func(float64) string, note string) {
		if v, ok := r.Metrics[metric]; ok {
			out = append(out, tile{name, format(float64(v)), note})
		}
	}
	if r.Task == score.Regression {
		add("RMSE", "rmse", short, "root mean squared error")
		add("MAE", "mae", short, "mean absolute error")
		add("R²", "r2", short, "1 is perfect, 0 is the mean")
		return out
	}
	add("Accuracy", "accuracy", percent, accuracyNote(r))
	if r.Positive != "" {
		add("F1", "f1", short, "of "+clip(24, r.Positive))
	} else {
		add("Macro F1", "f1_macro", short, "every class counts the same")
	}
	add("Log loss", "log_loss", short, "0 is perfect; "+short(math.Log(float64(max(len(r.Classes), 1))))+" is a guess")
	note := "mean over the classes"
	if r.Positive != "" {
		note = "0.5 is a guess"
	}
	add("ROC-AUC", "roc_auc", short, note)
	return out
}

// accuracyNote puts the accuracy into proportion: its 95 % interval (Wilson
// 1927) and what naming the most frequent class would reach.
func accuracyNote(r *score.Result) string {
	if r.Rows == 0 {
		return ""
	}
	most := int64(0)
	for _, c := range r.Classes {
		most = max(most, c.Support)
	}
	low, high := wilson(float64(r.Metrics["accuracy"]), float64(r.Rows))
	return fmt.Sprintf("95\u202f%% interval %.1f–%.1f\u202f%%; most frequent class %s", 100*low, 100*high, percent(float64(most)/float64(r.Rows)))
}

func wilson(p, n float64) (low, high float64) {
	const z = 1.959963984540054
	middle := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return middle - half, middle + half
}
