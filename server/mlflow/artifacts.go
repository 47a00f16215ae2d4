package mlflow

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"pipe/registry"
	"pipe/server/auth"
)

// fileInfo is an entry of a listing.
type fileInfo struct {
	Path string `json:"path"`
	Dir  bool   `json:"is_dir"`
	Size *int64 `json:"file_size,omitempty"`
}

type fileList struct {
	Root  string     `json:"root_uri,omitempty"`
	Files []fileInfo `json:"files,omitempty"`
}

const proxy = "/mlflow-artifacts/artifacts"

func (s *Server) artifactRoutes() {
	s.handle("GET", proxy+"/{path...}", s.download)
	s.handle("PUT", proxy+"/{path...}", s.upload)
	s.handle("DELETE", proxy+"/{path...}", s.deleteArtifact)
	rpc(s, "GET", proxy, s.listProxied)
	rpc(s, "GET", "/mlflow/artifacts/list", s.listRun)
	s.mux.HandleFunc("GET /get-artifact", s.runArtifact)
	s.mux.HandleFunc("POST /ajax-api/2.0/mlflow/upload-artifact", s.uploadRunArtifact)
	s.mux.HandleFunc("GET /model-versions/get-artifact", s.versionArtifact)
	for _, p := range []string{"create", "complete", "abort"} {
		s.handle("POST", "/mlflow-artifacts/mpu/"+p+"/{path...}", s.noMultipart)
	}
}

// noMultipart tells clients, as MLflow does for stores without it, to upload
// in one piece, which is streamed to the disk here.
func (s *Server) noMultipart(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, &apiError{http.StatusNotImplemented, "NOT_IMPLEMENTED", "Multipart upload is not supported for the current artifact repository"})
}

// wanted is the path of a request to the proxy.
func wanted(r *http.Request) (string, error) {
	p := r.PathValue("path")
	if p == "" {
		return "", invalid("Invalid path")
	}
	return p, checkPath(p)
}

func noSuch(p string) error { return notFound("No such artifact: '%s'", clip(p)) }

func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	p, err := wanted(r)
	if err == nil {
		err = s.mayFile(r.Context(), auth.Read, p)
	}
	if err == nil {
		err = s.send(w, r, p)
	}
	if err != nil {
		s.fail(w, r, err)
	}
}

// send answers with a file. A browser must never run what somebody uploaded:
// it is an attachment, its type is one that has no scripts, and a sandbox
// stands for the case that both are ignored.
func (s *Server) send(w http.ResponseWriter, r *http.Request, p string) error {
	f, err := s.open(r.Context(), p)
	if err != nil {
		return fileError(err, p)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return noSuch(p)
	}
	h := w.Header()
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": path.Base(p)}))
	h.Set("Content-Type", contentType(p))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	content, ok := f.(io.ReadSeeker)
	if !ok {
		return noSuch(p)
	}
	http.ServeContent(w, r, "", info.ModTime(), content)
	return nil
}

// open opens a file that a pipeline made, or else one that a client uploaded.
func (s *Server) open(ctx context.Context, p string) (fs.File, error) {
	made, rest, err := s.made(ctx, p)
	if err != nil {
		return nil, err
	}
	if made != nil {
		if f, err := made.Open(rest); !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return s.files.Open(p)
}

// contentType is the type of a file that is safe to show, otherwise bytes.
func contentType(p string) string {
	switch strings.ToLower(path.Ext(p)) {
	case ".txt", ".log", ".md", ".yaml", ".yml", ".py", ".csv", ".tsv", ".html", ".htm", ".svg", ".xml":
		return "text/plain; charset=utf-8"
	case ".json":
		return "application/json"
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	}
	return "application/octet-stream"
}

// fileError tells what is not there (or would be outside) from what failed.
func fileError(err error, p string) error {
	var pathErr *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return noSuch(p)
	case errors.Is(err, fs.ErrExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR):
		return invalid("Invalid path: '%s' is a file", clip(p))
	case errors.As(err, &pathErr) && strings.Contains(pathErr.Err.Error(), "escapes"):
		return invalid("Invalid path")
	}
	return err
}

// upload streams the body beside its place and moves it there when it is
// whole and on the disk.
func (s *Server) upload(w http.ResponseWriter, r *http.Request) {
	p, err := wanted(r)
	if err == nil && r.ContentLength > s.opt.MaxUpload {
		err = s.tooBig()
	}
	if err == nil {
		err = s.mayFile(r.Context(), auth.Write, p)
	}
	if err == nil {
		err = s.notMade(r.Context(), p)
	}
	if err == nil {
		err = s.store(http.MaxBytesReader(w, r.Body, s.opt.MaxUpload), p)
	}
	s.done(w, r, err)
}

func (s *Server) tooBig() error {
	return &apiError{http.StatusRequestEntityTooLarge, "INVALID_PARAMETER_VALUE", "The file is larger than this server accepts."}
}

func (s *Server) store(body io.Reader, p string) error {
	if err := s.files.MkdirAll(path.Dir(p), 0o755); err != nil {
		return fileError(err, p)
	}
	id, err := s.uploadID()
	if err != nil {
		return err
	}
	part := path.Join(path.Dir(p), "."+id+".part")
	f, err := s.files.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fileError(err, p)
	}
	_, err = io.Copy(f, body)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = s.files.Rename(part, p)
	}
	if err == nil {
		return nil
	}
	var long *http.MaxBytesError
	if errors.As(err, &long) {
		err = s.tooBig()
	}
	return errors.Join(fileError(err, p), s.files.Remove(part))
}

func (s *Server) uploadID() (string, error) {
	var b [12]byte
	if _, err := io.ReadFull(s.opt.Random, b[:]); err != nil {
		return "", err
	}
	return hex.EncodeToString(b[:]), nil
}

func (s *Server) deleteArtifact(w http.ResponseWriter, r *http.Request) {
	p, err := wanted(r)
	if err == nil {
		err = s.mayFile(r.Context(), auth.Write, p)
	}
	if err == nil {
		err = s.notMade(r.Context(), p)
	}
	if err == nil {
		err = fileError(s.files.RemoveAll(p), p) // what is not there is deleted already
	}
	s.done(w, r, err)
}

// listProxied lists a folder of the proxy; names are relative to it.
func (s *Server) listProxied(ctx context.Context, q *struct {
	Path string `json:"path"`
}) (any, error) {
	if q.Path != "" {
		if err := checkPath(q.Path); err != nil {
			return nil, err
		}
	}
	if err := s.mayFile(ctx, auth.Read, q.Path); err != nil {
		return nil, err
	}
	files, err := s.folder(ctx, q.Path, "")
	return fileList{Files: files}, err
}

// listRun lists a folder of a run; names are relative to the run.
func (s *Server) listRun(ctx context.Context, q *struct {
	ID   string `json:"run_id"`
	UUID string `json:"run_uuid"`
	Path string `json:"path"`
}) (any, error) {
	id, err := (&runRef{q.ID, q.UUID}).id()
	if err != nil {
		return nil, err
	}
	run, err := s.reg.RunByID(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.listUnder(ctx, run.ArtifactURI, q.Path)
}

// listUnder lists a folder below a location.
func (s *Server) listUnder(ctx context.Context, root, sub string) (fileList, error) {
	if sub != "" {
		if err := checkPath(sub); err != nil {
			return fileList{}, err
		}
	}
	base, ok := proxied(root)
	if !ok {
		return fileList{}, invalid("The artifacts are at '%s', which this server does not read; use a client that can.", clip(root))
	}
	files, err := s.folder(ctx, path.Join(base, sub), sub)
	return fileList{root, files}, err
}

// folder lists a folder by name: what a pipeline made there and what clients
// uploaded. What is not there is empty, as in MLflow. Each name is put after
// prefix.
func (s *Server) folder(ctx context.Context, dir, prefix string) ([]fileInfo, error) {
	if dir == "" {
		dir = "."
	}
	made, rest, err := s.made(ctx, dir)
	if err != nil {
		return nil, err
	}
	var files []fileInfo
	if made != nil {
		if files, err = entriesOf(func() (fs.File, error) { return made.Open(rest) }, func() ([]fs.DirEntry, error) { return fs.ReadDir(made, rest) }, dir, prefix, nil); err != nil {
			return nil, err
		}
	}
	files, err = entriesOf(func() (fs.File, error) { return s.files.Open(dir) }, func() ([]fs.DirEntry, error) { return fs.ReadDir(s.files.FS(), dir) }, dir, prefix, files)
	slices.SortFunc(files, func(a, b fileInfo) int { return strings.Compare(a.Path, b.Path) })
	return files, err
}

// entriesOf adds the entries of a folder to files, which have the say.
func entriesOf(open func() (fs.File, error), read func() ([]fs.DirEntry, error), dir, prefix string, files []fileInfo) ([]fileInfo, error) {
	f, err := open()
	if errors.Is(err, fs.ErrNotExist) {
		return files, nil
	} else if err != nil {
		return nil, fileError(err, dir)
	}
	info, err := f.Stat()
	if err = errors.Join(err, f.Close()); err != nil || !info.IsDir() {
		return files, err
	}
	entries, err := read()
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") && strings.HasSuffix(e.Name(), ".part") {
			continue // an upload that is under way
		}
		info, err := e.Info()
		if err != nil || !info.IsDir() && !info.Mode().IsRegular() {
			continue // deleted meanwhile, or nothing that we put there
		}
		entry := fileInfo{Path: path.Join(prefix, e.Name()), Dir: info.IsDir()}
		if size := info.Size(); !entry.Dir {
			entry.Size = &size
		}
		if !slices.ContainsFunc(files, func(have fileInfo) bool { return have.Path == entry.Path }) {
			files = append(files, entry)
		}
	}
	return files, nil
}

// runArtifact is the download link of MLflow's UI.
func (s *Server) runArtifact(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	run, err := s.reg.RunByID(r.Context(), clip(firstOf(q, "run_id", "run_uuid")))
	if err == nil {
		err = may(r.Context(), auth.Read, auth.Experiment(run.Experiment))
	}
	if err == nil {
		err = s.sendUnder(w, r, run.ArtifactURI, q.Get("path"))
	}
	if err != nil {
		s.fail(w, r, err)
	}
}

// uploadRunArtifact is how MLflow's UI uploads.
func (s *Server) uploadRunArtifact(w http.ResponseWriter, r *http.Request) {
	const most = 10 << 20
	q := r.URL.Query()
	id, sub := clip(firstOf(q, "run_uuid", "run_id")), q.Get("path")
	var err error
	switch {
	case id == "":
		err = invalid("Request must specify run_uuid.")
	case sub == "":
		err = invalid("Request must specify path.")
	case r.ContentLength > most:
		err = invalid("Artifact size is too large. Max size is 10MB.")
	case checkPath(sub) != nil:
		err = checkPath(sub)
	case r.ContentLength == 0:
		err = invalid("Request must specify data.")
	}
	var run registry.Run
	if err == nil {
		run, err = s.reg.RunByID(r.Context(), id)
	}
	if err == nil {
		err = may(r.Context(), auth.Write, auth.Experiment(run.Experiment))
	}
	if err == nil {
		base, ok := proxied(run.ArtifactURI)
		if err = invalid("Invalid path"); ok {
			err = s.store(http.MaxBytesReader(w, r.Body, most), path.Join(base, sub))
		}
	}
	s.done(w, r, err)
}

// versionArtifact is the same for a model version.
func (s *Server) versionArtifact(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	n, err := versionNumber(label(q.Get("version")))
	if err == nil {
		err = may(r.Context(), auth.Read, auth.Model(q.Get("name")))
	}
	if err == nil {
		var source string
		if source, err = s.downloadURI(r.Context(), q.Get("name"), n); err == nil {
			err = s.sendUnder(w, r, source, q.Get("path"))
		}
	}
	if err != nil {
		s.fail(w, r, err)
	}
}

func (s *Server) sendUnder(w http.ResponseWriter, r *http.Request, root, sub string) error {
	base, ok := proxied(root)
	if !ok || sub == "" {
		return invalid("Invalid path")
	}
	if err := checkPath(sub); err != nil {
		return err
	}
	return s.send(w, r, path.Join(base, sub))
}

func firstOf(q url.Values, names ...string) string {
	for _, n := range names {
		if v := q.Get(n); v != "" {
			return v
		}
	}
	return ""
}
