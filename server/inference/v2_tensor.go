package inference

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
)

// v2Rows reads a request: JSON, and where the header says how long it is, binary
// tensors behind it.
func v2Rows(columns []column, body []byte, headerLength string) (*v2Request, []map[string]any, error) {
	head, tail := body, []byte(nil)
	if headerLength != "" {
		n, err := strconv.Atoi(headerLength)
		if err != nil || n < 0 || n > len(body) {
			return nil, nil, badRequest("Inference-Header-Content-Length", "Inference-Header-Content-Length is %s and the body has %d bytes", quote(headerLength), len(body))
		}
		head, tail = body[:n], body[n:]
	}
	in := new(v2Request)
	if err := decodeJSON(head, in); err != nil {
		return nil, nil, err
	}
	if len(in.Inputs) == 0 {
		return nil, nil, badRequest("inputs", "there are no inputs; the model reads %s", columnList(columns))
	}
	var rows []map[string]any
	for i := range in.Inputs {
		t := &in.Inputs[i]
		at := columnAt(columns, t.Name)
		if at < 0 {
			return nil, nil, unknownColumn(columns, t.Name)
		}
		c := &columns[at]
		n, per, err := v2Shape(t)
		if err != nil {
			return nil, nil, err
		}
		if rows == nil {
			rows = make([]map[string]any, n)
			for k := range rows {
				rows[k] = make(map[string]any, len(columns))
			}
		}
		if n != len(rows) {
			return nil, nil, badRequest(t.Name, "input %q has %d rows and input %q has %d", t.Name, n, in.Inputs[0].Name, len(rows))
		}
		var values []any
		if p := t.Parameters; p != nil && p.BinaryDataSize != nil {
			size := *p.BinaryDataSize
			if size < 0 || size > int64(len(tail)) {
				return nil, nil, badRequest(t.Name, "input %q: binary_data_size is %d and %d bytes are left in the body", t.Name, size, len(tail))
			}
			values, err = binaryValues(t, tail[:size], n*per)
			tail = tail[size:]
		} else {
			values, err = jsonValues(t, n*per)
		}
		if err != nil {
			return nil, nil, err
		}
		for k, row := range rows {
			if _, twice := row[t.Name]; twice {
				return nil, nil, badRequest(t.Name, "input %q is there twice", t.Name)
			}
			row[t.Name] = v2Cell(c, values[k*per:(k+1)*per], t)
		}
	}
	if len(tail) > 0 {
		return nil, nil, badRequest("inputs", "%d bytes of the body belong to no input", len(tail))
	}
	return in, rows, nil
}

// v2Shape gives the rows of a tensor and the elements of each.
func v2Shape(t *v2Tensor) (rows, per int, err error) {
	if len(t.Shape) == 0 {
		return 0, 0, badRequest(t.Name, "input %q has no shape", t.Name)
	}
	per = 1
	for i, d := range t.Shape {
		if d < 0 || d > 1<<31 {
			return 0, 0, badRequest(t.Name, "input %q: the shape %v has a dimension of %d", t.Name, t.Shape, d)
		}
		if i > 0 {
			if d > 0 && per > (1<<31)/int(d) {
				return 0, 0, badRequest(t.Name, "input %q: the shape %v is too large", t.Name, t.Shape)
			}
			per *= int(d)
		}
	}
	if t.Shape[0] > maxRows {
		return 0, 0, badRequest(t.Name, "input %q has %d rows, a request has at most %d", t.Name, t.Shape[0], maxRows)
	}
	return int(t.Shape[0]), per, nil
}

// v2Cell is a row's part of a tensor: a value, or a nested list for a column of
// lists.
func v2Cell(c *column, part []any, t *v2Tensor) any {
	if c.id != arrow.LIST && c.id != arrow.FIXED_SIZE_LIST {
		if len(part) == 1 {
			if b, ok := part[0].([]byte); ok && !c.isBytes() {
				return string(b)
			}
			if s, ok := part[0].(string); ok && c.isBytes() && t.Parameters == nil {
				return s // base64, as in JSON
			}
			return part[0]
		}
		return part // which the column refuses by name
	}
	return nest(part, t.Shape[1:])
}

// nest turns a flat list into lists of lists.
func nest(flat []any, shape []int64) any {
	if len(shape) <= 1 {
		return flat
	}
	out := make([]any, shape[0])
	if len(out) == 0 {
		return out
	}
	each := len(flat) / len(out)
	for i := range out {
		out[i] = nest(flat[i*each:(i+1)*each], shape[1:])
	}
	return out
}

// jsonValues reads the data of a tensor, flat or nested.
func jsonValues(t *v2Tensor, count int) ([]any, error) {
	if len(t.Data) == 0 {
		return nil, badRequest(t.Name, "input %q has no data", t.Name)
	}
	var v any
	if err := decodeJSON(t.Data, &v); err != nil {
		return nil, badRequest(t.Name, "input %q: %v", t.Name, err)
	}
	list, ok := v.([]any)
	if !ok {
		return nil, badRequest(t.Name, "input %q: data must be a list, is %s", t.Name, found(v))
	}
	flat := make([]any, 0, min(count, len(t.Data)))
	flat = flatten(flat, list)
	if len(flat) != count {
		return nil, badRequest(t.Name, "input %q: the shape %v has %d elements and data has %d", t.Name, t.Shape, count, len(flat))
	}
	return flat, nil
}

func flatten(out, list []any) []any {
	for _, v := range list {
		if l, ok := v.([]any); ok {
			out = flatten(out, l)
			continue
		}
		out = append(out, v)
	}
	return out
}

// widths are the bytes of an element.
var widths = map[string]int{"BOOL": 1, "INT8": 1, "UINT8": 1, "INT16": 2, "UINT16": 2, "INT32": 4, "UINT32": 4, "FP32": 4, "INT64": 8, "UINT64": 8, "FP64": 8}

// binaryValues reads little-endian elements; BYTES have their length in four
// bytes before them.
func binaryValues(t *v2Tensor, b []byte, count int) ([]any, error) {
	if t.Datatype == "BYTES" {
		return byteStrings(t, b, count)
	}
	width, ok := widths[t.Datatype]
	if !ok {
		return nil, badRequest(t.Name, "input %q: the datatype %s is not known", t.Name, quote(t.Datatype))
	}
	if len(b) != count*width {
		return nil, badRequest(t.Name, "input %q: %d elements of %s are %d bytes, binary_data_size is %d", t.Name, count, t.Datatype, count*width, len(b))
	}
	values := make([]any, count)
	for i := range values {
		values[i] = element(t.Datatype, b[i*width:])
	}
	return values, nil
}

func element(datatype string, b []byte) any {
	switch datatype {
	case "BOOL":
		return b[0] != 0
	case "INT8":
		return int64(int8(b[0]))
	case "UINT8":
		return int64(b[0])
	case "INT16":
		return int64(int16(binary.LittleEndian.Uint16(b)))
	case "UINT16":
		return int64(binary.LittleEndian.Uint16(b))
	case "INT32":
		return int64(int32(binary.LittleEndian.Uint32(b)))
	case "UINT32":
		return int64(binary.LittleEndian.Uint32(b))
	case "INT64":
		return int64(binary.LittleEndian.Uint64(b))
	case "UINT64":
		return json.Number(strconv.FormatUint(binary.LittleEndian.Uint64(b), 10))
	case "FP32":
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b))
}

func byteStrings(t *v2Tensor, b []byte, count int) ([]any, error) {
	values := make([]any, 0, min(count, len(b)/4+1))
	for len(b) > 0 {
		if len(b) < 4 || uint64(binary.LittleEndian.Uint32(b)) > uint64(len(b)-4) {
			return nil, badRequest(t.Name, "input %q: element %d ends before its length", t.Name, len(values)+1)
		}
		n := binary.LittleEndian.Uint32(b)
		values = append(values, b[4:4+n])
		b = b[4+n:]
	}
	if len(values) != count {
		return nil, badRequest(t.Name, "input %q: the shape %v has %d elements and the binary data %d", t.Name, t.Shape, count, len(values))
	}
	return values, nil
}
