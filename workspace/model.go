package workspace

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"pipe/dag/text"
	"pipe/registry"
	"pipe/stages/model"
)

// Version finds a registered version, named "name@alias", "name/3" or "name";
// where there is none the error says what there is.
func (w *Workspace) Version(ctx context.Context, name string) (registry.ModelVersion, error) {
	v, err := w.Registry.ResolveModel(ctx, name)
	if errors.Is(err, registry.ErrNotFound) {
		err = w.explainMissing(ctx, name, err)
	}
	return v, err
}

// Model opens a registered model, named "name@alias", "name/3" or "name".
func (w *Workspace) Model(ctx context.Context, name string) (*model.Model, registry.ModelVersion, error) {
	v, err := w.Version(ctx, name)
	if err != nil {
		return nil, v, err
	}
	if v.Ref.Digest == "" {
		return nil, v, fmt.Errorf("model %s version %d was registered from elsewhere (%s): its files are not in this store", v.Model, v.Version, v.Source)
	}
	folder, err := w.Store.OpenFolder(v.Ref)
	if err != nil {
		return nil, v, fmt.Errorf("open model %s version %d: %w", v.Model, v.Version, err)
	}
	m, err := model.Load(folder)
	if err != nil {
		return nil, v, fmt.Errorf("open model %s version %d: %w", v.Model, v.Version, err)
	}
	return m, v, nil
}

// explainMissing adds to "no such model" what there is.
func (w *Workspace) explainMissing(ctx context.Context, name string, missing error) error {
	list, err := w.Registry.Models(ctx)
	if err != nil {
		return errors.Join(missing, err)
	}
	var known []string
	for _, m := range list {
		known = append(known, m.Name)
		for alias := range m.Aliases {
			known = append(known, m.Name+"@"+alias)
		}
	}
	if near := text.DidYouMean(name, known); near != "" {
		return fmt.Errorf("%w: %s", missing, near)
	}
	if base, _, ok := strings.Cut(name, "@"); ok && len(known) > 0 {
		return fmt.Errorf("%w; `pipe models show %s` lists its versions", missing, base)
	}
	return fmt.Errorf("%w; registered are: %s", missing, text.List(known))
}
