package stages

import (
	"fmt"
	"slices"
	"strings"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/stages/model"
	"pipe/stages/report"
	"pipe/stages/score"
)

// reportPage gathers what the report shows.
func reportPage(m *model.Model, digest artifacts.Digest, x *examination, r *score.Result) *report.Page {
	var inputs []string
	for _, c := range m.Signature().Inputs {
		inputs = append(inputs, c.Name)
	}
	p := &report.Page{
		Title: fmt.Sprintf("Predicting %s from %s", m.Target().Name, strings.Join(inputs, ", ")),
		// Whether the model has learnt from these rows is not known here.
		Subtitle: fmt.Sprintf("A model for %s, measured on %d rows.", r.Task, r.Rows),
		Result:   r, History: learningCurves(m.History()), Mistakes: x.worst.list, Points: x.sample.points,
		Facts: facts(m, digest, r),
	}
	for _, l := range m.Summary() {
		p.Layers = append(p.Layers, report.Layer{Name: l.Kind, Shape: l.Out.String(), Parameters: int64(l.Params)})
	}
	return p
}

func learningCurves(h model.History) *report.History {
	out := new(report.History)
	if h.Kept != len(h.Epochs) {
		out.Best = h.Kept
	}
	for _, e := range h.Epochs {
		out.Loss = append(out.Loss, float64(e.Loss))
		for _, c := range []struct {
			value *dag.Float
			curve *[]float64
		}{{e.Accuracy, &out.Accuracy}, {e.ValLoss, &out.ValidationLoss}, {e.ValAccuracy, &out.ValidationAccuracy}} {
			if c.value != nil {
				*c.curve = append(*c.curve, float64(*c.value))
			}
		}
	}
	return out
}

func facts(m *model.Model, digest artifacts.Digest, r *score.Result) []report.Fact {
	t, h := m.Training(), m.History()
	epochs := fmt.Sprint(len(h.Epochs))
	if h.StoppedEarly {
		epochs += ", stopped early"
	}
	if h.Kept != len(h.Epochs) {
		epochs += fmt.Sprintf(", weights of epoch %d", h.Kept)
	}
	out := []report.Fact{{Name: "Model", Value: digest.Short()}, {Name: "Training rows", Value: fmt.Sprint(t.Rows)}}
	if t.ValidationRows > 0 {
		out = append(out, report.Fact{Name: "Validation rows", Value: fmt.Sprint(t.ValidationRows)})
	}
	out = append(out, report.Fact{Name: "Rows measured", Value: fmt.Sprint(r.Rows)})
	if n := len(m.Classes()); n > 0 {
		out = append(out, report.Fact{Name: "Classes", Value: fmt.Sprint(n)})
	}
	return append(out,
		report.Fact{Name: "Epochs", Value: epochs},
		report.Fact{Name: "Batch size", Value: fmt.Sprint(t.BatchSize)},
		report.Fact{Name: "Loss", Value: spelled(t.Loss)},
		report.Fact{Name: "Optimizer", Value: spelled(t.Optimizer)},
		report.Fact{Name: "Seed", Value: fmt.Sprint(t.Seed)})
}

// spelled writes {adam: {learning_rate: 0.001}} as adam (learning_rate 0.001),
// without settings that are off.
func spelled(named map[string]map[string]any) string {
	name, set := only(named)
	var parts []string
	for key, v := range set {
		if v != false && v != 0.0 {
			parts = append(parts, fmt.Sprintf("%s %v", key, v))
		}
	}
	slices.Sort(parts)
	if len(parts) == 0 {
		return name
	}
	return name + " (" + strings.Join(parts, ", ") + ")"
}
