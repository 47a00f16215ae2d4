package nn

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// Array is a named tensor in a safetensors file.
type Array struct {
	Name  string
	Shape Shape
	Data  []float32
}

// The layout of a safetensors file (huggingface.co/docs/safetensors): the length
// of the header as a little-endian uint64, the header as JSON, and the numbers of
// all tensors without a gap. The header maps each name to its type, shape and
// place, and "__metadata__" to strings.
type tensorEntry struct {
	DType   string   `json:"dtype"`
	Shape   []uint64 `json:"shape"`
	Offsets []uint64 `json:"data_offsets"`
}

const (
	metadataKey = "__metadata__"

	// maxHeader is the limit of the format's own implementation.
	maxHeader = 100 << 20

	// headerAlign lets the numbers begin where a mapped file can be read in
	// place.
	headerAlign = 8
)

// WriteSafetensors writes the arrays as F32, sorted by name, so that equal
// arrays give equal bytes. Names must differ.
func WriteSafetensors(w io.Writer, arrays []Array, metadata map[string]string) error {
	arrays = slices.Clone(arrays)
	slices.SortFunc(arrays, func(a, b Array) int { return strings.Compare(a.Name, b.Name) })
	header := map[string]any{} // encoding/json sorts the keys
	if len(metadata) > 0 {
		header[metadataKey] = metadata
	}
	end := uint64(0)
	for _, a := range arrays {
		if _, twice := header[a.Name]; twice || a.Name == metadataKey {
			return fmt.Errorf("safetensors: name %q cannot be used twice", a.Name)
		}
		if a.Shape.Size() != len(a.Data) {
			return fmt.Errorf("safetensors: %q has %d numbers for shape %v", a.Name, len(a.Data), a.Shape)
		}
		begin := end
		end += 4 * uint64(len(a.Data))
		shape := make([]uint64, len(a.Shape))
		for i, d := range a.Shape {
			shape[i] = uint64(d)
		}
		header[a.Name] = tensorEntry{"F32", shape, []uint64{begin, end}}
	}
	data, err := json.Marshal(header)
	if err != nil {
		return fmt.Errorf("safetensors: header: %w", err)
	}
	for len(data)%headerAlign != 0 {
		data = append(data, ' ')
	}
	out := bufio.NewWriterSize(w, 1<<16)
	if err := binary.Write(out, binary.LittleEndian, uint64(len(data))); err != nil {
		return err
	}
	if _, err := out.Write(data); err != nil {
		return err
	}
	for _, a := range arrays {
		var b [4]byte
		for _, v := range a.Data {
			binary.LittleEndian.PutUint32(b[:], math.Float32bits(v))
			if _, err := out.Write(b[:]); err != nil {
				return err
			}
		}
	}
	return out.Flush()
}
