package score

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"pipe/dag"
)

// Classifier accumulates the predictions of a classifier. It keeps one
// probability for each row and class, four bytes each, because ROC-AUC and
// average precision need all of them in order.
type Classifier struct {
	classes   []string
	positive  int // of a two-class task, else -1
	rows      int64
	top       int64 // whose true class is among the five most probable
	confusion [][]int64
	loss      float64

	calibration      calibration
	unknown          map[string]int64
	unknownPredicted []int64

	truth  []int32     // by row; -1 for an unknown label
	scores [][]float32 // by class, then row
}

// topClasses is how many answers top_5_accuracy looks at.
const topClasses = 5

// maxScores bounds what is kept for the ranking metrics to 1 GiB; a larger
// evaluation goes without them.
const maxScores = 1 << 28

// NewClassifier begins a score over the classes in the order of the model's
// output. Positive names the class that the metrics of a two-class task are
// about; empty, it is the second.
func NewClassifier(classes []string, positive string) (*Classifier, error) {
	c := &Classifier{classes: classes, positive: -1, unknown: map[string]int64{}}
	if len(classes) == 2 {
		c.positive = 1
	}
	if positive != "" {
		if len(classes) != 2 {
			return nil, fmt.Errorf("a positive class is for two classes; the model has %d", len(classes))
		}
		if c.positive = slices.Index(classes, positive); c.positive < 0 {
			return nil, fmt.Errorf("the positive class %q is none of the model's: %q and %q", positive, classes[0], classes[1])
		}
	}
	c.confusion = make([][]int64, len(classes))
	for i := range c.confusion {
		c.confusion[i] = make([]int64, len(classes))
	}
	c.unknownPredicted = make([]int64, len(classes))
	c.scores = make([][]float32, len(classes))
	return c, nil
}

// Add counts a row whose true class has index truth. Probabilities has one
// number for each class.
func (c *Classifier) Add(truth, predicted int, probabilities []float32) {
	c.confusion[truth][predicted]++
	c.calibration.add(probabilities[predicted], truth == predicted)
	before := 0
	for k, p := range probabilities {
		if p > probabilities[truth] || p == probabilities[truth] && k < truth {
			before++
		}
	}
	if before < topClasses {
		c.top++
	}
	c.add(truth, clip(probabilities[truth]), probabilities)
}

// AddUnknown counts a row whose label is no class of the model: it is wrong
// whatever was predicted, and the model gave its label probability 0.
func (c *Classifier) AddUnknown(label string, predicted int, probabilities []float32) {
	c.unknown[label]++
	c.unknownPredicted[predicted]++
	c.calibration.add(probabilities[predicted], false)
	c.add(-1, clip(0), probabilities)
}

func (c *Classifier) add(truth int, p float64, probabilities []float32) {
	c.rows++
	c.loss -= math.Log(p)
	if c.scores == nil {
		return
	}
	if c.rows*int64(len(c.classes)) > maxScores {
		c.scores, c.truth = nil, nil
		return
	}
	c.truth = append(c.truth, int32(truth))
	for k, p := range probabilities {
		c.scores[k] = append(c.scores[k], p)
	}
}

// clip keeps a probability away from 0 and 1 by the rounding unit of float32,
// so that one certain mistake costs much and not everything.
func clip(p float32) float64 {
	const eps = 1.0 / (1 << 23)
	return min(max(float64(p), eps), 1-eps)
}

// Result computes the metrics.
func (c *Classifier) Result() *Result {
	r := &Result{Version: Version, Task: Classification, Rows: c.rows, Metrics: map[string]dag.Float{}, Confusion: c.confusion}
	r.Classes = c.perClass()
	if c.positive >= 0 {
		r.Positive = c.classes[c.positive]
	}
	if len(c.unknown) > 0 {
		r.Unknown = c.describeUnknown()
	}
	r.Metrics["rows"] = dag.Float(c.rows)
	r.Metrics["unknown_rows"] = dag.Float(c.unknownRows())
	if c.rows == 0 {
		return r
	}
	right := int64(0)
	for k := range c.classes {
		right += c.confusion[k][k]
	}
	r.Metrics["accuracy"] = dag.Float(float64(right) / float64(c.rows))
	if len(c.classes) > topClasses {
		r.Metrics["top_5_accuracy"] = dag.Float(float64(c.top) / float64(c.rows))
	}
	r.Metrics["log_loss"] = dag.Float(c.loss / float64(c.rows))
	r.Calibration = c.calibration.bins()
	r.Metrics["calibration_error"] = dag.Float(c.calibration.err())
	c.averages(r)
	c.ranked(r)
	return r
}

func (c *Classifier) unknownRows() int64 {
	n := int64(0)
	for _, k := range c.unknownPredicted {
		n += k
	}
	return n
}

func (c *Classifier) perClass() []Class {
	out := make([]Class, len(c.classes))
	for k, label := range c.classes {
		support, predicted, right := int64(0), c.unknownPredicted[k], c.confusion[k][k]
		for j := range c.classes {
			support += c.confusion[k][j]
			predicted += c.confusion[j][k]
		}
		out[k] = Class{
			Label: label, Support: support, Predicted: predicted,
			Precision: dag.Float(ratio(right, predicted)),
			Recall:    dag.Float(ratio(right, support)),
			F1:        dag.Float(ratio(2*right, support+predicted)),
		}
	}
	return out
}

// ratio is 0 where it is not defined.
func ratio(a, b int64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// averages computes the macro average over the classes that occur among the
// true or the predicted labels, and the average weighted by support. A label
// that is no class of the model adds a class with zeros.
func (c *Classifier) averages(r *Result) {
	present := len(c.unknown)
	var macro, weighted [3]float64
	for _, k := range r.Classes {
		if k.Support == 0 && k.Predicted == 0 {
			continue
		}
		present++
		for i, v := range []dag.Float{k.Precision, k.Recall, k.F1} {
			macro[i] += float64(v)
			weighted[i] += float64(v) * float64(k.Support)
		}
	}
	for i, name := range []string{"precision", "recall", "f1"} {
		r.Metrics[name+"_macro"] = dag.Float(macro[i] / float64(present))
		r.Metrics[name+"_weighted"] = dag.Float(weighted[i] / float64(c.rows))
	}
	if c.positive >= 0 {
		k := r.Classes[c.positive]
		r.Metrics["precision"], r.Metrics["recall"], r.Metrics["f1"] = k.Precision, k.Recall, k.F1
	}
}

// ranked computes the metrics that need the probabilities in order: of the
// positive class in a two-class task, else averaged over all classes for which
// they are defined, each against the rest.
func (c *Classifier) ranked(r *Result) {
	if c.scores == nil {
		return
	}
	var auc, ap mean
	for k := range r.Classes {
		g, ok := rank(c.truth, int32(k), c.scores[k], c.positive == k)
		if !ok {
			continue
		}
		r.Classes[k].ROCAUC, r.Classes[k].AveragePrecision = (*dag.Float)(&g.auc), (*dag.Float)(&g.ap)
		if c.positive < 0 || c.positive == k {
			auc.add(g.auc)
			ap.add(g.ap)
		}
		if c.positive == k {
			r.ROC, r.PrecisionRecall = thin(g.roc), thin(g.pr)
		}
	}
	if auc.n > 0 {
		r.Metrics["roc_auc"] = dag.Float(auc.value())
		r.Metrics["average_precision"] = dag.Float(ap.value())
	}
}

type mean struct {
	sum float64
	n   int
}

func (m *mean) add(v float64)  { m.sum, m.n = m.sum+v, m.n+1 }
func (m *mean) value() float64 { return m.sum / float64(m.n) }

// shownUnknown bounds the list of unknown labels: a wrong target column may
// have as many as there are rows.
const shownUnknown = 20

func (c *Classifier) describeUnknown() *Unknown {
	u := &Unknown{Rows: c.unknownRows(), Distinct: len(c.unknown), Predicted: c.unknownPredicted}
	for label, n := range c.unknown {
		u.Labels = append(u.Labels, UnknownLabel{label, n})
	}
	slices.SortFunc(u.Labels, func(a, b UnknownLabel) int {
		return cmp.Or(cmp.Compare(b.Support, a.Support), cmp.Compare(a.Label, b.Label))
	})
	u.Labels = u.Labels[:min(len(u.Labels), shownUnknown)]
	return u
}
