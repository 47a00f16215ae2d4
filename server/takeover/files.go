package takeover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
)

// holder is what has files on the server: how a folder of them is listed, and
// how one is asked for.
type holder struct {
	list func(ctx context.Context, folder string, into any) error
	get  func(ctx context.Context, name string) (*http.Response, error)
}

func (s *source) runFiles(id string) holder {
	return holder{
		func(ctx context.Context, folder string, into any) error {
			return s.call(ctx, "GET", "artifacts/list", url.Values{"run_id": {id}, "path": {folder}}, nil, into)
		},
		func(ctx context.Context, name string) (*http.Response, error) {
			return s.request(ctx, "GET", "/get-artifact", url.Values{"run_id": {id}, "path": {name}}, nil)
		},
	}
}

func (s *source) loggedFiles(id string) holder {
	return holder{
		func(ctx context.Context, folder string, into any) error {
			return s.call(ctx, "GET", "logged-models/"+id+"/artifacts/directories", url.Values{"artifact_directory_path": {folder}}, nil, into)
		},
		func(ctx context.Context, name string) (*http.Response, error) {
			return s.request(ctx, "GET", "/ajax-api/2.0/mlflow/logged-models/"+id+"/artifacts/files", url.Values{"artifact_file_path": {name}}, nil)
		},
	}
}

// takeFiles copies files, a folder at a time. The server names them, so a name
// that would leave the folder is refused.
func (s *source) takeFiles(ctx context.Context, h holder, folder, to string) error {
	var page struct {
		Files []struct {
			Path string `json:"path"`
			Dir  bool   `json:"is_dir"`
		} `json:"files"`
	}
	if err := h.list(ctx, folder, &page); err != nil {
		return err
	}
	for _, f := range page.Files {
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) || path.Dir(f.Path) != path.Clean("./"+folder) {
			return fmt.Errorf("the server lists a file %q in folder %q", f.Path, folder)
		}
		if f.Dir {
			if err := s.takeFiles(ctx, h, f.Path, to); err != nil {
				return err
			}
			continue
		}
		res, err := h.get(ctx, f.Path)
		if err != nil {
			return err
		}
		if err := keep(res.Body, filepath.Join(to, filepath.FromSlash(f.Path))); err != nil {
			return err
		}
		s.files++
	}
	return nil
}

// keep writes a body to a file.
func keep(body io.ReadCloser, to string) error {
	defer body.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, body)
	return errors.Join(err, f.Close())
}
