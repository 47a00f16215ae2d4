package ui

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/artifacts/table"
)

// preview is how the contents of a file are shown.
type preview struct {
	Kind    string // "table", "image", "audio", "report", "text", "tensors", "binary"
	Raw     string // the address of the bytes
	Name    string
	Size    int64
	Text    string
	Cut     bool // Text or Rows are not all
	Columns []tableColumn
	Rows    [][]cell
	Total   int64 // rows, where known
	Stats   string
	Tensors []tensor
}

type tableColumn struct {
	Name, Type string
	Null, Num  bool
}

// tensor is a line of a safetensors header.
type tensor struct {
	Name, Type, Shape string
}

// content is a file that can be looked at: from the store or uploaded.
type content interface {
	io.Reader
	io.ReaderAt
	Size() int64
}

// The bounds of what a page shows of a file.
const (
	shownRows    = 50
	shownText    = 256 << 10
	shownCell    = 120
	shownColumns = 300
)

// kindOf tells how a file is shown, by the last part of its name: the format
// that the store knows, or a file's extension.
func kindOf(ext string) string {
	switch strings.ToLower(ext) {
	case "parquet", "arrow", "feather", "ipc", "csv", "tsv", "jsonl", "ndjson":
		return "table"
	case "png", "jpg", "jpeg", "gif", "webp", "svg", "bmp", "avif":
		return "image"
	case "wav", "mp3", "ogg", "oga", "flac", "m4a":
		return "audio"
	case "html", "htm":
		return "report"
	case "safetensors":
		return "tensors"
	case "json", "txt", "log", "md", "yaml", "yml", "toml", "ini", "py", "go", "sh", "sql", "xml", "":
		return "text"
	}
	return "binary"
}

// look makes the preview of a file.
func look(name, ext, raw string, c content) (*preview, error) {
	p := &preview{Kind: kindOf(ext), Raw: raw, Name: name, Size: c.Size()}
	switch p.Kind {
	case "table":
		return p, p.readTable(name, ext, c)
	case "tensors":
		return p, p.readTensors(c)
	case "text", "binary":
		return p, p.readText(ext, c)
	}
	return p, nil
}

func openTable(name, ext string, c content) (table.Reader, error) {
	switch ext {
	case "parquet":
		return table.OpenParquet(c, c.Size(), name)
	case "arrow":
		return table.OpenArrow(c, c.Size(), name)
	}
	f, err := table.FormatOf("x." + ext)
	if err != nil {
		return nil, err
	}
	return table.NewReader(c, c.Size(), name, table.Options{Format: f})
}

func (p *preview) readTable(name, ext string, c content) error {
	r, err := openTable(name, ext, c)
	if err != nil {
		return err
	}
	defer r.Close()
	fields := r.Schema().Fields()
	for _, f := range fields[:min(len(fields), shownColumns)] {
		p.Columns = append(p.Columns, tableColumn{f.Name, table.TypeName(f.Type), f.Nullable, isNumber(f.Type)})
	}
	for batch, err := range table.All(r) {
		if err != nil {
			return err
		}
		for i := 0; i < int(batch.NumRows()); i++ {
			if len(p.Rows) == shownRows {
				p.Cut = true
				return nil
			}
			p.Rows = append(p.Rows, cellsOf(batch, i))
		}
	}
	p.Total = int64(len(p.Rows))
	return nil
}

func isNumber(t arrow.DataType) bool {
	return arrow.IsInteger(t.ID()) || arrow.IsFloating(t.ID()) || arrow.IsDecimal(t.ID())
}

func cellsOf(b arrow.RecordBatch, row int) []cell {
	columns := b.Columns()
	out := make([]cell, min(len(columns), shownColumns))
	for i := range out {
		c := columns[i]
		out[i].Num = isNumber(c.DataType())
		if c.IsNull(row) {
			out[i].Text, out[i].Title = "null", "null"
			continue
		}
		s := strings.ToValidUTF8(c.ValueStr(row), "\uFFFD")
		out[i].Text = clip(shownCell, s)
		if out[i].Text != s {
			out[i].Title = clip(2000, s)
		}
	}
	return out
}

func (p *preview) readText(ext string, c content) error {
	b := make([]byte, min(c.Size(), shownText))
	n, err := c.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return err
	}
	b = b[:n]
	p.Cut = int64(n) < c.Size()
	for p.Cut && len(b) > 0 && !utf8.RuneStart(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	if p.Cut && len(b) > 0 && b[len(b)-1] >= utf8.RuneSelf {
		b = b[:len(b)-1]
	}
	if !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
		p.Kind = "binary"
		p.Text = hexDump(b[:min(len(b), 512)])
		return nil
	}
	p.Kind, p.Text = "text", string(b)
	if ext == "json" && !p.Cut {
		var out bytes.Buffer
		if json.Indent(&out, b, "", "  ") == nil {
			p.Text = out.String()
		}
	}
	return nil
}

func hexDump(b []byte) string {
	var out strings.Builder
	for i := 0; i < len(b); i += 16 {
		row := b[i:min(i+16, len(b))]
		fmt.Fprintf(&out, "%08x  %-48x ", i, row)
		for _, c := range row {
			if c < ' ' || c > '~' {
				c = '.'
			}
			out.WriteByte(c)
		}
		out.WriteByte('\n')
	}
	return out.String()
}

// readTensors reads the header of a safetensors file: eight bytes of its length,
// then JSON.
func (p *preview) readTensors(c content) error {
	var head [8]byte
	if _, err := c.ReadAt(head[:], 0); err != nil {
		return fmt.Errorf("%s is no safetensors file: %w", p.Name, err)
	}
	n := binary.LittleEndian.Uint64(head[:])
	if n > 64<<20 || int64(n) > c.Size()-8 {
		return fmt.Errorf("%s is no safetensors file: its header would have %d bytes", p.Name, n)
	}
	b := make([]byte, n)
	if _, err := c.ReadAt(b, 8); err != nil {
		return err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return fmt.Errorf("%s: the header is no JSON: %w", p.Name, err)
	}
	for _, name := range sortedKeys(all) {
		var t struct {
			Dtype string  `json:"dtype"`
			Shape []int64 `json:"shape"`
		}
		if name == "__metadata__" || json.Unmarshal(all[name], &t) != nil {
			continue
		}
		p.Tensors = append(p.Tensors, tensor{name, t.Dtype, strings.Trim(strings.ReplaceAll(fmt.Sprint(t.Shape), " ", " × "), "[]")})
	}
	return nil
}

// extOf is what a name says of its contents.
func extOf(name string) string { return strings.TrimPrefix(path.Ext(name), ".") }

// contents finds what is shown of an artifact: itself, or a file of the folder.
func (s *Server) contents(r *http.Request, d *artifactData) error {
	base := "/artifacts/" + string(d.Ref.Digest)
	if !d.Ref.IsFolder() {
		o, err := s.w.Store.Open(d.Ref)
		if err != nil {
			return err
		}
		defer o.Close()
		d.Preview, err = look(d.Name, d.Ref.Format, base+"/raw", o)
		if d.Preview != nil {
			d.Preview.Total = d.Ref.Rows
			d.Preview.Stats = base + "/stats"
		}
		return err
	}
	f, err := s.w.Store.OpenFolder(d.Ref)
	if err != nil {
		return err
	}
	d.Files, d.Size = f.List(), f.Size()
	if d.Path == "" {
		d.Path = mainFile(d.Files)
	}
	if d.Path == "" {
		return nil
	}
	o, err := f.OpenObject(d.Path)
	if err != nil {
		return err
	}
	defer o.Close()
	d.Preview, err = look(d.Path, extOf(d.Path), base+"/raw/"+escapePath(d.Path), o)
	if d.Preview != nil && d.Preview.Kind == "table" {
		d.Preview.Stats = base + "/stats?file=" + queryEscape(d.Path)
	}
	return err
}

// mainFile is the file of a folder that tells most of it.
func mainFile(files []artifacts.FolderFile) string {
	for _, f := range files {
		if f.Path == "model.json" || f.Path == "transform.json" || f.Path == "README.md" {
			return f.Path
		}
	}
	for _, f := range files {
		if strings.HasSuffix(f.Path, ".json") || strings.HasSuffix(f.Path, ".yaml") {
			return f.Path
		}
	}
	if len(files) > 0 {
		return files[0].Path
	}
	return ""
}

// rawKinds are the types that bytes are sent as; everything else is offered as a
// file to keep.
func rawKind(name, ext string) (kind string, inline bool) {
	switch kindOf(ext) {
	case "image", "audio":
		if t := mime.TypeByExtension("." + strings.ToLower(ext)); t != "" {
			return t, true
		}
	case "report":
		return "text/html; charset=utf-8", true
	case "text":
		return "text/plain; charset=utf-8", true
	}
	return "application/octet-stream", false
}
