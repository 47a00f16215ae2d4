package table

import (
	"io"

	"github.com/apache/arrow-go/v18/arrow"
)

// openJSONL reads the sample of a JSON Lines stream. Columns are the declared ones and
// the keys of the sample, in the order in which they first appear in the file.
func openJSONL(src io.Reader, name string, o Options) (*textReader, error) {
	s := &jsonScanner{index: map[string]int{}, sampling: true, limit: int(o.FieldBytes)}
	r := &textReader{name: name, o: o, w: window{src: src}, scanner: s, line: 1}
	r.b.unescape = unescapeJSON
	if err := r.skipMark(); err != nil {
		return nil, err
	}
	if err := r.readBlock(int(o.SampleBytes), o.SampleRows); err != nil {
		return nil, err
	}
	if o.Schema != nil {
		// A declared key may come later than the sample.
		for _, f := range o.Schema.Fields() {
			if _, ok := s.index[f.Name]; !ok {
				s.index[f.Name] = len(s.names)
				s.names = append(s.names, f.Name)
				s.row = append(s.row, cell{})
			}
		}
	}
	if len(s.names) == 0 {
		msg := "is empty: it has no object and no schema is declared"
		if r.b.rows > 0 {
			msg = "its objects have no keys"
		}
		return nil, &Error{File: name, Msg: msg}
	}
	s.finish(&r.b)
	r.names = s.names
	if err := checkNames(r.names); err != nil {
		return nil, &Error{File: name, Msg: err.Error()}
	}
	if err := r.checkText(); err != nil {
		return nil, err
	}
	declared, err := declaredTypes(name, o.Schema, r.names)
	if err != nil {
		return nil, err
	}
	return r, r.setColumns(declared, true, func(col int) (arrow.DataType, bool, error) {
		t, numbers, row, msg := inferJSON(&r.b, col, r.names[col])
		if msg != "" {
			return nil, false, r.errorAt(row, col, int(r.b.at(row, col).off), msg)
		}
		return t, numbers, nil
	})
}
