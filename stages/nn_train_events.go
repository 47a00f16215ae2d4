package stages

import (
	"bytes"
	"errors"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/stages/model"
	"pipe/stages/nn"
	"pipe/stages/nn/tensorboard"
)

// writeEvents writes the output tensorboard. The time of an epoch is its number in
// seconds: the clock would give every run other bytes.
func writeEvents(env *dag.Env, history model.History, epochs []nn.EpochResult) error {
	var file bytes.Buffer
	w := tensorboard.NewWriter(&file)
	for i, e := range history.Epochs {
		step, time := int64(e.Epoch), float64(e.Epoch)
		for _, curve := range []struct {
			tag   string
			value *dag.Float
		}{
			{"loss/train", &e.Loss}, {"loss/validation", e.ValLoss},
			{"accuracy/train", e.Accuracy}, {"accuracy/validation", e.ValAccuracy},
			{"learning_rate", e.LearningRate}, {"gradient_norm", e.GradientNorm},
		} {
			if curve.value != nil {
				w.Scalar(step, time, curve.tag, float64(*curve.value))
			}
		}
		for _, h := range epochs[i].Weights {
			w.Histogram(step, time, "weights/"+h.Name, h.Histogram)
		}
	}
	if err := w.Err(); err != nil {
		return err
	}
	folder, err := env.CreateFolder("tensorboard", artifacts.File)
	if err != nil {
		return err
	}
	f, err := folder.Create(tensorboard.FileName)
	if err != nil {
		return err
	}
	_, err = f.Write(file.Bytes())
	return errors.Join(err, f.Close())
}
