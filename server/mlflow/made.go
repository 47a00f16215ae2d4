package mlflow

import (
	"context"
	"errors"
	"io/fs"
	"regexp"
	"strings"
	"sync"

	"pipe/registry"
	"pipe/server/auth"
)

// Made gives the files of what pipelines made. The error is fs.ErrNotExist
// where there are none.
type Made interface {
	Run(ctx context.Context, id string) (fs.FS, error)
	Model(ctx context.Context, digest string) (fs.FS, error)
}

// Where made files are found in the artifact proxy. A model is named by its
// digest, so that all its versions, whichever run registered them, are at one
// place.
const modelsFolder = "models/"

var (
	madeModel = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^models/([0-9a-f]{64})(?:/(.*))?$`) })
	madeRun   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9]+/([0-9a-f]{32})/artifacts(?:/(.*))?$`) })
)

// made finds the file system that a path of the proxy lies in, and the path
// inside of it; nil where nothing was made there.
func (s *Server) made(ctx context.Context, p string) (fsys fs.FS, rest string, err error) {
	if s.opt.Made == nil {
		return nil, "", nil
	}
	if m := madeModel().FindStringSubmatch(p); m != nil {
		fsys, err = s.opt.Made.Model(ctx, m[1])
		rest = m[2]
	} else if m := madeRun().FindStringSubmatch(p); m != nil {
		fsys, err = s.opt.Made.Run(ctx, m[1])
		rest = m[2]
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if rest == "" {
		rest = "."
	}
	return fsys, rest, err
}

// notMade refuses to change what a pipeline made.
func (s *Server) notMade(ctx context.Context, p string) error {
	fsys, rest, err := s.made(ctx, p)
	if err != nil || fsys == nil {
		return err
	}
	if _, err := fs.Stat(fsys, rest); err == nil && rest != "." || strings.HasPrefix(p, modelsFolder) {
		return invalid("Invalid path: '%s' was made by a pipeline and does not change", clip(p))
	}
	return nil
}

// sourceOf is where a version's files are: what its client said, or the folder
// of the model that a pipeline registered.
func sourceOf(v registry.ModelVersion) string {
	if v.Source == "" && v.Ref.Digest != "" {
		return "mlflow-artifacts:/" + modelsFolder + string(v.Ref.Digest)
	}
	return v.Source
}

// mayMade is may for a made model: who may read one of its registered models
// may read its files.
func (s *Server) mayMade(ctx context.Context, digest string) error {
	p := auth.From(ctx)
	if p.May(auth.Read, auth.Resource{}) {
		return nil
	}
	names, err := s.reg.ModelsOfArtifact(ctx, digest)
	if err != nil {
		return err
	}
	for _, n := range names {
		if p.May(auth.Read, auth.Model(n)) {
			return nil
		}
	}
	return denied(p, auth.Read, auth.Resource{})
}
