package nn

// Stopping says when a training ends early and which weights it ends with.
type Stopping struct {
	Monitor     string  `yaml:"monitor" doc:"what should improve" default:"val_loss" enum:"val_loss,val_accuracy,loss,accuracy"`
	Patience    int     `yaml:"patience" doc:"epochs without improvement after which the training stops; 0 for never" default:"0" min:"0"`
	MinDelta    float64 `yaml:"min_delta" doc:"what counts as an improvement" default:"0" min:"0"`
	RestoreBest bool    `yaml:"restore_best" doc:"whether the training ends with the weights of the best epoch" default:"false"`
}

// monitored returns what stopping watches in an epoch, turned so that smaller is
// better; false when the epoch has no such value.
func (s *Stopping) monitored(r *EpochResult) (float64, bool) {
	m := r.Metrics
	switch s.Monitor {
	case "val_loss", "val_accuracy":
		if r.Validation == nil {
			return 0, false
		}
		m = *r.Validation
	}
	if s.Monitor == "val_accuracy" || s.Monitor == "accuracy" {
		return -m.Accuracy, true
	}
	return m.Loss, true
}

// judge decides whether the epoch that just ended is the best and whether it is
// the last.
func (t *Trainer) judge(r *EpochResult) {
	s := t.cfg.Stopping
	value, ok := s.monitored(r)
	if !ok {
		return
	}
	if t.state.Best == 0 || value < t.state.Value-s.MinDelta {
		r.Best = true
		t.state.Best, t.state.Value = r.Epoch, value
		if s.RestoreBest {
			t.keepBest()
		}
	}
	t.state.Stopped = s.Patience > 0 && r.Epoch-t.state.Best >= s.Patience
}

func (t *Trainer) keepBest() {
	if t.best == nil {
		t.best = make([][]float32, len(t.net.params))
		for i, p := range t.net.params {
			t.best[i] = make([]float32, len(p.Data))
		}
	}
	for i, p := range t.net.params {
		copy(t.best[i], p.Data)
	}
}

func (t *Trainer) restoreBest() {
	for i, values := range t.best {
		copy(t.net.params[i].Data, values)
	}
	t.net.packs.empty()
}
