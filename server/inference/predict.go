package inference

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// answerPredict is POST /predict/NAME: a row, or several, in whatever form a
// client has them; see docs/serving.md.
func (s *Server) answerPredict(w http.ResponseWriter, r *http.Request) {
	e, err := s.endpoint(r.PathValue("name"))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	q, err := s.begin(w, r, e)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	body, err := s.predictBody(q, r)
	if err != nil {
		q.end(s.refuse(w, r, err))
		return
	}
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	_, _ = w.Write(body) // the client went away
	q.end(http.StatusOK)
}

// predictBody reads the rows, asks for answers and writes them as JSON: one answer
// for one row that came alone, else a list.
func (s *Server) predictBody(q *request, r *http.Request) ([]byte, error) {
	l, err := q.loaded()
	if err != nil {
		return nil, err
	}
	rows, alone, err := readRows(q, r, l.columns)
	if err != nil {
		return nil, err
	}
	if err := checkRows(l.columns, rows); err != nil {
		return nil, err
	}
	answers, err := q.predict(rows)
	if err != nil {
		return nil, err
	}
	if alone {
		return append(appendAnswer(make([]byte, 0, 256), answers[0]), '\n'), nil
	}
	b := append(make([]byte, 0, 128*len(answers)), `{"predictions":[`...)
	for i, a := range answers {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendAnswer(b, a)
	}
	return append(b, "]}\n"...), nil
}

// readRows reads the rows of a body by its Content-Type. alone tells that it is
// one row that did not come in a list.
func readRows(q *request, r *http.Request, columns []column) (rows []map[string]any, alone bool, err error) {
	contentType := r.Header.Get("Content-Type")
	kind, params := contentType, map[string]string(nil)
	if contentType != "application/json" && contentType != "" {
		if kind, params, err = mime.ParseMediaType(contentType); err != nil {
			return nil, false, badRequest("Content-Type", "the header Content-Type: %v", err)
		}
	}
	if kind == "multipart/form-data" {
		row, err := multipartRow(r.Body, params["boundary"], columns)
		return []map[string]any{row}, true, err
	}
	body, err := q.body(r)
	if err != nil {
		return nil, false, err
	}
	switch {
	case kind == "" || kind == "application/json" || strings.HasSuffix(kind, "+json"):
		return jsonRows(columns, body)
	case kind == "application/x-www-form-urlencoded":
		return formRow(columns, body)
	case kind == "text/csv":
		rows, err := csvRows(columns, body)
		return rows, false, err
	case kind == "text/plain":
		c, ok := single(columns)
		if !ok || !c.isText() {
			return nil, false, badRequest("Content-Type", "the model does not read one text but %s; send JSON", columnList(columns))
		}
		if !utf8.Valid(body) {
			return nil, false, badRequest(c.name, "the text is not UTF-8 (byte %d)", invalidAt(body))
		}
		return []map[string]any{{c.name: string(body)}}, true, nil
	}
	if c, ok := single(columns); ok && c.isBytes() { // image/png, audio/wav, application/octet-stream…
		return []map[string]any{{c.name: body}}, true, nil
	}
	return nil, false, &problem{status: http.StatusUnsupportedMediaType, field: "Content-Type",
		text: "the Content-Type " + quote(kind) + " is none of application/json, text/csv, text/plain, application/x-www-form-urlencoded, multipart/form-data"}
}

// jsonRows reads a row, a list of rows, or {"rows": […]}; for a model of one text
// also a text or a list of texts.
func jsonRows(columns []column, body []byte) (rows []map[string]any, alone bool, err error) {
	var v any
	if err := decodeJSON(body, &v); err != nil {
		return nil, false, err
	}
	switch v := v.(type) {
	case string:
		row, err := textRow(columns, v, 1)
		return []map[string]any{row}, true, err
	case map[string]any:
		if list, ok := v["rows"].([]any); ok && len(v) == 1 && !has(columns, "rows") {
			rows, err = listRows(columns, list)
			return rows, false, err
		}
		return []map[string]any{v}, true, nil
	case []any:
		rows, err = listRows(columns, v)
		return rows, false, err
	}
	return nil, false, badRequest("", "the body is %s; it should be an object with the columns %s, or a list of such", found(v), columnList(columns))
}

func listRows(columns []column, list []any) ([]map[string]any, error) {
	rows := make([]map[string]any, len(list))
	for i, v := range list {
		switch v := v.(type) {
		case map[string]any:
			rows[i] = v
		case string:
			row, err := textRow(columns, v, i+1)
			if err != nil {
				return nil, err
			}
			rows[i] = row
		default:
			return nil, badRequest("", "row %d is %s; it should be an object with the columns %s", i+1, found(v), columnList(columns))
		}
	}
	return rows, nil
}

// textRow is the row of a model that reads one column.
func textRow(columns []column, s string, n int) (map[string]any, error) {
	c, ok := single(columns)
	if !ok {
		return nil, badRequest("", "row %d is a text; it should be an object with the columns %s", n, columnList(columns))
	}
	return map[string]any{c.name: s}, nil
}

// formRow reads a form. curl -d says "form" of whatever it sends, so JSON and a
// text without a "=" are taken for what they are.
func formRow(columns []column, body []byte) (rows []map[string]any, alone bool, err error) {
	trimmed := bytes.TrimSpace(body)
	if len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') {
		return jsonRows(columns, body)
	}
	if c, ok := single(columns); ok && c.isText() && !bytes.ContainsAny(body, "=&") {
		row, err := cell(columns, c.name, string(body))
		return []map[string]any{{c.name: row}}, true, err
	}
	row, err := formFields(columns, body)
	return []map[string]any{row}, true, err
}

func formFields(columns []column, body []byte) (map[string]any, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, badRequest("", "the body is no form: %v", err)
	}
	row := make(map[string]any, len(form))
	for name, values := range form {
		if len(values) != 1 {
			return nil, badRequest(name, "the form has the field %q %d times", name, len(values))
		}
		if row[name], err = cell(columns, name, values[0]); err != nil {
			return nil, err
		}
	}
	return row, nil
}

// cell reads a field of a form.
func cell(columns []column, name, value string) (any, error) {
	if !utf8.ValidString(value) {
		return nil, badRequest(name, "the field %q is not UTF-8", name)
	}
	for i := range columns {
		if columns[i].name == name {
			v, err := columns[i].parse(value)
			if err != nil {
				return nil, badRequest(name, "row 1, column %q: %v", name, err)
			}
			return v, nil
		}
	}
	return nil, unknownColumn(columns, name)
}

// multipartRow reads a form with files: a part for each column. Of a model that
// reads one file the part may have any name.
func multipartRow(body io.Reader, boundary string, columns []column) (map[string]any, error) {
	if boundary == "" {
		return nil, badRequest("Content-Type", "the header Content-Type has no boundary")
	}
	row := map[string]any{}
	parts := multipart.NewReader(body, boundary)
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			return row, nil
		}
		if err != nil {
			return nil, multipartError(err)
		}
		b, err := io.ReadAll(part)
		if err != nil {
			return nil, multipartError(err)
		}
		name := part.FormName()
		if c, ok := single(columns); ok && c.isBytes() && part.FileName() != "" {
			name = c.name
		}
		if _, twice := row[name]; twice {
			return nil, badRequest(name, "the form has the field %q twice", name)
		}
		if i := columnAt(columns, name); i >= 0 && columns[i].isBytes() {
			row[name] = b
			continue
		}
		if row[name], err = cell(columns, name, string(b)); err != nil {
			return nil, err
		}
	}
}

func columnAt(columns []column, name string) int {
	for i := range columns {
		if columns[i].name == name {
			return i
		}
	}
	return -1
}

func multipartError(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return err
	}
	return badRequest("", "the body is no form of parts: %v", err)
}

// refuse answers with a problem as JSON and returns its status.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) int {
	p := s.failed(r, err)
	p.head(w.Header())
	body := struct {
		Error string `json:"error"`
		Field string `json:"field,omitempty"`
	}{p.text, p.field}
	writeJSON(w, p.status, body)
	return p.status
}

// writeJSON answers with a value.
func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		b, status = []byte(`{"error":"the answer cannot be written as JSON"}`), http.StatusInternalServerError
	}
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(b) + 1)}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // the client went away
}
