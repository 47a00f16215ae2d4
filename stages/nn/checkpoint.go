package nn

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// stateFormat is the version of what WriteState writes.
const stateFormat = "pipe.training/1"

// WriteState writes everything that the rest of the training depends on, as
// safetensors: the weights ("weights/1.weight_ih"), the optimiser's slots
// ("slots/m/1.weight_ih"), the best weights, and under the metadata key "state"
// the counters and the history.
func (t *Trainer) WriteState(w io.Writer) error {
	state, err := json.Marshal(&t.state)
	if err != nil {
		return fmt.Errorf("training state: %w", err)
	}
	return WriteSafetensors(w, t.arrays(t.best != nil), map[string]string{"state": string(state)})
}

// ReadState continues where the training that wrote the state was. The network
// and the configuration must be the same; more epochs are welcome.
func (t *Trainer) ReadState(r io.Reader, size int64) error {
	arrays, metadata, err := ReadSafetensors(r, size)
	if err != nil {
		return fmt.Errorf("training state: %w", err)
	}
	var state trainerState
	if err := json.Unmarshal([]byte(metadata["state"]), &state); err != nil {
		return fmt.Errorf("training state: %w", err)
	}
	if state.Format != stateFormat {
		return fmt.Errorf("training state: format is %q, want %q", state.Format, stateFormat)
	}
	if state.Epoch < 0 || state.Step < 0 || state.Updates < 0 || state.Epoch != len(state.History) {
		return fmt.Errorf("training state: epoch %d, step %d, update %d with %d finished epochs cannot be", state.Epoch, state.Step, state.Updates, len(state.History))
	}
	byName := make(map[string]Array, len(arrays))
	best := false
	for _, a := range arrays {
		byName[a.Name] = a
		best = best || strings.HasPrefix(a.Name, "best/")
	}
	if best && t.best == nil {
		t.keepBest()
	}
	want := t.arrays(best)
	if len(want) != len(arrays) {
		return fmt.Errorf("training state: holds %d arrays, this training needs %d", len(arrays), len(want))
	}
	for _, a := range want {
		if got, ok := byName[a.Name]; !ok || !got.Shape.Equal(a.Shape) {
			return fmt.Errorf("training state: %q of shape %v is missing or has another shape", a.Name, a.Shape)
		}
	}
	for _, a := range want {
		copy(a.Data, byName[a.Name].Data)
	}
	t.net.packs.empty()
	t.state = state
	return nil
}

// arrays lists the arrays of the state; their data is the trainer's own.
func (t *Trainer) arrays(best bool) []Array {
	var all []Array
	for i, p := range t.net.params {
		all = append(all, Array{"weights/" + p.Name, p.Shape, p.Data})
		if best {
			all = append(all, Array{"best/" + p.Name, p.Shape, t.best[i]})
		}
	}
	for i, p := range t.params {
		for s, name := range t.cfg.Optimizer.Slots() {
			all = append(all, Array{"slots/" + strconv.Itoa(s) + "." + name + "/" + p.Name, p.Shape, t.slots[i][s]})
		}
	}
	return all
}
