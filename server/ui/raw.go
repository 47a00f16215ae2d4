package ui

import (
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"pipe/artifacts"
)

// sandbox is the policy of bytes that a run has made: they may look as they
// like, but neither run scripts nor reach anything.
const sandbox = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; media-src data:; frame-ancestors 'self'"

// sendRaw sends a file of a run. Nothing that it holds runs in this origin.
func sendRaw(w http.ResponseWriter, r *http.Request, name, ext string, body io.ReadSeeker, tag string) {
	h := w.Header()
	kind, inline := rawKind(name, ext)
	h.Set("Content-Type", kind)
	h.Set("Content-Security-Policy", sandbox)
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	disposition := "attachment"
	if inline && r.URL.Query().Get("download") == "" {
		disposition = "inline"
	}
	h.Set("Content-Disposition", mime.FormatMediaType(disposition, map[string]string{"filename": name}))
	h.Set("Cache-Control", "private, no-cache")
	if tag != "" {
		h.Set("ETag", `"`+tag+`"`)
	}
	http.ServeContent(w, r, "", time.Time{}, body)
}

// artifactRaw sends the bytes of an artifact, or of a file in it.
func (s *Server) artifactRaw(w http.ResponseWriter, r *http.Request) error {
	ref, err := s.artifactRef(r.Context(), r.PathValue("digest"))
	if err != nil {
		return err
	}
	name := r.PathValue("path")
	if !ref.IsFolder() {
		o, err := s.w.Store.Open(ref)
		if err != nil {
			return err
		}
		defer o.Close()
		sendRaw(w, r, ref.Digest.Short()+"."+ref.Format, ref.Format, o, string(ref.Digest))
		return nil
	}
	f, err := s.w.Store.OpenFolder(ref)
	if err != nil {
		return err
	}
	o, err := f.OpenObject(name)
	if err != nil {
		return err
	}
	defer o.Close()
	sendRaw(w, r, path.Base(name), extOf(name), o, string(o.Ref().Digest))
	return nil
}

// root is the folder of MLflow clients' artifacts, which appears when the first
// is uploaded.
func (s *Server) root() *os.Root {
	s.filesMu.Lock()
	defer s.filesMu.Unlock()
	if s.files == nil {
		if root, err := os.OpenRoot(filepath.Join(s.w.Dir, "mlartifacts")); err == nil {
			s.files = root
		}
	}
	return s.files
}

// uploadedContent is an uploaded file as the previews read it.
type uploadedContent struct {
	*os.File
	size int64
}

// Size implements content.
func (u uploadedContent) Size() int64 { return u.size }

// openUploaded opens a file that an MLflow client has put beside a run.
func (s *Server) openUploaded(r *http.Request) (uploadedContent, error) {
	run, err := s.w.Registry.RunByID(r.Context(), r.PathValue("id"))
	if err != nil {
		return uploadedContent{}, err
	}
	base, ok := proxied(run.ArtifactURI)
	name := r.PathValue("path")
	if !ok || s.root() == nil || !fs.ValidPath(name) {
		return uploadedContent{}, &problem{http.StatusNotFound, "The files of this run are not kept here."}
	}
	f, err := s.root().Open(filepath.FromSlash(path.Join(base, name)))
	if err != nil {
		return uploadedContent{}, err
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		f.Close()
		return uploadedContent{}, &problem{http.StatusNotFound, "There is no such file."}
	}
	return uploadedContent{f, info.Size()}, nil
}

// runFile shows an uploaded file.
func (s *Server) runFile(w http.ResponseWriter, r *http.Request) error {
	d, err := s.runOf(r, "artifacts")
	if err != nil {
		return err
	}
	name := r.PathValue("path")
	f, err := s.openUploaded(r)
	if err != nil {
		return err
	}
	defer f.Close()
	p, err := look(name, extOf(name), "/runs/"+d.ID+"/raw/"+escapePath(name), f)
	problem := ""
	if err != nil {
		problem = sentence(err)
	}
	s.render(w, r, http.StatusOK, "runfile", s.frameOf(d), struct {
		*runData
		Preview *preview
		Problem string
	}{d, p, problem})
	return nil
}

func (s *Server) runRaw(w http.ResponseWriter, r *http.Request) error {
	f, err := s.openUploaded(r)
	if err != nil {
		return err
	}
	defer f.Close()
	name := r.PathValue("path")
	sendRaw(w, r, path.Base(name), extOf(name), f, "")
	return nil
}

func escapePath(p string) string {
	parts := strings.Split(p, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}

func queryEscape(s string) string { return url.QueryEscape(s) }

var _ content = (*artifacts.Object)(nil)
