package ui

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"html/template"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"pipe/dag/text"
	"pipe/server/inference"
)

// maxTry bounds what a form sends to a model; the deployment's own limit holds, too.
const maxTry = 64 << 20

// IsFile tells a column that takes the bytes of a file.
func (c signatureColumn) IsFile() bool { return c.Type == "binary" }

// Accept is which files a browser offers for the column, by what the signature says
// of it.
func (c signatureColumn) Accept() string {
	switch {
	case strings.Contains(c.Doc, "WAV"):
		return ".wav,audio/wav"
	case strings.Contains(c.Doc, "picture"):
		return "image/*"
	}
	return ""
}

// TakesFile tells whether a model reads a file, so that its form is sent as one.
func (d *deploymentData) TakesFile() bool {
	return slices.ContainsFunc(d.Inputs, signatureColumn.IsFile)
}

// tryModel asks the deployment as any client would, with the fields of a form.
func (s *Server) tryModel(w http.ResponseWriter, r *http.Request) error {
	d, err := s.deploymentOf(r)
	if err != nil {
		return err
	}
	if !d.CanTry {
		return &problem{http.StatusServiceUnavailable, "No version answers here now."}
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxTry)
	const inMemory = 8 << 20
	err = r.ParseForm()
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && kind == "multipart/form-data" {
		err = r.ParseMultipartForm(inMemory)
	}
	if err != nil {
		return &problem{http.StatusBadRequest, "The form cannot be read: " + err.Error()}
	}
	if r.MultipartForm != nil {
		defer func() { _ = r.MultipartForm.RemoveAll() }() // the system removes what is left
	}
	d.Tried = &tried{Given: map[string]string{}}
	ask := asJSON
	if d.TakesFile() {
		ask = asParts
	}
	body, contentType, err := ask(d, r)
	if err != nil {
		return err
	}
	q := r.Clone(r.Context())
	q.Method, q.URL = http.MethodPost, &url.URL{Path: "/predict/" + d.Name}
	q.Header = http.Header{"Content-Type": {contentType}}
	q.Body, q.ContentLength = readCloser{bytes.NewReader(body)}, int64(len(body))
	q.Form, q.PostForm, q.MultipartForm = nil, nil, nil
	answer := &captured{header: http.Header{}, status: http.StatusOK}
	begin := time.Now()
	s.opt.Models.ServeHTTP(answer, q)
	d.Tried.Status, d.Tried.Took = answer.status, duration(time.Since(begin))
	d.Tried.read(answer.body.Bytes())
	id := answer.header.Get("Pipe-Request")
	if rows, err := s.opt.Models.Logged(d.Name, inference.LoggedQuery{Request: id}); err == nil && len(rows) > 0 {
		d.Tried.Logged = id
	}
	status := http.StatusOK
	if answer.status >= 400 {
		status = answer.status
	}
	s.render(w, r, status, "deployment", &frame{Title: d.Name, Room: "deployments"}, d)
	return nil
}

// asJSON is a row of a form as JSON.
func asJSON(d *deploymentData, r *http.Request) ([]byte, string, error) {
	row := map[string]any{}
	for _, c := range d.Inputs {
		text := r.PostFormValue("in." + c.Name)
		d.Tried.Given[c.Name] = text
		row[c.Name] = valueOf(text, c.Type)
	}
	body, err := json.Marshal(row)
	if err != nil {
		return nil, "", &problem{http.StatusBadRequest, "These values cannot be sent: " + err.Error()}
	}
	return body, "application/json", nil
}

// asParts is a row of a form with files.
func asParts(d *deploymentData, r *http.Request) ([]byte, string, error) {
	var body bytes.Buffer
	parts := multipart.NewWriter(&body)
	for _, c := range d.Inputs {
		if !c.IsFile() {
			text := r.PostFormValue("in." + c.Name)
			d.Tried.Given[c.Name] = text
			if err := parts.WriteField(c.Name, text); err != nil {
				return nil, "", err
			}
			continue
		}
		f, head, err := r.FormFile("in." + c.Name)
		if errors.Is(err, http.ErrMissingFile) {
			return nil, "", &problem{http.StatusBadRequest, "Choose a file for " + c.Name + "."}
		}
		if err != nil {
			return nil, "", &problem{http.StatusBadRequest, "The file cannot be read: " + err.Error()}
		}
		data, err := io.ReadAll(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, "", err
		}
		d.Tried.Files = append(d.Tried.Files, fileOf(head.Filename, data))
		part, err := parts.CreateFormFile(c.Name, "file")
		if err != nil {
			return nil, "", err
		}
		if _, err := part.Write(data); err != nil {
			return nil, "", err
		}
	}
	if err := parts.Close(); err != nil {
		return nil, "", err
	}
	return body.Bytes(), parts.FormDataContentType(), nil
}

// triedFile is a file that was asked about, to be seen or heard beside the answer.
type triedFile struct {
	Name         string
	Size         int64
	Image, Audio template.URL // "" where it is neither, or too large
}

// shownFile bounds a file that a page repeats.
const shownFile = 1 << 20

// fileOf makes an address of the bytes of a picture or a recording, by what the
// bytes are and not by what they are called: nothing else may be one.
func fileOf(name string, data []byte) triedFile {
	f := triedFile{Name: name, Size: int64(len(data))}
	if len(data) > shownFile {
		return f
	}
	kind := http.DetectContentType(data)
	address := template.URL("data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(data)) // of a fixed list of types, and base64
	switch kind {
	case "image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp":
		f.Image = address
	case "audio/wave":
		f.Audio = address
	}
	return f
}

// curlOfFile is how a program asks with a file.
func curlOfFile(address string, inputs []signatureColumn) string {
	if len(inputs) == 1 {
		return "curl " + text.ShellWord(address) + " -H 'Content-Type: application/octet-stream' --data-binary @file"
	}
	words := []string{"curl", text.ShellWord(address)}
	for _, c := range inputs {
		value := c.Name + "=…"
		if c.IsFile() {
			value = c.Name + "=@file"
		}
		words = append(words, "-F", text.ShellWord(value))
	}
	return strings.Join(words, " ")
}
