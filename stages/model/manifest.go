package model

import (
	"errors"
	"fmt"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/stages/score"
)

// The files of a model's folder beside those of its network (nn.Save). Transforms
// lie in folders of their own below transformFolder, in the form of package transform.
const (
	manifestFile    = "model.json"
	historyFile     = "history.json"
	transformFolder = "transform"
)

// Version is the version of the folder's format.
const Version = 1

// Manifest is model.json: all that is to be known of a model without loading
// it. It holds no time and no place, so that equal trainings give equal bytes.
type Manifest struct {
	Version int `json:"version"`
	// Task is score.Classification, score.Regression or that of a family, such as
	// GenerationTask.
	Task string `json:"task"`
	// Target is the column that the model learnt to predict; families other than
	// those two have none.
	Target dag.Column `json:"target"`
	// Classes are the labels in the order of the network's output, written as
	// text; Target.Type says what they are.
	Classes []string `json:"classes,omitempty"`
	// Logits says that the network ends before its softmax or sigmoid.
	Logits bool `json:"logits,omitempty"`
	// Signature says what goes in and what comes out.
	Signature dag.Signature `json:"signature"`
	Training  Training      `json:"training"`
}

// Training says how the model came to be.
type Training struct {
	Rows           int64                     `json:"rows"`
	ValidationRows int64                     `json:"validation_rows,omitempty"`
	BatchSize      int                       `json:"batch_size"`
	Loss           map[string]map[string]any `json:"loss"`
	Optimizer      map[string]map[string]any `json:"optimizer"`
	Seed           uint64                    `json:"seed"`
	// From is the model that was trained further, empty for a new one.
	From artifacts.Digest `json:"from,omitempty"`
}

// History is history.json: the learning curves.
type History struct {
	Version int     `json:"version"`
	Epochs  []Epoch `json:"epochs"`
	// Kept is the epoch whose weights the model has, from 1.
	Kept         int  `json:"kept_epoch"`
	StoppedEarly bool `json:"stopped_early"`
}

// Epoch is one point of the learning curves; nil is what was not measured.
type Epoch struct {
	Epoch        int        `json:"epoch"`
	Loss         dag.Float  `json:"loss"`
	Accuracy     *dag.Float `json:"accuracy,omitempty"`
	ValLoss      *dag.Float `json:"val_loss,omitempty"`
	ValAccuracy  *dag.Float `json:"val_accuracy,omitempty"`
	LearningRate *dag.Float `json:"learning_rate,omitempty"`
	GradientNorm *dag.Float `json:"gradient_norm,omitempty"`
}

// Names of the columns that predictions have.
const (
	PredictionColumn    = "prediction"
	ProbabilityColumn   = "probability"
	ProbabilitiesColumn = "probabilities"
)

// SignatureOf says what a model that reads what the transform reads will do
// with a row.
func SignatureOf(input dag.Signature, task string, target dag.Column) dag.Signature {
	s := dag.Signature{Inputs: input.Inputs, Task: task}
	docs := []string{"the most probable " + target.Name, "the probability of the prediction", "the probability of each class, in the order of the classes"}
	if task == score.Regression {
		docs = []string{"the predicted " + target.Name}
	}
	for i, f := range Fields(task, target.Type) {
		s.Outputs = append(s.Outputs, dag.Column{Name: f.Name, Type: f.Type.String(), Doc: docs[i]})
	}
	return s
}

func (m *Manifest) validate() error {
	switch {
	case m.Version != Version:
		return fmt.Errorf("its version is %d and this pipe reads %d", m.Version, Version)
	case families[m.Task] != nil:
		return nil
	case m.Target.Name == "":
		return errors.New("it names no target column")
	case m.Task == score.Regression && len(m.Classes) == 0:
		return nil
	case m.Task != score.Classification:
		return fmt.Errorf("its task is %q with %d classes; this pipe knows %s, and %s without classes", m.Task, len(m.Classes), score.Classification, score.Regression)
	case len(m.Classes) < 2:
		return fmt.Errorf("a classification needs two classes, it has %d", len(m.Classes))
	}
	seen := make(map[string]bool, len(m.Classes))
	for _, c := range m.Classes {
		if seen[c] {
			return fmt.Errorf("it has the class %q twice", c)
		}
		seen[c] = true
		if _, err := classValue(m.Target.Type, c); err != nil {
			return err
		}
	}
	return nil
}
