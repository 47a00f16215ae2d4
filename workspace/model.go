package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
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

// Model opens a registered model that answers rows with labels or numbers, named
// "name@alias", "name/3" or "name".
func (w *Workspace) Model(ctx context.Context, name string) (*model.Model, registry.ModelVersion, error) {
	return openModel(ctx, w, name, model.Load)
}

// ServedModel opens a registered model of any family; which it is, its interfaces
// tell.
func (w *Workspace) ServedModel(ctx context.Context, name string) (model.Served, registry.ModelVersion, error) {
	return openModel(ctx, w, name, model.Open)
}

func openModel[M any](ctx context.Context, w *Workspace, name string, load func(fs.FS) (M, error)) (m M, v registry.ModelVersion, err error) {
	if v, err = w.Version(ctx, name); err != nil {
		return m, v, err
	}
	if v.Ref.Digest == "" {
		return m, v, fmt.Errorf("model %s version %d was registered from elsewhere (%s): its files are not in this store", v.Model, v.Version, v.Source)
	}
	folder, err := w.Store.OpenFolder(v.Ref)
	if err != nil {
		return m, v, fmt.Errorf("open model %s version %d: %w", v.Model, v.Version, err)
	}
	if m, err = load(folder); err != nil {
		return m, v, fmt.Errorf("open model %s version %d: %w", v.Model, v.Version, err)
	}
	return m, v, nil
}

// explainMissing adds to "no such model" what there is. Of a model that is there it
// tells the versions and aliases, and never another model's.
func (w *Workspace) explainMissing(ctx context.Context, name string, missing error) error {
	list, err := w.Registry.Models(ctx)
	if err != nil {
		return errors.Join(missing, err)
	}
	base, alias := name, ""
	if at := strings.LastIndexByte(name, '@'); at >= 0 {
		base, alias = name[:at], name[at+1:]
	} else if at := strings.LastIndexByte(name, '/'); at >= 0 {
		base = name[:at]
	}
	known := make([]string, len(list))
	aliases := map[string]map[string]int{}
	for i, m := range list {
		known[i], aliases[m.Name] = m.Name, m.Aliases
	}
	if has, ok := aliases[base]; ok {
		if near := text.Closest(alias, slices.Collect(maps.Keys(has))); alias != "" && near != "" {
			return fmt.Errorf("%w: did you mean \"%s@%s\"?", missing, base, near)
		}
		return w.explainVersion(ctx, base, alias, missing)
	}
	near := text.Closest(base, known)
	if near == "" {
		return fmt.Errorf("%w; registered are: %s", missing, text.List(known))
	}
	if _, ok := aliases[near][alias]; ok {
		near += "@" + alias
	}
	return fmt.Errorf("%w: did you mean %q?", missing, near)
}

// explainVersion adds to "no such version" the newest that there are, and for an alias
// how it is set.
func (w *Workspace) explainVersion(ctx context.Context, name, alias string, missing error) error {
	const most = 10
	list, err := w.Registry.ModelVersions(ctx, name)
	if err != nil {
		return errors.Join(missing, err)
	}
	if len(list) == 0 {
		return fmt.Errorf("%w: %s has no versions", missing, name)
	}
	slices.SortFunc(list, func(a, b registry.ModelVersion) int { return b.Version - a.Version })
	more := ""
	if len(list) > most {
		more = ", …"
	}
	var versions []string
	for _, v := range list[:min(len(list), most)] {
		versions = append(versions, fmt.Sprint(v.Version))
	}
	hint := ""
	if alias != "" {
		hint = fmt.Sprintf("; name one as %[1]s/%[2]d, or set the alias with `pipe models promote %[1]s/%[2]d %[3]s`", name, list[0].Version, alias)
	}
	return fmt.Errorf("%w; versions of %s, the newest first: %s%s%s", missing, name, strings.Join(versions, ", "), more, hint)
}
