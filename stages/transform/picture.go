package transform

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/dag"
	"pipe/stages/image"
	"pipe/stages/rows"
)

// Pixels configures Pictures.
type Pixels struct {
	Column string    `yaml:"column" json:"column" doc:"the column of picture files" default:"content"`
	Height int       `yaml:"height" json:"height" doc:"pixels from top to bottom" required:"true" min:"1" max:"4096" example:"32"`
	Width  int       `yaml:"width" json:"width" doc:"pixels from left to right" required:"true" min:"1" max:"4096" example:"32"`
	Fit    string    `yaml:"fit" json:"fit" doc:"how a picture of other proportions is made to fit: stretch; cover, which cuts off what is over; contain, which fills up with black" default:"cover" enum:"stretch,cover,contain"`
	Gray   bool      `yaml:"gray" json:"gray" doc:"one channel of brightness (ITU-R 601) in place of red, green and blue" default:"false"`
	Mean   []float32 `yaml:"mean" json:"mean,omitempty" doc:"subtracted from the values, which are from 0 to 1; one number, or one for each channel" example:"[0.485, 0.456, 0.406]"`
	Std    []float32 `yaml:"std" json:"std,omitempty" doc:"what they are divided by then" example:"[0.229, 0.224, 0.225]"`
}

// Channels is how many numbers a pixel has.
func (c *Pixels) Channels() int {
	if c.Gray {
		return 1
	}
	return 3
}

// Validate says what is wrong with the configuration, and of which field.
func (c *Pixels) Validate() (field string, err error) {
	for name, v := range map[string][]float32{"mean": c.Mean, "std": c.Std} {
		if len(v) > 1 && len(v) != c.Channels() {
			return name, fmt.Errorf("one number or %d are needed, one for each channel; there are %d", c.Channels(), len(v))
		}
	}
	for _, v := range c.Std {
		if !(v > 0) {
			return "std", fmt.Errorf("it must be above 0, is %v", v)
		}
	}
	return "", nil
}

// Signature says what Pictures of this configuration read and give.
func (c *Pixels) Signature() *dag.Signature {
	return &dag.Signature{
		Inputs:  []dag.Column{{Name: c.Column, Type: "binary", Doc: "a picture file"}},
		Outputs: []dag.Column{{Name: "pixels", Type: "list<item: float>", Doc: "height × width × channels"}},
		Shape:   []int{c.Height, c.Width, c.Channels()},
	}
}

// Pictures turns a column of picture files into numbers.
type Pictures struct{ config Pixels }

// NewPictures makes the transform.
func NewPictures(c Pixels) (*Pictures, error) {
	if c.Height < 1 || c.Width < 1 || c.Height > 4096 || c.Width > 4096 {
		return nil, fmt.Errorf("a size of %d×%d pixels; each side is from 1 to 4096", c.Width, c.Height)
	}
	if field, err := c.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	return &Pictures{c}, nil
}

// Signature implements Transform.
func (p *Pictures) Signature() dag.Signature { return *p.config.Signature() }

// Apply implements Transform.
func (p *Pictures) Apply(dst *Input, batch arrow.RecordBatch, first int64) error {
	files, err := filesOf(p.config.Column, batch)
	if err != nil {
		return err
	}
	before, size := len(dst.Values), p.config.Height*p.config.Width*p.config.Channels()
	dst.Values = slices.Grow(dst.Values, files.Len()*size)[:before+files.Len()*size]
	done, err := rows.Each(files.Len(), func(i int) error {
		if files.IsNull(i) {
			return &RowError{first + int64(i), p.config.Column, "the file is null; drop such rows with clean's drop_null"}
		}
		if err := p.write(dst.Values[before+i*size:][:size], files.Value(i)); err != nil {
			return fileError(p.config.Column, batch, i, first, err)
		}
		return nil
	})
	dst.Values = dst.Values[:before+done*size]
	dst.Rows += done
	return err
}

// ApplyRow implements Transform.
func (p *Pictures) ApplyRow(dst *Input, row map[string]any) error {
	return oneFile(p.config.Column, row, func(data []byte) error {
		before, size := len(dst.Values), p.config.Height*p.config.Width*p.config.Channels()
		values := slices.Grow(dst.Values, size)[:before+size]
		if err := p.write(values[before:], data); err != nil {
			return err
		}
		dst.Values = values
		dst.Rows++
		return nil
	})
}

// filesOf gives the column of files.
func filesOf(column string, batch arrow.RecordBatch) (*array.Binary, error) {
	at := batch.Schema().FieldIndices(column)
	if len(at) == 0 {
		return nil, fmt.Errorf("the table has no column %q; its columns: %v", column, dag.ColumnNames(batch.Schema()))
	}
	col, ok := batch.Column(at[0]).(*array.Binary)
	if !ok {
		return nil, fmt.Errorf("column %q must be binary, is %s", column, batch.Column(at[0]).DataType())
	}
	return col, nil
}

// fileError says which file is bad.
func fileError(column string, batch arrow.RecordBatch, i int, first int64, err error) error {
	msg := err.Error()
	if path := PathBeside(batch, i); path != "" {
		msg = path + ": " + msg
	}
	return &RowError{first + int64(i), column, msg}
}

// PathBeside is the path that stands in the row of a file; empty where there is none.
func PathBeside(batch arrow.RecordBatch, i int) string {
	if at := batch.Schema().FieldIndices("path"); len(at) > 0 {
		if col, ok := batch.Column(at[0]).(*array.String); ok && !col.IsNull(i) {
			return col.Value(i)
		}
	}
	return ""
}

// oneFile calls f with the file of a request: its bytes, or base64 of them (also as a
// data URL).
func oneFile(column string, row map[string]any, f func(data []byte) error) error {
	bad := func(msg string) error { return &RowError{1, column, msg} }
	var data []byte
	switch v := row[column].(type) {
	case []byte:
		data = v
	case string:
		if comma := dataURL(v); comma > 0 {
			v = v[comma:]
		}
		b, err := base64.StdEncoding.DecodeString(v)
		if err != nil {
			return bad("it must be the bytes of a file in base64: " + err.Error())
		}
		data = b
	case nil:
		return bad("it is missing")
	default:
		return bad(fmt.Sprintf("it must be the bytes of a file in base64, is %T", v))
	}
	if err := f(data); err != nil {
		return bad(err.Error())
	}
	return nil
}

// dataURL gives where the base64 of a data URL begins, 0 where it is none.
func dataURL(s string) int {
	if len(s) < 5 || s[:5] != "data:" {
		return 0
	}
	for i := range min(len(s), 200) {
		if s[i] == ',' {
			return i + 1
		}
	}
	return 0
}

// Seen gives a picture file in the size that the network reads, in its colours.
func (p *Pictures) Seen(data []byte) (*image.Picture, error) {
	pic, err := image.Decode(data)
	if err != nil {
		return nil, err
	}
	switch c := &p.config; c.Fit {
	case "stretch":
		return pic.Resize(c.Width, c.Height), nil
	case "contain":
		return pic.Contain(c.Width, c.Height), nil
	default:
		return pic.Cover(c.Width, c.Height), nil
	}
}

// write fills the values of one picture.
func (p *Pictures) write(values []float32, data []byte) error {
	pic, err := p.Seen(data)
	if err != nil {
		return err
	}
	c := &p.config
	of := func(v []float32, i int, missing float32) float32 {
		switch len(v) {
		case 0:
			return missing
		case 1:
			return v[0]
		}
		return v[i]
	}
	for i := range len(pic.Pixels) / 3 {
		rgb := pic.Pixels[3*i : 3*i+3]
		if c.Gray {
			v := (299*int(rgb[0]) + 587*int(rgb[1]) + 114*int(rgb[2])) / 1000
			values[i] = (float32(v)/255 - of(c.Mean, 0, 0)) / of(c.Std, 0, 1)
			continue
		}
		for k, v := range rgb {
			values[3*i+k] = (float32(v)/255 - of(c.Mean, k, 0)) / of(c.Std, k, 1)
		}
	}
	return nil
}

// save implements Transform.
func (p *Pictures) save(Files) (any, error) { return p.config, nil }

func loadPictures(_ fs.FS, config json.RawMessage) (Transform, error) {
	var c Pixels
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestName, err)
	}
	return NewPictures(c)
}
