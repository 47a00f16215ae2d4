package workspace

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"pipe/artifacts"
	"pipe/dag/text"
	"pipe/registry"
)

var digestPrefix = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{8,64}$`) })

// Artifact finds a stored artifact: by the beginning of its digest (at least
// eight digits), or as [RUN:]STAGE[.PORT], an output of a stage in a run, by
// default in the newest run that has the stage.
func (w *Workspace) Artifact(ctx context.Context, name string) (artifacts.Ref, error) {
	run, output, named := strings.Cut(name, ":")
	if !named {
		run, output = "", name
	}
	if !named && digestPrefix().MatchString(name) {
		ref, err := w.Registry.FindArtifact(ctx, name)
		if !errors.Is(err, registry.ErrNotFound) {
			return ref, err
		}
	}
	stage, port, _ := strings.Cut(output, ".")
	stages, id, err := w.stagesOf(ctx, run, stage)
	if err != nil {
		return artifacts.Ref{}, err
	}
	i := slices.IndexFunc(stages, func(s registry.Stage) bool { return s.Name == stage })
	if i < 0 {
		return artifacts.Ref{}, fmt.Errorf("run %s has no stage %q; its stages: %s", id[:8], stage, text.List(stageNames(stages)))
	}
	return outputOf(stages[i], port)
}

// stagesOf gives the stages of a run, or of the newest run that has a stage.
func (w *Workspace) stagesOf(ctx context.Context, run, stage string) ([]registry.Stage, string, error) {
	if run != "" {
		id, stages, err := w.Stages(ctx, run)
		return stages, id, err
	}
	const lookBack = 20
	runs, _, err := w.Registry.Runs(ctx, registry.RunQuery{Limit: lookBack})
	if err != nil {
		return nil, "", err
	}
	for _, r := range runs {
		stages, err := w.Registry.Stages(ctx, r.ID)
		if err != nil {
			return nil, "", err
		}
		i := slices.IndexFunc(stages, func(s registry.Stage) bool { return s.Name == stage })
		switch {
		case i < 0:
		case len(stages[i].Outputs) > 0:
			return stages, r.ID, nil
		case stages[i].State == registry.StageFailed:
			// What an older run has is not what the newest would have given.
			return nil, "", fmt.Errorf("stage %q failed in run %s, the newest that has it; `pipe runs` lists the others: name one as RUN:%s", stage, r.ID[:8], stage)
		}
	}
	return nil, "", fmt.Errorf("there is no artifact %q: neither a digest nor a stage of the last %d runs", stage, lookBack)
}

func stageNames(stages []registry.Stage) []string {
	names := make([]string, len(stages))
	for i, s := range stages {
		names[i] = s.Name
	}
	return names
}

func outputOf(s registry.Stage, port string) (artifacts.Ref, error) {
	if port == "" && len(s.Outputs) == 1 {
		for _, ref := range s.Outputs {
			return ref, nil
		}
	}
	if port == "" {
		port = "out"
	}
	ref, ok := s.Outputs[port]
	if !ok {
		return ref, fmt.Errorf("stage %q has no output %q; it has %s", s.Name, port, text.List(slices.Sorted(maps.Keys(s.Outputs))))
	}
	return ref, nil
}
