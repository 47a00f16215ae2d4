package workspace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"pipe/artifacts"
)

// GC removes from the store what neither a run, a model version nor a pin
// refers to. keepRuns is how many runs of each pipeline count, the newest
// first; 0 means all that are not deleted. Where runs have journals and are not in
// the registry, which somebody has then removed or replaced by an older one, it is
// not known what refers to what, and nothing is removed.
func (w *Workspace) GC(ctx context.Context, keepRuns int, o artifacts.GCOptions) (artifacts.GCReport, error) {
	return w.Store.GC(ctx, func() (artifacts.Roots, error) {
		roots, err := w.Registry.Roots(ctx, keepRuns)
		if err != nil {
			return roots, err
		}
		lost, err := w.LostRuns(ctx)
		if err != nil {
			return roots, err
		}
		if len(lost) > 0 {
			return roots, fmt.Errorf("nothing is removed: the registry does not know %d runs whose journals are under %s, the first is %s, so what they made would go; "+
				"enter them again (pipe registry rebuild), restore a backup of the registry (pipe registry restore), or remove the folders of these runs", len(lost), w.RunDir(""), lost[0])
		}
		pins, err := w.Pins()
		for _, p := range pins {
			roots.Refs = append(roots.Refs, p.Ref)
		}
		return roots, err
	}, o)
}

// Pin is an artifact that is to be kept whatever refers to it.
type Pin struct {
	Ref artifacts.Ref `json:"ref"`
	Why string        `json:"why,omitempty"`
}

func (w *Workspace) pinsFile() string { return filepath.Join(w.Dir, "pins.json") }

// Pins lists the pins.
func (w *Workspace) Pins() ([]Pin, error) {
	b, err := os.ReadFile(w.pinsFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the pins: %w", err)
	}
	var pins []Pin
	if err := json.Unmarshal(b, &pins); err != nil {
		return nil, fmt.Errorf("%s is damaged, and what it pins is not known: %w", w.pinsFile(), err)
	}
	return pins, nil
}

// Pin keeps an artifact.
func (w *Workspace) Pin(ref artifacts.Ref, why string) error {
	pins, err := w.Pins()
	if err != nil {
		return err
	}
	pins = slices.DeleteFunc(pins, func(p Pin) bool { return p.Ref.Digest == ref.Digest })
	return w.writePins(append(pins, Pin{ref, why}))
}

// Unpin lets go of an artifact.
func (w *Workspace) Unpin(d artifacts.Digest) error {
	pins, err := w.Pins()
	if err != nil {
		return err
	}
	rest := slices.DeleteFunc(slices.Clone(pins), func(p Pin) bool { return p.Ref.Digest == d })
	if len(rest) == len(pins) {
		return fmt.Errorf("%s is not pinned", d.Short())
	}
	return w.writePins(rest)
}

func (w *Workspace) writePins(pins []Pin) error {
	b, err := json.MarshalIndent(pins, "", "  ")
	if err != nil {
		return err
	}
	temp := w.pinsFile() + ".new"
	if err := os.WriteFile(temp, b, 0o666); err != nil {
		return fmt.Errorf("write the pins: %w", err)
	}
	return os.Rename(temp, w.pinsFile())
}
