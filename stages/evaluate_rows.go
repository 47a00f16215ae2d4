package stages

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/stages/model"
	"pipe/stages/report"
	"pipe/stages/score"
	"pipe/stages/transform"
)

// examination compares predictions with the truth, batch by batch.
type examination struct {
	model  *model.Model
	target string
	index  map[string]int // of the classes

	classes *score.Classifier // of a classification
	numbers *score.Regressor  // of a regression
	worst   worst
	sample  sample
	gallery *gallery // of a model that reads pictures
	unknown unknownTruth
}

func newExamination(m *model.Model, e *Evaluate) (*examination, error) {
	x := &examination{model: m, target: cmp.Or(e.Target, m.Target().Name), worst: worst{most: e.Mistakes}}
	if m.Task() == score.Regression {
		x.numbers = new(score.Regressor)
		return x, nil
	}
	x.index = make(map[string]int, len(m.Classes()))
	for k, c := range m.Classes() {
		x.index[c] = k
	}
	x.gallery = newGallery(m)
	var err error
	x.classes, err = score.NewClassifier(m.Classes(), e.Positive)
	return x, err
}

func (x *examination) result() *score.Result {
	if x.numbers != nil {
		return x.numbers.Result()
	}
	return x.classes.Result()
}

// observe counts a batch, whose first row has the number first.
func (x *examination) observe(batch arrow.RecordBatch, first int64, p *model.Predictions) error {
	truth := batch.Column(batch.Schema().FieldIndices(x.target)[0])
	for i := range p.Rows {
		row := first + int64(i)
		if truth.IsNull(i) {
			return &transform.RowError{Row: row, Column: x.target, Msg: "it is null, so there is nothing to compare with; leave such rows out with clean's drop_null"}
		}
		if x.numbers != nil {
			if err := x.number(batch, truth, i, row, p.Values[i]); err != nil {
				return err
			}
			continue
		}
		label, _ := model.Label(truth, i)
		x.label(batch, label, i, row, p.Best[i], p.Row(i))
	}
	return nil
}

func (x *examination) number(batch arrow.RecordBatch, truth arrow.Array, i int, row int64, predicted float64) error {
	v, ok := model.Number(truth, i)
	if !ok || math.IsNaN(v) || math.IsInf(v, 0) {
		return &transform.RowError{Row: row, Column: x.target, Msg: truth.ValueStr(i) + " is no number to compare with"}
	}
	x.numbers.Add(v, predicted)
	x.sample.add(report.Point{Truth: v, Predicted: predicted})
	if off := math.Abs(v - predicted); x.worst.takes(off) {
		number := func(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
		x.worst.add(off, report.Mistake{Row: row, Input: x.input(batch, i), Truth: number(v), Predicted: number(predicted), Probability: -1})
	}
	return nil
}

func (x *examination) label(batch arrow.RecordBatch, label string, i int, row int64, best int, p []float32) {
	k, known := x.index[label]
	if known {
		x.classes.Add(k, best, p)
	} else {
		x.classes.AddUnknown(x.unknown.at(label, row), best, p)
	}
	if g := x.gallery; g != nil && g.takes(known && k == best, best, p[best]) {
		g.add(batch, i, exhibit{truth: strings.Clone(label), predicted: x.model.Classes()[best], class: best, probability: p[best]})
	}
	if known && k == best {
		return
	}
	if sure := float64(p[best]); x.worst.takes(sure) {
		x.worst.add(sure, report.Mistake{Row: row, Input: x.input(batch, i), Truth: strings.Clone(label), Predicted: x.model.Classes()[best], Probability: sure})
	}
}

// input shows what the model read in a row.
func (x *examination) input(batch arrow.RecordBatch, i int) string {
	columns := x.model.Signature().Inputs
	parts := make([]string, len(columns))
	for j, c := range columns {
		column := batch.Column(batch.Schema().FieldIndices(c.Name)[0])
		value, _ := model.Label(column, i)
		if file, ok := column.(*array.Binary); ok { // its bytes tell a reader nothing
			value = cmp.Or(transform.PathBeside(batch, i), fmt.Sprintf("a file of %d bytes", len(file.Value(i))))
		}
		value = firstBytes(value, 4000)
		parts[j] = strings.Clone(value)
		if len(columns) > 1 {
			parts[j] = c.Name + ": " + value
		}
	}
	return strings.Join(parts, "\n")
}

// firstBytes cuts a text to at most n bytes, between characters.
func firstBytes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// worst keeps the mistakes of the greatest weight; of equal ones the first.
type worst struct {
	most    int
	list    []report.Mistake
	weights []float64
}

func (w *worst) takes(weight float64) bool {
	return w.most > 0 && (len(w.list) < w.most || weight > w.weights[len(w.weights)-1])
}

func (w *worst) add(weight float64, m report.Mistake) {
	at, _ := slices.BinarySearchFunc(w.weights, weight, func(have, new float64) int {
		if have >= new {
			return -1
		}
		return 1
	})
	w.weights = slices.Insert(w.weights, at, weight)
	w.list = slices.Insert(w.list, at, m)
	if len(w.list) > w.most {
		w.weights, w.list = w.weights[:w.most], w.list[:w.most]
	}
}

// sample keeps every n-th row, with n doubled whenever there are too many: an
// even choice that needs no random numbers.
type sample struct {
	points []report.Point
	every  int
	seen   int
}

const samplePoints = 600

func (s *sample) add(p report.Point) {
	s.every = max(s.every, 1)
	if s.seen%s.every == 0 {
		s.points = append(s.points, p)
	}
	s.seen++
	if len(s.points) < 2*samplePoints {
		return
	}
	for i := range samplePoints {
		s.points[i] = s.points[2*i]
	}
	s.points, s.every = s.points[:samplePoints], 2*s.every
}
