// Package score owns the quality of predictions: it accumulates predictions
// row by row and computes the metrics of a classification or a regression, by
// the definitions of scikit-learn with zero_division=0.
package score

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"pipe/dag"
)

// Version is the version of the metrics artifact's JSON.
const Version = 1

// The tasks that have metrics.
const (
	Classification = "classification"
	Regression     = "regression"
)

// Result is a metrics artifact: the scalars by name, and for a classification
// what they were computed from.
type Result struct {
	Version int    `json:"version"`
	Task    string `json:"task"`
	Rows    int64  `json:"rows"`
	// Metrics holds what gates, the registry and comparisons use. A metric that
	// is not defined for the data (ROC-AUC where all rows are of one class) is
	// left out.
	Metrics map[string]dag.Float `json:"metrics"`
	// Classes holds the model's classes in the order of its output.
	Classes []Class `json:"classes,omitempty"`
	// Confusion counts rows by true class (first index) and predicted class.
	Confusion [][]int64 `json:"confusion,omitempty"`
	// Unknown tells of rows whose label the model has no class for.
	Unknown *Unknown `json:"unknown,omitempty"`
	// Positive is the class that precision, recall, f1, roc_auc,
	// average_precision and the curves of a two-class task are about.
	Positive string `json:"positive,omitempty"`
	// ROC has the false positive rate and the recall at thresholds from the
	// highest, PrecisionRecall the recall and the precision.
	ROC             []Point `json:"roc,omitempty"`
	PrecisionRecall []Point `json:"precision_recall,omitempty"`
	// Calibration compares how sure the model was with how often it was right.
	Calibration []Bin `json:"calibration,omitempty"`
}

// Point is a point of a curve.
type Point [2]float64

// Bin is the rows whose prediction had about the same probability.
type Bin struct {
	Rows       int64     `json:"rows"`
	Confidence dag.Float `json:"confidence"` // the mean probability of the predictions
	Accuracy   dag.Float `json:"accuracy"`
}

// Class is the quality of one class against all others.
type Class struct {
	Label     string    `json:"label"`
	Precision dag.Float `json:"precision"`
	Recall    dag.Float `json:"recall"`
	F1        dag.Float `json:"f1"`
	Support   int64     `json:"support"`   // rows that are of the class
	Predicted int64     `json:"predicted"` // rows that the model says are
	// ROCAUC and AveragePrecision rank all rows by the class' probability; nil
	// where all rows or none are of the class.
	ROCAUC           *dag.Float `json:"roc_auc,omitempty"`
	AveragePrecision *dag.Float `json:"average_precision,omitempty"`
}

// Unknown counts the rows whose label the model never saw. They count as
// wrong, and each such label as a class of its own with recall 0.
type Unknown struct {
	Rows      int64          `json:"rows"`
	Distinct  int            `json:"distinct"`
	Labels    []UnknownLabel `json:"labels"`    // the most frequent ones
	Predicted []int64        `json:"predicted"` // rows by predicted class
}

// UnknownLabel is a label that is no class of the model.
type UnknownLabel struct {
	Label   string `json:"label"`
	Support int64  `json:"support"`
}

var (
	classificationNames = []string{
		"accuracy", "average_precision", "calibration_error", "f1", "f1_macro", "f1_weighted", "log_loss",
		"precision", "precision_macro", "precision_weighted",
		"recall", "recall_macro", "recall_weighted", "roc_auc", "rows", "top_5_accuracy", "unknown_rows",
	}
	regressionNames = []string{"mae", "mse", "r2", "rmse", "rows"}
)

// Names lists the metrics that a task may have, in alphabetical order; all of
// both tasks for "". Those of a two-class task only (precision, recall, f1)
// are among them.
func Names(task string) []string {
	switch task {
	case Classification:
		return slices.Clone(classificationNames)
	case Regression:
		return slices.Clone(regressionNames)
	}
	all := append(slices.Clone(classificationNames), regressionNames...)
	slices.Sort(all)
	return slices.Compact(all)
}

// Encode gives the result as indented JSON; equal results give equal bytes.
func (r *Result) Encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(r); err != nil {
		return nil, fmt.Errorf("encode metrics: %w", err)
	}
	return b.Bytes(), nil
}

// Parse reads a metrics artifact.
func Parse(b []byte) (*Result, error) {
	r := new(Result)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	if r.Version != Version {
		return nil, fmt.Errorf("the metrics have version %d and this pipe reads %d", r.Version, Version)
	}
	return r, nil
}

// Scalars gives the metrics as plain numbers.
func (r *Result) Scalars() map[string]float64 {
	out := make(map[string]float64, len(r.Metrics))
	for name, v := range r.Metrics {
		out[name] = float64(v)
	}
	return out
}

// ScalarNames lists the metrics that are there, in alphabetical order.
func (r *Result) ScalarNames() []string {
	names := make([]string, 0, len(r.Metrics))
	for name := range r.Metrics {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
